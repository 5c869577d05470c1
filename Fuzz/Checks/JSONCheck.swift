import EventSourcing
import Foundation

/// JSON: whatever is read, written and read again is the same; whatever is written can be read; and
/// Foundation takes and refuses the same texts, where both have the same rules.
///
/// Input: the text. A value is also made of its bytes, and written.
enum JSONCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        let read = result(bytes)
        try compare(read, bytes)
        if case .success(let json) = read { try checkAgain(json) }
        var input = FuzzInput(bytes)
        try checkAgain(made(from: &input, depth: 0))
    }

    private static func result(_ bytes: [UInt8]) -> Result<JSON, JSONError> {
        Result { () throws(JSONError) in try JSON(parsing: bytes) }
    }

    private static func checkAgain(_ json: JSON) throws(Broken) {
        let text = json.text
        switch result(Array(text.utf8)) {
        case .failure(let error):
            throw Broken("\(text) was written and cannot be read: \(error)")
        case .success(let again):
            // Texts are compared as bytes: strings are equal that only look the same.
            try expect(
                again == json && again.text.utf8.elementsEqual(text.utf8),
                "\(text) is read as \(again.text)")
        }
    }

    /// Any value but a number of another form, whose digits only a reader may give.
    private static func made(from input: inout FuzzInput, depth: Int) -> JSON {
        let kind = input.byte()
        switch kind % 8 {
        case 0: return .null
        case 1: return .bool(kind & 8 == 8)
        case 2: return .integer(Int64(truncatingIfNeeded: input.number(8)))
        case 3: return .integer(Int64(kind / 8))
        case 4, 5: return .string(text(from: &input))
        case 6 where depth < JSON.maximumDepth:
            let count = input.small()
            return .array((0..<count).map { _ in made(from: &input, depth: depth + 1) })
        case 7 where depth < JSON.maximumDepth:
            var members: [JSON.Member] = []
            for number in 0..<input.small() {
                // A name occurs once: what follows the number cannot make it another's.
                let name = "\(number):" + text(from: &input)
                members.append(JSON.Member(name, made(from: &input, depth: depth + 1)))
            }
            return .object(members)
        default: return .array([])
        }
    }

    private static func text(from input: inout FuzzInput) -> String {
        String(decoding: input.take(input.small()), as: UTF8.self)
    }
}

/// The comparison with Foundation.
extension JSONCheck {
    private static func compare(
        _ ours: Result<JSON, JSONError>, _ bytes: [UInt8]
    ) throws(Broken) {
        // Foundation guesses other encodings than UTF-8 from marks and zeros in front.
        guard !bytes.prefix(4).contains(where: { $0 == 0 || $0 >= 0xEF }) else { return }
        let theirs: Any
        do {
            theirs = try JSONSerialization.jsonObject(
                with: Data(bytes), options: .fragmentsAllowed)
        } catch {
            if case .success(let json) = ours, !isBeyondFoundation(json) {
                throw Broken("is read here, but not by Foundation: \(error)")
            }
            return
        }
        switch ours {
        case .success(let json): try same(json, theirs)
        case .failure(let error):
            // Rules of ours that are stricter: Foundation lets a comma end an object or an array.
            let stricter = [
                "is nested deeper", "twice", "needs a quoted member name", "begins no JSON value",
            ]
            let isStricter = stricter.contains { error.reason.contains($0) }
            try expect(isStricter, "is read by Foundation, but not here: \(error)")
        }
    }

    /// Whether some number has no `Double` or `Decimal`: Foundation refuses those.
    private static func isBeyondFoundation(_ json: JSON) -> Bool {
        switch json {
        case .number: true
        case .array(let elements): elements.contains(where: isBeyondFoundation)
        case .object(let members): members.contains { isBeyondFoundation($0.value) }
        case .null, .bool, .integer, .string: false
        }
    }

    private static func same(_ ours: JSON, _ theirs: Any) throws(Broken) {
        let isSame: Bool
        switch ours {
        case .null: isSame = theirs is NSNull
        case .bool(let flag): isSame = (theirs as? NSNumber)?.boolValue == flag
        case .integer(let number): isSame = (theirs as? NSNumber)?.int64Value == number
        case .number: isSame = theirs is NSNumber
        case .string(let text):
            isSame = (theirs as? String)?.utf8.elementsEqual(text.utf8) ?? false
        case .array(let elements):
            let others = theirs as? [Any] ?? []
            isSame = theirs is [Any] && others.count == elements.count
            for (element, other) in zip(elements, others) { try same(element, other) }
        case .object(let members):
            let others = theirs as? [String: Any]
            // Names that only look the same are one key there.
            guard Set(members.map(\.name)).count == members.count else { return }
            isSame = others?.count == members.count
            for member in members {
                guard let other = others?[member.name] else {
                    throw Broken("Foundation has no member \(member.name)")
                }
                try same(member.value, other)
            }
        }
        try expect(isSame, "\(ours.text) is \(theirs) to Foundation")
    }
}
