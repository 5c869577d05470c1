import EventSourcing
import HTTP

/// A body's members, read one by one; what is wrong is collected, so that a client sees it all at
/// once.
struct BodyFields {
    /// The most errors that one answer names.
    static let maximumErrors = 100

    private let object: JSONObject
    private(set) var errors: [FieldError] = []

    /// - Parameter known: the members there are; every other one is an error.
    init(_ object: JSONObject, known: [String]) {
        self.object = object
        for member in object.members
        where !known.contains(where: { Self.isSame($0, member.name) }) {
            fail(member.name, "is not known here; known are \(known.joined(separator: ", "))")
        }
    }

    /// Reads a request's body.
    ///
    /// - Throws: where it is not announced as JSON, cannot be read, or is no object.
    init(_ request: HTTPRequest, known: [String]) throws(RequestError) {
        guard Self.isJSON(request.headers.values("Content-Type")) else {
            throw RequestError(
                Problem(
                    415, "unsupported-media-type",
                    "The body must be announced by Content-Type: application/json."))
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: request.body)
        } catch {
            throw RequestError(Problem(400, "malformed-json", "The body \(error.reason)."))
        }
        do throws(JSONError) {
            self.init(try JSONObject(json), known: known)
        } catch {
            throw RequestError(Self.invalid([FieldError(error)]))
        }
    }

    /// A text that is as long as one of ASCII, and equal to it, has the same bytes.
    private static func isSame(_ known: String, _ name: String) -> Bool {
        known.utf8.count == name.utf8.count && known == name
    }

    private static func isJSON(_ types: [String]) -> Bool {
        guard types.count == 1, let type = types.first else { return false }
        var name = type.utf8.prefix { $0 != UInt8(ascii: ";") }
            .map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        while name.last == 0x20 || name.last == 0x09 { name.removeLast() }
        return name.elementsEqual("application/json".utf8)
    }

    static func invalid(_ errors: [FieldError]) -> Problem {
        Problem(
            422, RequestError.invalidBody,
            "The body has \(errors.count) \(errors.count == 1 ? "error" : "errors").",
            errors: Array(errors.prefix(maximumErrors)))
    }

    /// - Throws: all that was collected, if anything.
    func check() throws(RequestError) {
        guard errors.isEmpty else { throw RequestError(Self.invalid(errors)) }
    }

    mutating func fail(_ name: String, _ reason: String) {
        add(FieldError(object.error(name, reason)))
    }

    mutating func add(_ error: FieldError) { errors.append(error) }

    /// Errors about a value that lies at `place` and does not know it.
    mutating func add(_ others: [FieldError], at place: @autoclosure () -> String) {
        if others.isEmpty { return }
        let place = place()
        for error in others {
            guard case .pointer(let pointer) = error.place else { continue }
            add(FieldError(place: .pointer(place + pointer), detail: error.detail))
        }
    }

    /// What `read` gives; its error is collected, and nil given.
    mutating func read<Value>(_ read: (JSONObject) throws(JSONError) -> Value?) -> Value? {
        do throws(JSONError) {
            return try read(object)
        } catch {
            add(FieldError(error))
            return nil
        }
    }

    mutating func optionalText(_ name: String, bytes limit: Int) -> String? {
        guard let text = read({ (json) throws(JSONError) in try json.optionalString(name) })
        else { return nil }
        guard (1...limit).contains(text.utf8.count) else {
            fail(name, "must be 1 to \(limit) bytes")
            return nil
        }
        return text
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = read({ (json) throws(JSONError) in try json.integer(name) }) else {
            return nil
        }
        guard range.contains(value) else {
            fail(name, "must be \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// A value that is read from a string by a rule of its own.
    mutating func parsed<Value>(
        _ name: String, required: Bool, rule: String, _ parse: (String) -> Value?
    ) -> Value? {
        let text = read { (json) throws(JSONError) in
            required ? try json.string(name) : try json.optionalString(name)
        }
        guard let text else { return nil }
        if let value = parse(text) { return value }
        fail(name, rule)
        return nil
    }
}

extension RequestError {
    static let invalidBody = "invalid-body"
}

extension FieldError {
    init(_ error: JSONError) {
        self.init(place: .pointer(error.pointer), detail: error.reason)
    }
}
