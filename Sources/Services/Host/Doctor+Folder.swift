import Foundation
import Glibc
import HTTP

/// The folder, its lock, the room on its disk, and the port.
extension Doctor {
    private static let gibibyte: Int64 = 1 << 30
    private static let little: Int64 = 100 << 20

    /// - Returns: whether there is a folder to look into.
    mutating func checkFolder() -> Bool {
        let data = settings.data
        var status = stat()
        guard stat(data, &status) == 0 else {
            note(
                "folder", .problem, "\(data): \(String(cString: strerror(errno)))",
                "shopctl up makes it, or name another with --data")
            return false
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            note(
                "folder", .problem, "\(data) is a file, not a folder", "name another with --data")
            return false
        }
        let mode = String(status.st_mode & 0o7777, radix: 8)
        let whose = "\(data), of user \(status.st_uid), mode \(mode)"
        if access(data, R_OK | W_OK | X_OK) != 0 {
            note(
                "folder", .problem, "\(whose), cannot be written",
                "run as its owner, or chown it to user \(geteuid())")
        } else if status.st_mode & S_IWOTH != 0 {
            note(
                "folder", .problem, "\(whose): everybody on this machine may change the logs",
                "chmod o-w \(data)")
        } else if status.st_mode & 0o077 != 0 {
            note(
                "folder", .warning, "\(whose): others on this machine may read the logs",
                "chmod 700 \(data)")
        } else if status.st_uid != geteuid() {
            note(
                "folder", .warning, "\(whose), and this is user \(geteuid())",
                "run the shop as the folder's owner")
        } else {
            note("folder", whose)
        }
        return true
    }

    /// What the shop's processes show each other, where it has been made.
    mutating func checkSecret() {
        guard access("\(settings.data)/secret", F_OK) == 0 else { return }
        do throws(KeyFile.Failure) {
            _ = try Secret.load(in: settings.data, SystemRuntime())
        } catch { note("secret", .problem, "\(error)", "shopctl up does not start without it") }
    }

    /// Takes each lock as a reader would, and gives it back at once.
    mutating func checkLock() {
        let parts = ShopPart.allCases.map {
            ($0.rawValue, DataFolder.lock(of: $0, in: settings.data))
        }
        let held = ([("shop", "\(settings.data)/lock")] + parts).compactMap { name, path in
            Self.holder(of: path).map { (name, $0) }
        }
        guard let first = held.first else { return note("running shop", "none") }
        process = first.1
        let several = Set(held.map(\.1))
        guard several.count > 1 else { return note("running shop", "process \(first.1)") }
        note(
            "running shop",
            "processes " + held.map { "\($0.1) (\($0.0))" }.joined(separator: ", "))
    }

    /// The process that holds a lock; nil where none does.
    private static func holder(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.isEmpty ? "unknown" : text
    }

    mutating func checkSpace() {
        var status = statvfs()
        guard statvfs(settings.data, &status) == 0 else {
            return note(
                "disk space", .problem, String(cString: strerror(errno)), "look at the disk")
        }
        let free = Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
        let text = "\(Self.size(free)) free; the shop takes \(Self.size(used()))"
        switch Self.judge(free: free) {
        case .problem:
            note("disk space", .problem, text, "make room: a shop that cannot write takes no order")
        case .warning: note("disk space", .warning, text, "make room")
        case .ok: note("disk space", text)
        }
    }

    /// How it stands with so many bytes free.
    package static func judge(free: Int64) -> State {
        free < little ? .problem : free < gibibyte ? .warning : .ok
    }

    /// Bytes on disk of all files under the folder.
    private func used() -> Int64 {
        let files = FileManager.default.enumerator(atPath: settings.data)
        var bytes: Int64 = 0
        while let name = files?.nextObject() as? String {
            var status = stat()
            guard lstat("\(settings.data)/\(name)", &status) == 0 else { continue }
            bytes += Int64(status.st_blocks) * 512
        }
        return bytes
    }

    static func size(_ bytes: Int64) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (Double(bytes) / 1024, 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    mutating func checkPort() {
        let port = settings.port
        var options = HTTPClient.Options()
        options.connectTimeout = .seconds(2)
        options.answerTimeout = .seconds(5)
        do throws(HTTPClientError) {
            let answer = try HTTPClient(port: port, options: options).get("/livez")
            let isShop = answer.body.elementsEqual("{\"status\":\"alive\"}".utf8)
            switch (isShop, process != nil) {
            case (true, true): note("port", "a shop answers on \(port)")
            case (true, false):
                note(
                    "port", .problem, "another folder's shop answers on \(port)",
                    "stop it, or use another with shopctl up --port")
            case (false, _): noteTaken(port)
            }
        } catch {
            guard case .nothingListens = error else { return noteTaken(port) }
            checkBinding(port)
        }
    }

    private mutating func noteTaken(_ port: UInt16) {
        note(
            "port", process == nil ? .problem : .warning, "somebody else listens on \(port)",
            "stop that program, or use another port with shopctl up --port")
    }

    /// Whether a shop may listen there: low ports are not for everybody.
    private mutating func checkBinding(_ port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else {
            return note("port", .problem, String(cString: strerror(errno)), "look at ulimit -n")
        }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let bound = withUnsafeBytes(of: &address) { bytes in
            bind(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(bytes.count))
        }
        guard bound == 0 else {
            return note(
                "port", .problem, "\(port): \(String(cString: strerror(errno)))",
                "use another with shopctl up --port")
        }
        note("port", "\(port) is free")
    }
}
