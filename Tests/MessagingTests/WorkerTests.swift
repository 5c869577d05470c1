import Dispatch
import Foundation
import Messaging
import Testing

@Suite struct WorkerTests {
    @Test func `a worker that nobody waits for leaves no memory behind`() throws {
        let count = 500
        let before = try mappings()
        for _ in 0..<count {
            let ended = DispatchSemaphore(value: 0)
            _ = Worker("unheeded") { ended.signal() }
            ended.wait()
        }
        // A stack that is kept is two mappings; other tests make some of their own meanwhile.
        let grown = try mappings() - before
        #expect(grown < count, "\(grown) mappings more")
    }

    private func mappings() throws -> Int {
        try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            .utf8.count { $0 == UInt8(ascii: "\n") }
    }
}
