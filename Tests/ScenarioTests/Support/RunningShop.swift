import EventSourcing
import Foundation
import Glibc
import HTTP

/// A whole shop below a process of its own.
final class RunningShop: Sendable {
    let folder: Folder
    let url: String
    let port: UInt16
    let client: HTTPClient
    let child: Child
    private let form: Form

    /// How a shop is run.
    enum Form: String, CaseIterable, Sendable {
        /// All of it in one process.
        case single
        /// Each part a process, as it is without being told.
        case processes

        /// The form of scenarios that ask for none: `KASSA_FORM`, or one process, which is quicker.
        static let usual = Form(rawValue: environment["KASSA_FORM"] ?? "") ?? .single
    }

    private static let environment = ProcessInfo.processInfo.environment
    /// Whether scenarios that ask for neither a form nor a broker are given a nats-server each:
    /// `KASSA_BROKER`.
    private static let usesNATS = environment["KASSA_BROKER"] == "nats-server"

    /// Starts it, and waits until it is ready.
    ///
    /// - Parameters:
    ///   - form: nil for whichever; where one is given the broker is the built-in one.
    ///   - options: further ones of `shopctl up`.
    ///   - prefix: a command that runs it, `["env", "A=b"]`.
    init(
        _ folder: Folder, as form: Form? = nil, port: UInt16 = 0, options: [String] = [],
        prefix: [String] = []
    ) throws {
        self.folder = folder
        let choosesBroker = form != nil || options.contains { $0.hasPrefix("--broker") }
        let form = form ?? .usual
        self.form = form
        let broker =
            Self.usesNATS && !choosesBroker ? ["--broker", try folder.natsServer()] : []
        child = try Child(
            prefix + [Shopctl.path, "up", "--port", "\(port)", "--json", "--data", folder.data]
                + (form == .single ? ["--single-process"] : []) + broker + options,
            output: "\(folder.path)/up")
        let child = child
        let line = try eventually("the shop is ready") {
            if let code = child.exitCode { throw Failure("up: \(code), \(child.standardError)") }
            let text = child.standardOutput
            return text.hasSuffix("\n") ? text : nil
        }
        url = try JSON(parsing: Array(line.utf8))["url"]?.string ?? ""
        self.port = UInt16(url.split(separator: ":").last ?? "") ?? 0
        client = HTTPClient(port: self.port)
    }

    /// One that runs already.
    ///
    /// - Parameter child: what its notices come from.
    init(_ folder: Folder, _ child: Child, port: UInt16) {
        (self.folder, self.child, self.port) = (folder, child, port)
        form = .single
        url = "http://127.0.0.1:\(port)"
        client = HTTPClient(port: port)
    }

    /// In a fresh folder, with goods in stock.
    ///
    /// - Parameter options: further ones of `shopctl up`.
    static func fresh(as form: Form? = nil, mugs: Int = 1000, options: [String] = []) throws
        -> RunningShop
    {
        let shop = try RunningShop(try Folder(), as: form, options: options)
        try shop.receive("mug", mugs)
        return shop
    }

    /// What it told its operator.
    var notices: String { child.standardError }

    /// Ends all of it as a loss of power would.
    func kill() {
        if form == .processes {
            // It is to start nobody anew, nor to tell the others to end.
            child.signal(SIGSTOP)
            for process in child.children { Glibc.kill(process, SIGKILL) }
        }
        child.kill()
    }

    /// Ends it as Ctrl-C does.
    func stop() throws {
        child.signal(SIGINT)
        let code = try child.end()
        guard code == 0 else { throw Failure("up ended with \(code): \(notices)") }
    }

    func post(_ path: String, _ body: String, _ headers: HTTPHeaders = [:]) throws -> Answer {
        var headers = headers
        if headers["Content-Type"] == nil { headers["Content-Type"] = "application/json" }
        return Answer(try client.send(.post, path, headers: headers, body: Array(body.utf8)))
    }

    func get(_ path: String, _ headers: HTTPHeaders = [:]) throws -> Answer {
        Answer(try client.get(path, headers: headers))
    }

    @discardableResult
    func receive(_ sku: String, _ quantity: Int) throws -> Answer {
        let answer = try post("/v1/stock/\(sku)/receipts", "{\"quantity\":\(quantity)}")
        guard answer.status == 201 else { throw Failure("\(answer)") }
        return answer
    }

    func place(_ order: OrderBody = OrderBody(), key: String? = nil) throws -> Answer {
        try post("/v1/orders", order.text, key.map { ["Idempotency-Key": $0] } ?? [:])
    }

    /// Places an order that must be accepted.
    func accepted(_ order: OrderBody = OrderBody(), key: String? = nil) throws -> Answer {
        let answer = try place(order, key: key)
        guard answer.status == 201 else { throw Failure("\(answer)") }
        return answer
    }

    /// The order once it has come to its end.
    func end(of id: String) throws -> Answer {
        var last: Answer?
        do {
            return try eventually("order \(id) ends") {
                let answer = try get("/v1/orders/\(id)")
                last = answer
                let ends = ["completed", "rejected", "cancelled", "expired"]
                return ends.contains(answer["status"]) ? answer : nil
            }
        } catch {
            let read = try sqlite(
                folder.readStore, "SELECT source, epoch, position FROM checkpoints")
            let lag = try get("/readyz").text
            throw Failure("\(error); last \(last?.text ?? "nothing"); \(read)\(lag)\(notices)")
        }
    }

    /// Places an order and waits for its end.
    func ended(_ order: OrderBody = OrderBody()) throws -> Answer {
        try end(of: try accepted(order)["id"])
    }
}

/// What a client sends to place an order.
struct OrderBody {
    var sku = "mug"
    var quantity = 1
    var token = "tok_ok"
    /// Further members, `"reference":"r1"`.
    var more = ""
    /// A member that has mails sent.
    static let contact = "\"contact\":\"ada@analytical.example\""

    var text: String {
        let line = "{\"sku\":\"\(sku)\",\"quantity\":\(quantity),\"unitPrice\":750}"
        let rest = more.isEmpty ? "" : ",\(more)"
        return "{\"currency\":\"GBP\",\"token\":\"\(token)\",\"lines\":[\(line)]\(rest)}"
    }
}

/// An answer of the gateway.
struct Answer: CustomStringConvertible, Sendable {
    let status: Int
    let headers: HTTPHeaders
    let text: String
    let json: JSON

    init(_ response: HTTPResponse) {
        status = response.status.code
        headers = response.headers
        text = String(decoding: response.body, as: UTF8.self)
        json = (try? JSON(parsing: response.body)) ?? .null
    }

    /// A member's text; empty where there is none.
    subscript(name: String) -> String { json[name]?.string ?? "" }
    var token: HTTPHeaders { ["Consistency-Token": headers["Consistency-Token"] ?? ""] }
    var description: String { "\(status) \(text)" }
    /// Whether it is an error as RFC 9457 has it.
    var isProblem: Bool {
        headers["Content-Type"] == "application/problem+json"
            && json["status"]?.integer == Int64(status) && !self["title"].isEmpty
            && !self["detail"].isEmpty && !self["code"].isEmpty
    }
}

extension Answer {
    /// The id in a JSON text; empty where there is none.
    static func id(_ text: String) -> String {
        (try? JSON(parsing: Array(text.utf8)))?["id"]?.string ?? ""
    }
}
