import HTTP
import Synchronization
import Testing

@Suite struct RouterTests {
    /// What a responder delivered.
    final class Delivered: Sendable {
        let answers = Mutex<[HTTPResponse?]>([])
    }

    func router() -> Router {
        var router = Router { .text($0, "problem: \($1)") }
        func say(_ name: String) -> HTTPHandler {
            { request, responder in
                let id = request.parameters["id"] ?? "-"
                responder.respond(.text(200, "\(name) \(id) \(request.route)"))
            }
        }
        router.on(.get, "/", say("root"))
        router.on(.get, "/v1/orders", say("list"))
        router.on(.post, "/v1/orders", say("place"))
        router.on(.get, "/v1/orders/{id}", say("order"))
        router.on(.get, "/v1/orders/export", say("export"))
        router.on(.post, "/v1/orders/{id}/cancel", say("cancel"))
        return router
    }

    func answer(_ method: HTTPMethod, _ target: String) throws -> HTTPResponse {
        let delivered = Delivered()
        let request = try HTTPRequest(method, target)
        router().handle(
            request, Responder { answer in delivered.answers.withLock { $0 += [answer] } })
        let answers = delivered.answers.withLock { $0 }
        #expect(answers.count == 1)
        return try #require(answers.first ?? nil)
    }

    @Test(
        arguments: [
            (.get, "/", "root - /"), (.get, "/v1/orders?limit=3", "list - /v1/orders"),
            (.get, "/v1/orders/o%2F7", "order o/7 /v1/orders/{id}"),
            (.get, "/v1/orders/export", "export - /v1/orders/export"),
            (.post, "/v1/orders/export/cancel", "cancel export /v1/orders/{id}/cancel"),
            (.head, "/v1/orders", "list - /v1/orders"),
        ] as [(HTTPMethod, String, String)])
    func `a request finds its route`(method: HTTPMethod, target: String, said: String) throws {
        let response = try answer(method, target)
        #expect(response.status == 200)
        #expect(String(decoding: response.body, as: UTF8.self) == said)
    }

    @Test(arguments: [
        "/v1", "/v2/orders", "/v1/orders/", "/v1/orders/1/2", "//v1/orders", "/V1/orders", "*",
    ])
    func `an unknown path is not found`(target: String) throws {
        #expect(try answer(.get, target).status == 404)
    }

    @Test func `letters equal by Unicode alone are other letters`() throws {
        var router = Router()
        router.on(.get, "/K") { $1.respond(.text(200, "")) }
        let delivered = Delivered()
        let request = try HTTPRequest(.get, "/%E2%84%AA")
        router.handle(
            request, Responder { answer in delivered.answers.withLock { $0 += [answer] } })
        #expect(delivered.answers.withLock { $0.first??.status } == 404)
    }

    @Test func `a wrong method learns the right ones`() throws {
        let response = try answer(.delete, "/v1/orders")
        #expect(response.status == 405)
        #expect(response.headers["Allow"] == "GET, HEAD, POST")
        #expect(String(decoding: response.body, as: UTF8.self).hasPrefix("problem: "))
        #expect(try answer(.head, "/v1/orders/1/cancel").status == 405)
    }

    @Test func `a responder delivers once, and says when it is dropped`() {
        let delivered = Delivered()
        do {
            let responder = Responder { answer in delivered.answers.withLock { $0 += [answer] } }
            responder.respond(.text(201, ""))
            responder.respond(.text(202, ""))
        }
        #expect(delivered.answers.withLock { $0.map(\.?.status) } == [201])
        _ = Responder { answer in delivered.answers.withLock { $0 += [answer] } }
        #expect(delivered.answers.withLock { $0.count } == 2)
    }
}
