import EventSourcing
import Foundation
import Glibc
import HTTP
import Net
import Synchronization
import Telemetry
import Testing

/// Collectors that are good, away, busy, silent, slow, or no collectors at all.
@Suite struct ExporterTests {
    private let notices = Notices()

    private static var limits: OTLPExporter.Limits {
        var limits = OTLPExporter.Limits()
        limits.pause = .milliseconds(10)
        limits.answerTimeout = .milliseconds(300)
        limits.retry = .milliseconds(20)
        limits.attempts = 3
        return limits
    }

    private func exporter(
        _ url: CollectorURL, queue: SpanQueue = SpanQueue(),
        limits: OTLPExporter.Limits = ExporterTests.limits
    ) throws -> OTLPExporter {
        try OTLPExporter.start(
            url, resource, queue: queue, limits: limits, runtime: ManualRuntime(),
            notice: notices.take)
    }

    @Test func `a collector gets what is told, in few posts`() throws {
        let collector = try Collector()
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a", "b", of: "orders")
        exporter.queue.add("c", of: "payments")
        try eventually("all are exported") { exporter.queue.counts.exported == 3 }
        #expect(try collector.names().sorted() == ["call a", "call b", "call c"])
        #expect(collector.bodies.count <= 2 && exporter.queue.counts.dropped == 0)
        exporter.stop()
        #expect(notices.all.isEmpty)
    }

    @Test func `what is queued at the end is sent`() throws {
        let collector = try Collector()
        defer { collector.stop() }
        var limits = Self.limits
        limits.pause = .seconds(3600)
        limits.farewell = .seconds(30)
        let exporter = try exporter(collector.url, limits: limits)
        for _ in 0..<3000 { exporter.queue.add("a", "b") }
        exporter.stop()
        #expect(exporter.queue.counts == SpanCounts(exported: 6000))
        #expect(collector.bodies.count >= 3)
        // A second time does nothing, and waits for nobody.
        exporter.stop()
    }

    @Test func `a collector that comes later gets what has waited`() throws {
        let first = try Collector()
        let port = first.port
        first.stop()
        var limits = Self.limits
        limits.attempts = 1000
        let url = CollectorURL(place: HTTPPlace(host: "127.0.0.1", port: port))
        let exporter = try exporter(url, limits: limits)
        exporter.queue.add("a")
        usleep(100_000)
        #expect(exporter.queue.counts == SpanCounts())
        let second = try Collector(port: port)
        defer { second.stop() }
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
    }

    @Test func `spans for a collector that is away are given up, and it is said once`() throws {
        let gone = try Collector()
        let url = gone.url
        gone.stop()
        let exporter = try exporter(url)
        for _ in 0..<3 {
            let before = exporter.queue.counts.unanswered
            exporter.queue.add("a", "b")
            try eventually("they are given up") {
                exporter.queue.counts.unanswered == before + 2
            }
        }
        exporter.stop()
        #expect(exporter.queue.counts == SpanCounts(unanswered: 6))
        try eventually("it is said") { !notices.all.isEmpty }
        #expect(notices.all.count == 1, "\(notices.all)")
        #expect(notices.all[0].contains("2 spans for \(url) were dropped"), "\(notices.all)")
        #expect(notices.all[0].contains("nothing listens"), "\(notices.all)")
    }

    @Test(arguments: [429, 502, 503, 504]) func `a collector that is busy is asked again`(
        status: Int
    ) throws {
        let busy = Collector.Line.answer(HTTPStatus(status))
        let collector = try Collector([busy, busy])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a")
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
        #expect(collector.bodies.count == 3 && Set(collector.bodies).count == 1)
        #expect(exporter.queue.counts.dropped == 0)
    }

    @Test func `a collector that says when is not asked before`() throws {
        let collector = try Collector([.answer(429, ["Retry-After": "1"], "")])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        let begin = Moment.now()
        exporter.queue.add("a")
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        #expect(Moment.now() >= begin + .seconds(1))
        exporter.stop()
    }

    @Test func `a pause that is asked for has a limit`() throws {
        let collector = try Collector([.answer(503, ["Retry-After": "86400000"], "")])
        defer { collector.stop() }
        var limits = Self.limits
        limits.longestRetry = .milliseconds(30)
        let exporter = try exporter(collector.url, limits: limits)
        exporter.queue.add("a")
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
    }

