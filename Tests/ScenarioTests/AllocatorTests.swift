import Foundation
import Testing

/// What a program that runs a shop tells its allocator.
@Suite struct AllocatorTests {
    private static let variable = "GLIBC_TUNABLES"

    /// What a running shop has of the variable.
    private func tunables(of process: Int32) throws -> [Substring] {
        try String(contentsOfFile: "/proc/\(process)/environ", encoding: .utf8)
            .split(separator: "\0").filter { $0.hasPrefix("\(Self.variable)=") }
    }

    @Test func `a shop has its own settings, once, and is the process that was started`() throws {
        let shop = try RunningShop.fresh()
        let found = try tunables(of: shop.child.process)
        if ProcessInfo.processInfo.environment[Self.variable] == nil {
            #expect(found == ["\(Self.variable)=glibc.malloc.tcache_count=64"])
        } else {
            // Whoever starts it knows better.
            #expect(found.count == 1)
        }
        try shop.stop()
    }
}
