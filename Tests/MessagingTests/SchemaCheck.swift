import EventSourcing
import Testing

/// Holds values to the part of JSON Schema that `docs/asyncapi.json` is written in.
///
/// It asks for more than a schema does: a member that none names is let through by readers, and is
/// a mistake here. A keyword that it does not know is one too, so that nothing goes unchecked.
struct SchemaCheck {
    /// What `$ref` looks into.
    let document: JSON

    /// What does not hold, each with its place in the value.
    func violations(_ value: JSON, _ schema: JSON, at place: String = "") throws -> [String] {
        if let target = schema["$ref"]?.string {
            guard schema.members.count == 1 else { return ["\(place) $ref hides what is beside"] }
            return try violations(value, try referred(target), at: place)
        }
        var found: [String] = []
        for keyword in schema.members {
            let pieces = try violations(value, keyword.name, keyword.value, at: place)
            found += pieces
        }
        guard schema["type"]?.string == "object" else { return found }
        let named = schema["properties"]?.members.map(\.name) ?? []
        let unnamed = value.members.map(\.name).filter { !named.contains($0) }
        return found + unnamed.map { "\(place)/\($0) is named by no schema" }
    }

    private func violations(
        _ value: JSON, _ keyword: String, _ wanted: JSON, at place: String
    ) throws -> [String] {
        let holds: Bool
        switch keyword {
        case "title", "description", "format": holds = true
        case "type": holds = value.typeName == wanted.string
        case "const": holds = value == wanted
        case "enum": holds = wanted.array?.contains(value) ?? false
        case "pattern":
            let regex = try Regex(try #require(wanted.string))
            holds = value.string?.firstMatch(of: regex) != nil
        case "minimum": holds = try value.integer ?? .min >= bound(wanted)
        case "maximum": holds = try value.integer ?? .max <= bound(wanted)
        case "minLength": holds = try value.string?.unicodeScalars.count ?? 0 >= bound(wanted)
        case "maxLength": holds = try value.string?.unicodeScalars.count ?? .max <= bound(wanted)
        case "minItems": holds = try value.array?.count ?? 0 >= bound(wanted)
        case "maxItems": holds = try value.array?.count ?? .max <= bound(wanted)
        case "required":
            let missing = (wanted.array ?? []).compactMap(\.string).filter { value[$0] == nil }
            return missing.map { "\(place)/\($0) is missing" }
        case "properties":
            return try wanted.members.flatMap { property in
                guard let member = value[property.name] else { return [String]() }
                return try violations(member, property.value, at: "\(place)/\(property.name)")
            }
        case "items":
            return try (value.array ?? []).enumerated().flatMap { index, element in
                try violations(element, wanted, at: "\(place)/\(index)")
            }
        case "oneOf":
            let all = try (wanted.array ?? []).map { try violations(value, $0, at: place) }
            let fitting = all.count { $0.isEmpty }
            return fitting == 1 ? [] : ["\(place) fits \(fitting) of its forms: \(all)"]
        default: return ["\(place) has the keyword \(keyword), which is not known here"]
        }
        return holds ? [] : ["\(place) is \(value.text), against \(keyword) \(wanted.text)"]
    }

    private func bound<Number: BinaryInteger>(_ json: JSON) throws -> Number {
        Number(try #require(json.integer))
    }

    /// The value that a reference within the document leads to.
    func referred(_ target: String) throws -> JSON {
        let parts = target.split(separator: "/")
        try #require(parts.first == "#", "\(target) leads out of the document")
        return try parts.dropFirst().reduce(document) { json, name in
            try #require(json[String(name)], "\(target) leads nowhere")
        }
    }

    /// The members that a schema names, those of members' members as `lines/sku`.
    func named(by schema: JSON) throws -> Set<String> {
        if let target = schema["$ref"]?.string { return try named(by: try referred(target)) }
        var names: Set<String> = []
        for property in schema["properties"]?.members ?? [] {
            names.insert(property.name)
            names.formUnion(try named(by: property.value).map { "\(property.name)/\($0)" })
        }
        if let items = schema["items"] { names.formUnion(try named(by: items)) }
        for form in schema["oneOf"]?.array ?? [] { names.formUnion(try named(by: form)) }
        return names
    }
}

extension JSON {
    /// What JSON Schema calls it.
    fileprivate var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// The names of all members, as `SchemaCheck.named(by:)` has them.
    var memberNames: Set<String> {
        var names: Set<String> = []
        for member in members {
            names.insert(member.name)
            names.formUnion(member.value.memberNames.map { "\(member.name)/\($0)" })
        }
        for element in array ?? [] { names.formUnion(element.memberNames) }
        return names
    }
}
