import EventSourcing
import Foundation

/// A broker in a process of its own that speaks NATS: ours, or Debian's nats-server.
final class WireBroker {
    enum Kind: String, CaseIterable, Sendable { case broker, natsServer = "nats-server" }

    let kind: Kind
    private let folder: Folder
    private var child: Child?
    private(set) var port: UInt16 = 0
    var url: String { "nats://127.0.0.1:\(port)" }

    /// - Returns: nil, and says so, where there is no nats-server.
    init?(_ kind: Kind) throws {
        self.kind = kind
        folder = try Folder()
        if kind == .natsServer, Self.natsServer == nil {
            print("skipped: \"\(#fileID)\": no nats-server is installed")
            return nil
        }
        try start()
    }

    private static let natsServer = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .map { "\($0)/nats-server" }.first(where: FileManager.default.isExecutableFile)

    /// Starts it, on the port that it had before if it had one.
    func start() throws {
        let ports = "\(folder.path)/ports"
        try? FileManager.default.removeItem(atPath: ports)
        try FileManager.default.createDirectory(atPath: ports, withIntermediateDirectories: true)
        let command =
            kind == .broker
            ? [
                Shopctl.path, "serve", "broker", "--data", folder.data, "--port", "\(port)",
                "--json",
            ]
            : [
                Self.natsServer ?? "", "-js", "-sd", folder.data, "-a", "127.0.0.1", "-p",
                port == 0 ? "-1" : "\(port)", "--ports_file_dir", ports,
            ]
        let started = try Child(command, output: "\(folder.path)/server")
        child = started
        port = try eventually("\(kind.rawValue) is ready") {
            if let code = started.exitCode { throw Failure("\(code): \(started.standardError)") }
            return kind == .broker ? Self.port(started.standardOutput) : Self.port(in: ports)
        }
    }

    func kill() {
        child?.kill()
        child = nil
    }

    private static func port(_ line: String) -> UInt16? {
        guard line.hasSuffix("\n") else { return nil }
        return port(of: try? JSON(parsing: Array(line.utf8))["url"]?.string)
    }

    private static func port(in folder: String) -> UInt16? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.lazy.compactMap { name in
            let data = FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data()
            let json = try? JSON(parsing: Array(data))
            return port(of: json?["nats"]?.array?.first?.string)
        }.first
    }

    private static func port(of url: String?) -> UInt16? {
        url?.split(separator: ":").last.flatMap { UInt16($0) }
    }
}
