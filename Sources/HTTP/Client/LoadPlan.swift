import Glibc
import Net

/// When the requests of a load are due. Pure.
struct LoadPlan {
    let start: Moment
    private let interval: Double?
    private let allowed: (() -> Int)?
    private let amount: LoadDriver.Amount
    /// How many were sent.
    private(set) var taken = 0

    init(_ pace: LoadDriver.Pace, _ amount: LoadDriver.Amount, start: Moment) {
        self.start = start
        self.amount = amount
        switch pace {
        case .closed: (interval, allowed) = (nil, nil)
        case .open(let perSecond): (interval, allowed) = (1e9 / max(perSecond, 1e-3), nil)
        case .upTo(let most): (interval, allowed) = (nil, most)
        }
    }

    mutating func take() { taken += 1 }

    /// When the next request is due; nil for as soon as a connection is free.
    var next: Moment? {
        interval.map { Moment(nanoseconds: start.nanoseconds + Int64($0 * Double(taken))) }
    }

    /// When to look again whether one is due; nil for when a connection is free.
    func wake(at now: Moment) -> Moment? { allowed == nil ? next : now + .milliseconds(5) }

    /// The moment that the next request counts from, where it is due by now and there is one.
    func due(at now: Moment) -> Moment? {
        guard !isOver(at: now), allowed.map({ taken < $0() }) ?? true else { return nil }
        guard let next else { return now }
        return next <= now ? next : nil
    }

    /// Whether no more requests are to be sent.
    func isOver(at now: Moment) -> Bool {
        switch amount {
        case .requests(let count): return taken >= count
        case .time(let duration):
            // What was due within the time is sent, however late.
            return (next ?? now) >= start + duration
        }
    }
}

/// What the bytes of an answer, from its first, come to.
enum LoadAnswer {
    case incomplete
    case whole(status: Int)
    /// No answer that says its length.
    case unreadable

    private static let largestHead = 64 * 1024

    init(_ bytes: UnsafeRawBufferPointer) {
        guard let head = Self.head(bytes) else {
            self = bytes.count > Self.largestHead ? .unreadable : .incomplete
            return
        }
        // `HTTP/1.1 201`
        guard head.count >= 12 else {
            self = .unreadable
            return
        }
        var status = 0
        for digit in head[9..<12] {
            guard (0x30...0x39).contains(digit) else {
                self = .unreadable
                return
            }
            status = status * 10 + Int(digit - 0x30)
        }
        guard let length = Self.contentLength(head) else {
            self = .unreadable
            return
        }
        let whole = head.count + 4 + length
        self =
            bytes.count < whole
            ? .incomplete : bytes.count == whole ? .whole(status: status) : .unreadable
    }

    /// All in front of the empty line.
    private static func head(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var start = 0
        while let line = lineEnd(bytes, from: start) {
            guard line + 3 < bytes.count else { return nil }
            if bytes[line + 1] == 0x0A, bytes[line + 2] == 0x0D, bytes[line + 3] == 0x0A {
                return UnsafeRawBufferPointer(rebasing: bytes[..<line])
            }
            start = line + 1
        }
        return nil
    }

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, 0x0D, bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// The value of `Content-Length`, as digits and nothing else.
    private static func contentLength(_ head: UnsafeRawBufferPointer) -> Int? {
        let name = "\r\ncontent-length: ".utf8
        var start = 0
        while let line = lineEnd(head, from: start) {
            let value = line + name.count
            guard value < head.count else { return nil }
            // Names compare without case (RFC 9110, 5.1).
            if zip(head[line...], name).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) {
                return number(head[value...])
            }
            start = line + 1
        }
        return nil
    }

    private static func number(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
        var number = 0
        for byte in bytes {
            if byte == 0x0D { break }
            guard (0x30...0x39).contains(byte), number < 1 << 40 else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }
}
