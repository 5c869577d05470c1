import EventSourcing
import Foundation
import Glibc
import Testing

/// What a program that runs a shop tells its allocator.
@Suite(.scenarios) struct AllocatorTests {
    private static let variable = "GLIBC_TUNABLES"
    private static let settings = "glibc.malloc.tcache_count=64"

    /// What a running shop has of the variable.
    private func tunables(of process: Int32) throws -> [Substring] {
        try String(contentsOfFile: "/proc/\(process)/environ", encoding: .utf8)
            .split(separator: "\0").filter { $0.hasPrefix("\(Self.variable)=") }
    }

    @Test func `a shop has its own settings, once, and is the process that was started`() throws {
        let shop = try RunningShop.fresh(as: .single)
        let found = try tunables(of: shop.child.process)
        if ProcessInfo.processInfo.environment[Self.variable] == nil {
            #expect(found == ["\(Self.variable)=\(Self.settings)"])
        } else {
            // Whoever starts it knows better.
            #expect(found.count == 1)
        }
        try shop.stop()
    }

    /// Debian's places for it, and Fedora's.
    private static let installed = [
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64",
    ].contains { FileManager.default.fileExists(atPath: "\($0)/libjemalloc.so.2") }

    @Test(.enabled(if: installed, "libjemalloc2 is not installed"), arguments: [false, true])
    func `jemalloc hands out a shop's memory where it is there, unless told otherwise`(
        isToldOtherwise: Bool
    ) throws {
        let folder = try Folder()
        let own = isToldOtherwise ? ["/usr/bin/env", "\(Self.variable)=\(Self.settings)"] : []
        let bench = ["bench", "store", "--events", "1000", "--json", "--data", "\(folder.path)/b"]
        let finished = try Shopctl.run(own + [Shopctl.path] + bench)
        let json = try JSONObject(try JSON(parsing: Array(finished.output.utf8)))
        let allocator = try json.object("machine").string("allocator")
        let environment = ProcessInfo.processInfo.environment
        let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
        let isOwn = environment[Self.variable] != nil || environment["LD_PRELOAD"] != nil
        let isExpected = !isToldOtherwise && !isSanitized && !isOwn
        #expect(allocator == (isExpected ? "jemalloc" : "glibc's malloc"))
    }
}
