import Arguments
import EventSourcing
import HTTP

/// Speaks to a running shop's gateway.
struct GatewayClient {
    private let client: HTTPClient
    let url: String

    /// - Parameters:
    ///   - connections: how many stay open for reuse.
    ///   - limit: how long an answer is waited for.
    /// - Throws: `UsageError` for a URL that is none.
    init(
        _ invocation: Invocation, connections: Int = 8, within limit: Duration = .seconds(30)
    ) throws {
        url = try invocation.text("url")
        let (host, port) = try invocation.gateway()
        var options = HTTPClient.Options()
        options.hint = "start the shop with shopctl up"
        options.idleConnections = connections
        options.answerTimeout = limit
        client = HTTPClient(host: host, port: port, options: options)
    }

    /// What a gateway answered that did not do what it was asked.
    struct Refusal: Error, CustomStringConvertible {
        let status: Int
        let description: String
    }

    /// What a gateway answered that carried out what it was asked.
    struct Answer {
        let json: JSON
        let headers: HTTPHeaders

        /// The target of the next page, where the answer is one of several.
        var next: String? {
            guard let link = headers["Link"], link.hasPrefix("<"),
                link.hasSuffix(">; rel=\"next\""), let end = link.firstIndex(of: ">")
            else { return nil }
            return String(link[link.index(after: link.startIndex)..<end])
        }
    }

    /// - Throws: `Refusal` with what the problem says, for any status of 400 and above.
    func send(
        _ method: HTTPMethod, _ path: String, body: JSONWriter? = nil, headers: HTTPHeaders = [:]
    ) throws -> Answer {
        var headers = headers
        if body != nil { headers["Content-Type"] = "application/json" }
        let response = try client.send(method, path, headers: headers, body: body?.bytes ?? [])
        guard let json = try? JSON(parsing: response.body) else {
            throw CommandFailure("\(url) answered \(response.status.code) without JSON")
        }
        let status = response.status.code
        if status >= 400 { throw Refusal(status: status, description: Self.problem(json, status)) }
        return Answer(json: json, headers: response.headers)
    }

    /// One exchange as it is, whatever its status.
    func exchange(
        _ method: HTTPMethod, _ path: String, body: [UInt8] = [], headers: HTTPHeaders = [:]
    ) throws(HTTPClientError) -> HTTPResponse {
        var headers = headers
        if !body.isEmpty { headers["Content-Type"] = "application/json" }
        return try client.send(method, path, headers: headers, body: body)
    }

    /// What a problem says, for a person.
    static func problem(_ json: JSON, _ status: Int) -> String {
        var text = json["detail"]?.string ?? json["title"]?.string ?? "status \(status)"
        if let code = json["code"]?.string { text += " (\(code))" }
        for error in json["errors"]?.array ?? [] {
            let place = ["pointer", "parameter", "header"].lazy.compactMap { error[$0]?.string }
            text += "\n  \(place.first ?? "the body"): \(error["detail"]?.string ?? "")"
        }
        return text
    }

    /// A path with a query, its values percent-encoded.
    static func target(_ path: String, _ query: [(name: String, value: String)]) -> String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
    }
}
