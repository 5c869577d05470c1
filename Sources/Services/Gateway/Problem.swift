import EventSourcing
import HTTP
import Projections

/// What is wrong with one part of a request.
struct FieldError: Hashable, Sendable {
    enum Place: Hashable, Sendable {
        /// A JSON Pointer into the body (RFC 6901).
        case pointer(String)
        case parameter(String)
        case header(String)
    }

    let place: Place
    let detail: String
}

/// An error's answer. Source: RFC 9457.
struct Problem: Sendable {
    let status: HTTPStatus
    /// Stable, for programs; `type` is made of it.
    let code: String
    let detail: String
    var errors: [FieldError] = []
    var headers: HTTPHeaders = [:]
    /// What the problem is about, where that is not the request's target.
    var conflicting: String?

    init(
        _ status: HTTPStatus, _ code: String, _ detail: String, errors: [FieldError] = [],
        headers: HTTPHeaders = [:], conflicting: String? = nil
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.conflicting = conflicting
    }

    /// Asks to come again soon.
    static func unavailable(_ code: String, _ detail: String, retryAfter: Int = 1) -> Problem {
        Problem(503, code, detail, headers: ["Retry-After": "\(retryAfter)"])
    }

    static let foreignToken = Problem(
        400, "invalid-consistency-token",
        "The Consistency-Token names a log that is not read here.")

    static func unreadable(_ error: ReadError) -> Problem {
        unavailable("read-store-unavailable", error.description)
    }

    func response(instance: String, traceID: String) -> HTTPResponse {
        var json = JSONWriter(reserving: 400)
        json.object { json in
            json.member("type", "/problems/\(code)")
            json.member("title", status.reason)
            json.member("status", Int64(status.code))
            json.member("detail", detail)
            if !instance.isEmpty { json.member("instance", instance) }
            json.member("code", code)
            if let conflicting { json.member("conflicting", conflicting) }
            if !errors.isEmpty {
                json.member("errors") { json in
                    json.array { json in for error in errors { error.encode(to: &json) } }
                }
            }
            json.member("traceId", traceID)
        }
        var headers = headers
        headers["Content-Type"] = "application/problem+json"
        return HTTPResponse(status, headers: headers, body: json.bytes)
    }
}

extension FieldError {
    fileprivate func encode(to json: inout JSONWriter) {
        json.object { json in
            switch place {
            case .pointer(let pointer): json.member("pointer", pointer)
            case .parameter(let name): json.member("parameter", name)
            case .header(let name): json.member("header", name)
            }
            json.member("detail", detail)
        }
    }
}
