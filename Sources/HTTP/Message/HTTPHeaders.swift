/// Header fields in the order sent; names match without regard to ASCII case (RFC 9110, 5).
package struct HTTPHeaders: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    /// One field line.
    package struct Field: Hashable, Sendable {
        /// A token, in the case it was sent.
        package let name: String
        /// Without the space around it.
        package let value: String

        /// A field as it is; the writer leaves out an invalid name and blanks control bytes.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// All fields, repeated names included.
    package private(set) var fields: [Field] = []

    /// No fields.
    package init() {}

    /// No fields, and room for some.
    package init(reserving count: Int) { fields.reserveCapacity(count) }

    /// `["Content-Type": "text/plain"]`; a repeated name stays repeated.
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field($0, $1) }
    }

    /// The first value under a name. Setting replaces every field of that name; `nil` removes.
    package subscript(name: String) -> String? {
        get { first(name).map { fields[$0].value } }
        set {
            fields.removeAll { ASCII.matches($0.name, name) }
            if let newValue { append(name, newValue) }
        }
    }

    /// Every value under a name, in order. Check the count where a repeat is not allowed.
    package func values(_ name: String) -> [String] {
        guard let first = first(name) else { return [] }
        return fields[first...].filter { ASCII.matches($0.name, name) }.map(\.value)
    }

    /// Whether a field of that name is there.
    func has(_ name: String) -> Bool { first(name) != nil }

    /// How many fields of that name are there.
    func count(_ name: String) -> Int {
        var count = 0
        for at in fields.indices where ASCII.matches(fields[at].name, name) { count += 1 }
        return count
    }

    /// By number: most fields are passed over, and none is copied for it.
    private func first(_ name: String) -> Int? {
        for at in fields.indices where ASCII.matches(fields[at].name, name) { return at }
        return nil
    }

    /// Adds a field and keeps those of the same name.
    package mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name, value))
    }

    /// The members of a comma-separated list (RFC 9110, 5.6.1) over all fields of the name,
    /// in ASCII lower case, without empty members.
    package func list(_ name: String) -> [String] {
        let values = values(name)
        if values.isEmpty { return [] }
        return values.flatMap { value in
            Array(value.utf8).split(separator: UInt8(ascii: ",")).compactMap { member in
                let member = ASCII.trim(member)
                return member.isEmpty
                    ? nil : String(decoding: member.map(ASCII.lowercase), as: UTF8.self)
            }
        }
    }

    /// Whether a list such as `Connection` has a member, ASCII case aside.
    package func hasMember(_ name: String, _ member: String) -> Bool {
        list(name).contains { ASCII.matches($0, member) }
    }
}
