import Glibc
import HTTP
import Messaging
import Net
import Synchronization
import Telemetry

/// Stands for a collector in a bench: reads what is posted, and answers each post with 200.
final class TraceSink: Sendable {
    private let listener: Descriptor
    private let thread = Mutex<Worker?>(nil)
    private let posts = Atomic<Int64>(0)
    private let bytes = Atomic<Int64>(0)
    let url: CollectorURL

    /// How many posts it has taken.
    var postCount: Int64 { posts.load(ordering: .relaxed) }
    /// How many bytes their bodies had.
    var byteCount: Int64 { bytes.load(ordering: .relaxed) }

    /// - Throws: where no port is to be had.
    init() throws {
        guard let address = Socket.resolve("127.0.0.1", port: 0, numeric: true).first else {
            throw Shop.Failure.cannotStart("127.0.0.1 is no address of this machine")
        }
        listener = try Socket.listen(address, backlog: 8)
        url = CollectorURL(
            place: HTTPPlace(host: "127.0.0.1", port: Socket.localPort(listener)))
        thread.withLock { $0 = Worker("trace-sink", .awaited) { [self] in acceptAll() } }
    }

    /// Ends once those that are connected have gone.
    func stop() {
        shutdown(listener.number, Int32(SHUT_RDWR))
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    private func acceptAll() {
        var readers: [Worker] = []
        while Socket.wait(listener, Int16(POLLIN), until: .never) {
            let number = accept(listener.number, nil, nil)
            guard number >= 0 else { break }
            let connection = Descriptor(owning: number)
            readers.append(Worker("trace-reader", .awaited) { [self] in read(connection) })
        }
        for reader in readers { reader.join() }
    }

    private func read(_ connection: Descriptor) {
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".utf8)
        var chunk = [UInt8](repeating: 0, count: 256 * 1024)
        var head: [UInt8] = []
        // What is left of the body that is being read.
        var left = 0
        while true {
            let count = chunk.withUnsafeMutableBytes { Socket.receive(connection.number, $0) }
            guard count > 0 else { return }
            var rest = chunk[..<count]
            if left == 0 {
                head += rest
                guard let (end, length) = Self.body(of: head) else { continue }
                rest = head[end...]
                head = []
                left = length
                bytes.add(Int64(length), ordering: .relaxed)
            }
            // One post at a time: nothing follows before its answer.
            left -= rest.count
            guard left <= 0 else { continue }
            left = 0
            posts.add(1, ordering: .relaxed)
            _ = answer.withUnsafeBytes { Socket.send(connection.number, $0) }
        }
    }

    /// Where the body begins, and how long it is; nil while the head is not whole.
    private static func body(of head: [UInt8]) -> (start: Int, length: Int)? {
        let end = Array("\r\n\r\n".utf8)
        guard head.count >= 4,
            let start = (0...(head.count - 4)).first(where: { head[$0..<$0 + 4] == end[...] })
        else { return nil }
        let lines = String(decoding: head[..<start], as: UTF8.self).split(separator: "\r\n")
        let length = lines.lazy.compactMap { line -> Int? in
            let parts = line.split(separator: ":")
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].drop { $0 == " " })
        }.first
        return (start + 4, length ?? 0)
    }
}
