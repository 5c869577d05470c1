import EventSourcing
import Foundation
import Glibc
import Synchronization

/// A folder that goes when nobody holds it any more.
final class Folder: Sendable {
    let path: String
    private let server = Mutex<WireBroker?>(nil)

    init() throws {
        var template = Array("\(NSTemporaryDirectory())/kassa-scenario-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure("no temporary folder") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The shop's own folder within.
    var data: String { "\(path)/shop" }
    /// The address of a nats-server that is its shop's alone, and lives as long as the folder.
    func natsServer() throws -> String {
        try server.withLock { server in
            if server == nil { server = try WireBroker(.natsServer) }
            guard let server else { throw Failure("no nats-server is installed") }
            return server.url
        }
    }

    func log(_ service: String) -> String { "\(data)/\(service)/\(service).db" }
    /// The read store's file in use: the one with the greatest number, where it was rebuilt.
    var readStore: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/gateway")) ?? []
        let numbers = names.compactMap { name in
            name.hasPrefix("read-") && name.hasSuffix(".db")
                ? Int(name.dropFirst(5).dropLast(3)) : nil
        }
        return "\(data)/gateway/read\(numbers.max().map { "-\($0)" } ?? "").db"
    }
}

/// What a command that ended has said.
struct Finished {
    let code: Int32
    let output: String
    let error: String
    var all: String { output + error }
}

/// The program under test, as a person runs it.
enum Shopctl {
    /// It lies next to the tests' own executable.
    static let path: String = {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let own = link ?? ""
        let near = URL(fileURLWithPath: own).deletingLastPathComponent()
            .appendingPathComponent("shopctl").path
        if FileManager.default.isExecutableFile(atPath: near) { return near }
        // Where the tests are loaded by a helper of the toolchain.
        return root.appendingPathComponent(".build/debug/shopctl").path
    }()

    /// The package's folder.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func run(_ arguments: String...) throws -> Finished {
        try run([path] + arguments)
    }

    static func run(_ command: [String], within limit: Double = 300) throws -> Finished {
        let folder = try Folder()
        let child = try Child(command, output: "\(folder.path)/command")
        let code = try child.end(within: limit)
        return Finished(
            code: code, output: child.standardOutput, error: child.standardError)
    }

    /// Every event on record in a service, oldest first.
    static func events(_ service: String, in folder: Folder) throws -> [JSON] {
        let listed = try run(
            "events", "--service", service, "--data", folder.data, "--json", "--limit", "100000")
        guard listed.code == 0 else { throw Failure(listed.all) }
        return try listed.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
    }

    /// Replays and compares everything.
    static func verify(_ folder: Folder, within limit: Double = 300) throws -> Finished {
        try run([path, "replay", "--verify", "--data", folder.data], within: limit)
    }
}

/// Changes a file behind the shop's back.
func sqlite(_ path: String, _ statements: String) throws -> String {
    let done = try Shopctl.run(["sqlite3", "-bail", "-cmd", ".timeout 60000", path, statements])
    guard done.code == 0 else { throw Failure(done.all) }
    return done.output
}
