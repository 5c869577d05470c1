/// The name of a log, `orders` or, with a shard, `orders.3`. It is part of every event's identity.
public struct LogName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: String

    /// - Parameter value: 1 to 40 bytes of `a-z 0-9 . -`; names come from the code, never from
    ///   input.
    public init(_ value: String) { self.value = value }

    public var description: String { value }
    public static func < (a: LogName, b: LogName) -> Bool { a.value < b.value }
}

/// A place in a log: 1 for the first event, without gaps. 0 stands before the first event.
public struct Position: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: Int64
    public init(_ value: Int64) { self.value = value }

    public static let start = Position(0)
    /// The position after this one. Saturates at the largest `Int64`, which no log reaches.
    public var next: Position { Position(value &+ (value == .max ? 0 : 1)) }
    public var description: String { String(value) }
    public static func < (a: Position, b: Position) -> Bool { a.value < b.value }
}

/// The number of events in a stream; 0 for a stream that does not exist.
public struct Version: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: Int64
    public init(_ value: Int64) { self.value = value }

    public static let none = Version(0)
    public var description: String { String(value) }
    public static func < (a: Version, b: Version) -> Bool { a.value < b.value }
}

/// An incarnation of a log. A log restored from a backup opens a new one, so that no position names
/// two events.
public struct Epoch: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let value: Int64
    public init(_ value: Int64) { self.value = value }

    public static let first = Epoch(1)
    public var description: String { String(value) }
    public static func < (a: Epoch, b: Epoch) -> Bool { a.value < b.value }
}

/// What names an event everywhere, for ever: its log, the log's epoch, and its position.
public struct EventIdentity: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let log: LogName
    public let epoch: Epoch
    public let position: Position

    public init(log: LogName, epoch: Epoch, position: Position) {
        self.log = log
        self.epoch = epoch
        self.position = position
    }

    /// By log, then in the log's order.
    public static func < (a: EventIdentity, b: EventIdentity) -> Bool {
        guard a.log == b.log else { return a.log.value < b.log.value }
        return a.epoch == b.epoch ? a.position < b.position : a.epoch < b.epoch
    }

    /// `orders/1/42`: the form used in messages, tokens and causes.
    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(48)
        append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes of `description`.
    public func append(to text: inout [UInt8]) {
        text.append(utf8: log.value)
        text.append(UInt8(ascii: "/"))
        text.append(decimal: epoch.value)
        text.append(UInt8(ascii: "/"))
        text.append(decimal: position.value)
    }

    /// Reads `orders/1/42`; nil for anything else.
    public init?(_ text: String) {
        var text = text
        guard let identity = text.withUTF8({ EventIdentity(utf8: $0) }) else { return nil }
        self = identity
    }

    /// Reads the bytes of `orders/1/42`; nil for anything else.
    public init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        guard let second = bytes.lastIndex(of: UInt8(ascii: "/")),
            let first = bytes[..<second].lastIndex(of: UInt8(ascii: "/")),
            (1...40).contains(first),
            let epoch = Int64(strictDecimal: bytes[(first + 1)..<second]), epoch > 0,
            let position = Int64(strictDecimal: bytes[(second + 1)...]), position > 0
        else { return nil }
        let name = UnsafeBufferPointer(rebasing: bytes[..<first])
        guard !name.contains(UInt8(ascii: "/")) else { return nil }
        self.init(
            log: LogName(String(decoding: name, as: UTF8.self)), epoch: Epoch(epoch),
            position: Position(position))
    }
}

/// The name of a stream: a category and an id, `order-0198c7…`.
public struct StreamID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let category: String
    public let id: String

    public init(_ category: String, _ id: String) {
        self.category = category
        self.id = id
    }

    /// Splits a stored name at its first hyphen; categories have none.
    public init?(_ name: String) {
        let bytes = name.utf8
        guard let hyphen = bytes.firstIndex(of: UInt8(ascii: "-")),
            hyphen != bytes.startIndex, bytes.index(after: hyphen) != bytes.endIndex
        else { return nil }
        category = String(name[..<hyphen])
        id = String(name[bytes.index(after: hyphen)...])
    }

    public var description: String { "\(category)-\(id)" }
    public static func < (a: StreamID, b: StreamID) -> Bool {
        (a.category, a.id) < (b.category, b.id)
    }
}
