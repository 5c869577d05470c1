import Domain
import EventSourcing
import HTTP
import Projections

/// A query's parameters, read one by one; what is wrong is collected, so that a client sees it all
/// at once.
struct Query {
    private let query: HTTPQuery
    private(set) var errors: [FieldError] = []
    /// What was read, in order, as it was sent: what the target of the next page repeats.
    private(set) var repeated: [(name: String, value: String)] = []

    /// - Parameter known: the parameters there are; every other one is an error, and so is a
    ///   second one.
    init(_ request: HTTPRequest, known: [String]) {
        query = request.query
        var seen: Set<[UInt8]> = []
        for item in query.items where seen.insert(Array(item.name.utf8)).inserted {
            if !known.contains(where: { $0.utf8.elementsEqual(item.name.utf8) }) {
                fail(item.name, "is not known here; known are \(known.joined(separator: ", "))")
            } else if query.values(item.name).count > 1 {
                fail(item.name, "must be given once")
            }
        }
    }

    mutating func fail(_ name: String, _ reason: String) {
        errors.append(FieldError(place: .parameter(name), detail: reason))
    }

    /// - Throws: all that was collected, if anything.
    func check() throws(RequestError) {
        guard errors.isEmpty else { throw RequestError(invalid) }
    }

    /// The answer that names all that was collected.
    var invalid: Problem {
        Problem(
            400, "invalid-query",
            "The query has \(errors.count) \(errors.count == 1 ? "error" : "errors").",
            errors: Array(errors.prefix(BodyFields.maximumErrors)))
    }

    /// A value that is read by a rule of its own; nil where it was not sent.
    mutating func parsed<Value>(
        _ name: String, rule: String, _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = query[name] else { return nil }
        guard let value = parse(text) else {
            fail(name, rule)
            return nil
        }
        repeated.append((name, text))
        return value
    }

    /// The same for one that must be sent.
    mutating func required<Value>(
        _ name: String, rule: String, _ parse: (String) -> Value?
    ) -> Value? {
        if query[name] == nil { fail(name, "is missing; it \(rule)") }
        return parsed(name, rule: rule, parse)
    }

    /// One of a few names.
    mutating func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, isRequired: Bool = false
    ) -> Value? {
        let rule = "must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))"
        return isRequired
            ? required(name, rule: rule, Value.init(rawValue:))
            : parsed(name, rule: rule, Value.init(rawValue:))
    }

    mutating func limit(upTo maximum: Int64, otherwise: Int64) -> Int {
        let limit = parsed("limit", rule: "must be 1 to \(maximum)") { text in
            Int64(strictDecimal: text.utf8).flatMap { (1...maximum).contains($0) ? $0 : nil }
        }
        return Int(limit ?? otherwise)
    }

    /// `from`, inclusive, and `to`, exclusive.
    mutating func period() -> Period {
        let rule =
            "must be a time of RFC 3339 or a date YYYY-MM-DD; in a query a + is written %2B"
        let from = parsed("from", rule: rule, Self.moment)
        let to = parsed("to", rule: rule, Self.moment)
        if let from, let to, to < from { fail("from", "must not be after to") }
        return Period(from: from, to: to)
    }

    /// A date is its first moment in UTC.
    private static func moment(_ text: String) -> Timestamp? {
        Timestamp(text.utf8.count == 10 ? "\(text)T00:00:00Z" : text)
    }

    /// What `cursor` holds for exactly this query.
    mutating func cursor<Value>(
        _ seal: CursorSeal, for query: [String], _ parse: ([String]) -> Value?
    ) -> Value? {
        guard let text = self.query["cursor"] else { return nil }
        if let value = seal.open(text, for: query).flatMap(parse) { return value }
        fail(
            "cursor", "must be as an answer to the same query gave it; without it a list begins")
        return nil
    }

    /// The target of the next page, relative to this server.
    func next(_ path: String, _ name: String, _ cursor: String) -> String {
        let items = repeated + [(name, cursor)]
        return path + "?"
            + items.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
    }
}

extension HTTPHeaders {
    /// Links to the next page. Source: RFC 8288.
    mutating func link(next target: String) { self["Link"] = "<\(target)>; rel=\"next\"" }
}
