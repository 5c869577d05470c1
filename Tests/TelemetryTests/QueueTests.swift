import Telemetry
import Testing

@Suite struct QueueTests {
    @Test func `what finds no room is dropped and counted`() {
        let queue = SpanQueue(limit: 5)
        queue.add("a", "b", "c")
        queue.add("d", "e", "f", "g")
        queue.add("h")
        #expect(queue.count == 5 && queue.counts == SpanCounts(full: 3))
        #expect(queue.take(1).map(\.spans.count) == [3])
        #expect(queue.count == 2)
        queue.add("i")
        #expect(queue.take(100).map(\.spans.count) == [2, 1])
        #expect(queue.count == 0 && queue.take(1).isEmpty)
        #expect(queue.counts.dropped == 3)
    }

    @Test func `lots come out in their order, as many as hold what is wanted`() {
        let queue = SpanQueue()
        for _ in 0..<10 { queue.add("a", "b") }
        #expect(queue.take(3).count == 2 && queue.take(4).count == 2 && queue.take(99).count == 6)
    }
}

@Suite struct CollectorURLTests {
    @Test(arguments: [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("http://collector", "http://collector:80/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ("http://[::1]", "http://[::1]:80/v1/traces"),
        ("http://h:1/otlp/v1/traces?key=1", "http://h:1/otlp/v1/traces?key=1"),
    ])
    func `a URL without a path is that of traces`(text: String, meaning: String) throws {
        #expect(try CollectorURL(text).description == meaning)
    }

    @Test func `what a URL without a path means can be told`() throws {
        #expect(try CollectorURL("http://h:1", path: "/").path == "/")
    }

    @Test(arguments: [
        "", "127.0.0.1:4318", "https://h:4318", "http://", "http://:4318", "http://h:",
        "http://h:0",
        "http://h:65536", "http://h:+1", "http://h:1:2", "http://u:p@h", "http://[::1", "http://[]",
        "http://[h]:1", "http://[::1]x", "http://h:1/a b", "http://h:1/#a", "http://h:1/../x",
        "ftp://h", "http://é:1",
    ])
    func `what is none is refused, with the reason`(text: String) {
        let error = #expect(throws: CollectorURL.Malformed.self) { try CollectorURL(text) }
        #expect(error?.description.isEmpty == false)
    }
}
