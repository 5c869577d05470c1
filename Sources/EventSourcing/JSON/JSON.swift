/// A JSON value (RFC 8259). Objects keep their members' order; names are compared byte by byte.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case integer(Int64)
    /// Any other number, in the digits it was written with.
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Hashable, Sendable {
        public let name: String
        public let value: JSON
        public init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// The member of that name; nil where there is none or the value is no object.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        for member in members where member.name.isExactly(name) { return member.value }
        return nil
    }

    /// The text of a string value.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    /// The value of an integer.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The elements of an array.
    public var array: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
    /// The members of an object; none of any other value.
    public var members: [Member] { if case .object(let members) = self { members } else { [] } }
}

/// What was wrong with a JSON text or value, and where.
public struct JSONError: Error, Hashable, CustomStringConvertible {
    /// A JSON Pointer (RFC 6901) to the value; empty for the whole.
    public let pointer: String
    /// What is wrong, as the end of a sentence that begins with the place: "is missing".
    public let reason: String

    public init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    public var description: String { "\(pointer.isEmpty ? "the text" : pointer) \(reason)" }
}

/// An object whose members are read by name; errors name the member by its JSON Pointer.
public struct JSONObject: Sendable {
    public let members: [JSON.Member]
    /// Where it is: the pointer to what encloses it, the member of that, and in an array its index.
    /// Only errors want all of it as one text.
    private let enclosing: String
    private let name: String?
    private let index: Int?

    /// - Throws: `JSONError` where the value is no object.
    public init(_ json: JSON, at pointer: String = "") throws(JSONError) {
        try self.init(json, in: pointer, nil)
    }

    private init(_ json: JSON, in enclosing: String, _ name: String?, _ index: Int? = nil)
        throws(JSONError)
    {
        (self.enclosing, self.name, self.index) = (enclosing, name, index)
        guard case .object(let members) = json else {
            self.members = []
            throw JSONError(pointer: pointer, reason: "must be an object")
        }
        self.members = members
    }

    /// The pointer to this object.
    public var pointer: String {
        guard let name else { return enclosing }
        let member = Self.path(enclosing, name)
        return index.map { "\(member)/\($0)" } ?? member
    }

    /// The member's value; nil where it is absent or null.
    public subscript(name: String) -> JSON? {
        for member in members where member.name.isExactly(name) {
            if case .null = member.value { return nil }
            return member.value
        }
        return nil
    }

    /// An error about the member `name`.
    public func error(_ name: String, _ reason: String) -> JSONError {
        JSONError(pointer: path(name), reason: reason)
    }

    /// The pointer to the member `name`, with `~` and `/` escaped.
    public func path(_ name: String) -> String { Self.path(pointer, name) }

    private static func path(_ enclosing: String, _ name: String) -> String {
        var text = enclosing + "/"
        for scalar in name.unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    public func string(_ name: String) throws(JSONError) -> String {
        guard let text = try optionalString(name) else { throw error(name, "is missing") }
        return text
    }

    public func optionalString(_ name: String) throws(JSONError) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value else { throw error(name, "must be a string") }
        return text
    }

    public func integer(_ name: String) throws(JSONError) -> Int64 {
        guard let value = try optionalInteger(name) else { throw error(name, "is missing") }
        return value
    }

    public func optionalInteger(_ name: String) throws(JSONError) -> Int64? {
        guard let value = self[name] else { return nil }
        guard case .integer(let number) = value else { throw error(name, "must be an integer") }
        return number
    }

    /// True or false; false where absent.
    public func flag(_ name: String) throws(JSONError) -> Bool {
        guard let value = self[name] else { return false }
        guard case .bool(let flag) = value else { throw error(name, "must be true or false") }
        return flag
    }

    public func array(_ name: String) throws(JSONError) -> [JSON] {
        guard let value = self[name] else { throw error(name, "is missing") }
        guard case .array(let elements) = value else { throw error(name, "must be an array") }
        return elements
    }

    /// The objects of an array, each knowing its own pointer.
    public func objects(_ name: String) throws(JSONError) -> [JSONObject] {
        let elements = try array(name)
        var objects: [JSONObject] = []
        objects.reserveCapacity(elements.count)
        let pointer = pointer
        for (index, element) in elements.enumerated() {
            objects.append(try JSONObject(element, in: pointer, name, index))
        }
        return objects
    }

    public func object(_ name: String) throws(JSONError) -> JSONObject {
        guard let value = self[name] else { throw error(name, "is missing") }
        return try JSONObject(value, in: pointer, name)
    }

    /// - Throws: for the first member that is none of `names`: a misspelt field must not be passed
    ///   over.
    public func allow(only names: [String]) throws(JSONError) {
        for member in members
        where !names.contains(where: { $0.isExactly(member.name) }) {
            throw error(
                member.name, "is not known here; known are \(names.joined(separator: ", "))")
        }
    }
}

extension String {
    /// Whether both have the same bytes. (To `==` a composed and a decomposed letter are equal.)
    func isExactly(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        var (one, other) = (self, other)
        return one.withUTF8 { one in
            other.withUTF8 { UnsafeRawBufferPointer(one).isSame(as: UnsafeRawBufferPointer($0)) }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether it has the same bytes as one that is as long; eight of them are looked at at once.
    fileprivate func isSame(as other: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at + 8 <= count {
            guard
                loadUnaligned(fromByteOffset: at, as: UInt64.self)
                    == other.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            else { return false }
            at += 8
        }
        while at < count {
            guard self[at] == other[at] else { return false }
            at += 1
        }
        return true
    }
}
