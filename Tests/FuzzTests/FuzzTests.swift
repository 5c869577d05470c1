import Foundation
import FuzzChecks
import Testing

/// What the fuzzer begins with and what it has found, without the fuzzer.
@Suite struct FuzzTests {
    /// The files kept for a target.
    private static func inputs(_ folder: String, _ target: FuzzTarget) throws -> [Input] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appending(path: "Fuzz/\(folder)/\(target.rawValue)").path
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { name in
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
            return Input(target: target, name: "\(folder)/\(name)", bytes: Array(data))
        }
    }

    @Test(arguments: FuzzTarget.allCases) func `each seed and each finding holds`(
        target: FuzzTarget
    ) throws {
        let seeds = try Self.inputs("corpus", target)
        #expect(!seeds.isEmpty, "\(target.rawValue) has no seed")
        for input in try seeds + Self.inputs("regressions", target) { try input.check() }
    }

    @Test(arguments: FuzzTarget.allCases) func `a seed cut off anywhere holds`(
        target: FuzzTarget
    ) throws {
        for input in try Self.inputs("corpus", target) {
            for count in stride(from: 0, to: input.bytes.count, by: 1 + input.bytes.count / 64) {
                try input.with(Array(input.bytes.prefix(count)), "cut off at \(count)").check()
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases) func `a seed with a changed byte holds`(
        target: FuzzTarget
    ) throws {
        let changes: [UInt8] = [0x01, 0x20, 0x80, 0xFF]
        for input in try Self.inputs("corpus", target) {
            for at in stride(from: 0, to: input.bytes.count, by: 1 + input.bytes.count / 64) {
                var bytes = input.bytes
                bytes[at] ^= changes[at % changes.count]
                try input.with(bytes, "changed at \(at)").check()
            }
        }
    }
}

private struct Input {
    let target: FuzzTarget
    let name: String
    let bytes: [UInt8]

    func with(_ bytes: [UInt8], _ change: String) -> Input {
        Input(target: target, name: "\(name), \(change)", bytes: bytes)
    }

    func check() throws {
        do {
            try target.check(bytes)
        } catch { Issue.record("\(target.rawValue), \(name): \(error)") }
    }
}
