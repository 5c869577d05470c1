import EventSourcing
import Foundation
import Host
import Synchronization
import Testing

@Suite(.scenarios) struct SystemRuntimeTests {
    @Test func `no random number is given twice, whoever asks`() {
        let runtime = SystemRuntime()
        let all = Mutex<[UInt64]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let own = (0..<1000).map { _ in runtime.random() }
            all.withLock { $0 += own }
        }
        let numbers = all.withLock { $0 }
        #expect(numbers.count == 4000 && Set(numbers).count == 4000 && !numbers.contains(0))
    }

    @Test func `an identifier is a UUID of version 7, and none is given twice`() {
        let runtime = SystemRuntime()
        let early = runtime.newID()
        let parts = early.split(separator: "-").map(\.count)
        #expect(parts == [8, 4, 4, 4, 12] && early.utf8.count == 36)
        #expect(early.utf8.dropFirst(14).first == UInt8(ascii: "7"))
        #expect("89ab".contains(early.split(separator: "-")[3].first ?? "-"))
        #expect(UUID(uuidString: early) != nil)
        #expect(Set((0..<500).map { _ in runtime.newID() }).count == 500)
    }
}
