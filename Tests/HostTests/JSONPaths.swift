import EventSourcing

/// A step on the way to a value within a JSON value.
enum JSONStep: Hashable, Sendable {
    case member(String)
    case element(Int)

    /// Nil for an element.
    var name: String? { if case .member(let name) = self { name } else { nil } }
}

extension JSON {
    /// The type of a value, as errors tell it.
    enum Kind { case null, flag, integer, number, string, array, object }

    var kind: Kind {
        switch self {
        case .null: .null
        case .bool: .flag
        case .integer: .integer
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// The ways to all members of all objects in it.
    var members: [[JSONStep]] { paths.filter { $0.last?.name != nil } }

    /// The ways to all objects in it, itself the first.
    var objects: [[JSONStep]] {
        ([[]] + paths).filter { path in
            var isObject = false
            _ = replacing(path) { value in
                isObject = value.kind == .object
                return value
            }
            return isObject
        }
    }

    private var paths: [[JSONStep]] {
        switch self {
        case .object(let members):
            members.flatMap { member in
                ([[]] + member.value.paths).map { [.member(member.name)] + $0 }
            }
        case .array(let elements):
            elements.enumerated().flatMap { number, element in
                ([[]] + element.paths).map { [.element(number)] + $0 }
            }
        default: []
        }
    }

    /// The same with another value at the end of a way.
    func replacing(_ path: [JSONStep], _ change: (JSON) -> JSON) -> JSON {
        guard let step = path.first else { return change(self) }
        switch (self, step) {
        case (.object(let members), .member(let name)):
            return .object(
                members.map { member in
                    guard member.name == name else { return member }
                    return .init(name, member.value.replacing(Array(path.dropFirst()), change))
                })
        case (.array(let elements), .element(let at)):
            return .array(
                elements.enumerated().map { number, element in
                    number == at ? element.replacing(Array(path.dropFirst()), change) : element
                })
        default: return self
        }
    }
}