    @Test(arguments: [301, 400, 401, 404, 413, 500]) func `what a collector refuses is dropped`(
        status: Int
    ) throws {
        let collector = try Collector([.answer(HTTPStatus(status), [:], "not like this")])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a", "b")
        try eventually("it is dropped") { exporter.queue.counts.refused == 2 }
        exporter.queue.add("c")
        try eventually("the next is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
        #expect(collector.bodies.count == 2)
        #expect(notices.all.contains { $0.contains("\(status)") && $0.contains("not like this") })
    }

    @Test(arguments: ["\"1\"", "1"]) func `what was taken in part is counted in part`(
        count: String
    ) throws {
        let answer = "{\"partialSuccess\":{\"rejectedSpans\":\(count),\"errorMessage\":\"x\"}}"
        let collector = try Collector([.answer(200, [:], answer)])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a", "b", "c")
        try eventually("it is counted") { exporter.queue.counts.refused == 1 }
        exporter.stop()
        #expect(exporter.queue.counts == SpanCounts(exported: 2, refused: 1))
    }

    @Test(arguments: ["nonsense", "[]", "{\"partialSuccess\":{\"rejectedSpans\":\"-5\"}}"])
    func `an answer of 200 that cannot be read is one of 200`(text: String) throws {
        let collector = try Collector([.answer(200, [:], text)])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a")
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
    }

    @Test func `a silent collector holds up nobody, and what has no room is dropped`() throws {
        let collector = try Collector([.silence, .silence, .silence, .silence])
        defer { collector.stop() }
        var limits = Self.limits
        limits.answerTimeout = .seconds(30)
        limits.farewell = .milliseconds(200)
        let queue = SpanQueue(limit: 100)
        let exporter = try exporter(collector.url, queue: queue, limits: limits)
        queue.add("a")
        try eventually("it is asked") { collector.bodies.count == 1 }
        for _ in 0..<1000 { queue.add("b", "c", "d") }
        #expect(queue.count == 100 && queue.counts.full == 2900)
        let begin = Moment.now()
        exporter.stop()
        #expect(Moment.now() < begin + .seconds(20))
    }

    @Test func `a collector that was silent once gets the same again`() throws {
        let collector = try Collector([.silence])
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        exporter.queue.add("a")
        try eventually("it is exported") { exporter.queue.counts.exported == 1 }
        exporter.stop()
        #expect(collector.bodies.count == 2 && Set(collector.bodies).count == 1)
    }

    @Test func `a slow collector gets all`() throws {
        let collector = try Collector((0..<4).map { _ in .late(.milliseconds(50)) })
        defer { collector.stop() }
        let exporter = try exporter(collector.url)
        for _ in 0..<4 {
            exporter.queue.add("a")
            usleep(30_000)
        }
        try eventually("all are exported") { exporter.queue.counts.exported == 4 }
        exporter.stop()
        #expect(exporter.queue.counts.dropped == 0)
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        String(repeating: "x", count: 100_000),
    ])
    func `what is no collector is given up`(answer: String) throws {
        let garbage = try GarbageServer(answer)
        defer { garbage.stop() }
        let exporter = try exporter(
            CollectorURL(place: HTTPPlace(host: "127.0.0.1", port: garbage.port)))
        exporter.queue.add("a")
        try eventually("it is given up") { exporter.queue.counts.unanswered == 1 }
        exporter.stop()
    }
}

/// Reads once from each connection, answers the same to everybody, and hangs up.
private final class GarbageServer: Sendable {
    private let listener: Descriptor
    let port: UInt16

    init(_ answer: String) throws {
        guard let address = Socket.resolve("127.0.0.1", port: 0, numeric: true).first else {
            throw Failure("no address")
        }
        let listener = try Socket.listen(address, backlog: 8)
        (self.listener, port) = (listener, Socket.localPort(listener))
        Thread.detachNewThread {
            while Socket.wait(listener, Int16(POLLIN), until: .never) {
                let number = accept(listener.number, nil, nil)
                guard number >= 0 else { return }
                var chunk = [UInt8](repeating: 0, count: 65536)
                _ = recv(number, &chunk, chunk.count, 0)
                _ = Array(answer.utf8).withUnsafeBytes { Socket.send(number, $0) }
                shutdown(number, Int32(SHUT_WR))
                // What is unread would reset the connection.
                while recv(number, &chunk, chunk.count, 0) > 0 {}
                close(number)
            }
        }
    }

    func stop() { shutdown(listener.number, Int32(SHUT_RDWR)) }
}
