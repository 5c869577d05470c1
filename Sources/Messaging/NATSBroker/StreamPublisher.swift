import EventSourcing
import Foundation
import Glibc
import NATS
import Net

/// Publishes to one stream, and asks what it holds. Calls from several threads wait for each other.
final class StreamPublisher: Sendable {
    private let stream: String
    private let desk: NATSDesk
    private let line: Monitor<Line>

    /// The connection, where there is one.
    ///
    /// `@unchecked Sendable`: `NATSCaller` is for one thread at a time. It is reached through the
    /// monitor alone, by whoever holds its lock, and never handed out of it.
    private struct Line: @unchecked Sendable {
        var caller: NATSCaller?
    }

    init(_ stream: String, _ desk: NATSDesk) {
        (self.stream, self.desk) = (stream, desk)
        line = Monitor(Line())
    }

    /// All in one go: each states the sequence it expects, so that where one is refused all after
    /// it are, and the answer to the last speaks for all.
    func publish(_ messages: [BrokerMessage], expectedLast: UInt64) throws(BrokerError) -> UInt64 {
        guard !messages.isEmpty else {
            let last = try state().last
            guard last == expectedLast else {
                throw .wrongLastSequence(expected: expectedLast, actual: last)
            }
            return last
        }
        return try asking { (caller) throws(BrokerError) in
            let most = caller.link.maximumPayload
            let inbox = caller.newInbox()
            var bytes: [UInt8] = []
            bytes.reserveCapacity(messages.reduce(0) { $0 + $1.size + 256 })
            for (index, message) in messages.enumerated() {
                let isLast = index + 1 == messages.count
                let size = append(
                    message, expecting: expectedLast + UInt64(index), to: &bytes,
                    reply: isLast ? inbox : nil)
                try BrokerRules.limit(size, most, "\(message.id) with its headers", "bytes")
            }
            do throws(NATSCaller.Refusal) {
                let answer = try send(bytes, inbox, by: caller)
                return UInt64(clamping: answer["seq"]?.integer ?? 0)
            } catch { throw refusal(error, expectedLast, messages.count) }
        }
    }

    /// Publishes, and again where nobody listens: a stream that was only just made may not do so
    /// yet. What was stored after all is not stored twice, by the sequence it expects.
    private func send(_ bytes: [UInt8], _ inbox: String, by caller: NATSCaller)
        throws(NATSCaller.Refusal) -> JSON
    {
        for _ in 1..<NATSCaller.attempts {
            do throws(NATSCaller.Refusal) {
                try caller.send(bytes)
                return try NATSCaller.read(try caller.answer(to: inbox).payload)
            } catch {
                guard case .nobody = error else { throw error }
                usleep(50_000)
            }
        }
        throw .nobody
    }

    private func refusal(_ refusal: NATSCaller.Refusal, _ expected: UInt64, _ count: Int)
        -> BrokerError
    {
        // "wrong last sequence: 7"
        guard case .refused(10071, let text) = refusal,
            let actual = text.split(separator: " ").last.flatMap({ UInt64($0) })
        else { return refusal.broker("stream \(stream)") }
        return .wrongLastSequence(expected: expected, actual: actual)
    }

    /// - Returns: bytes of headers and payload.
    private func append(
        _ message: BrokerMessage, expecting sequence: UInt64, to bytes: inout [UInt8],
        reply: String?
    ) -> Int {
        // What follows the first line of the message's own block, its end included.
        let own = message.headers.firstIndex(of: 0x0A).map { message.headers[($0 + 1)...] }
        var number: [UInt8] = []
        number.append(decimal: Int64(clamping: sequence))
        let headers =
            BrokerMessage.idLine.utf8CodeUnitCount + message.id.utf8.count + 2
            + BrokerMessage.expectationLine.utf8CodeUnitCount + number.count + 2
            + (own?.count ?? 2)
        bytes.append("HPUB ")
        bytes.append(contentsOf: NATSDesk.prefix(of: stream).utf8)
        bytes.append(contentsOf: message.subject.utf8)
        bytes.append(0x20)
        if let reply {
            bytes.append(contentsOf: reply.utf8)
            bytes.append(0x20)
        }
        bytes.append(decimal: Int64(headers))
        bytes.append(0x20)
        bytes.append(decimal: Int64(headers + message.payload.count))
        bytes.append("\r\n")
        bytes.append(BrokerMessage.idLine)
        bytes.append(contentsOf: message.id.utf8)
        bytes.append("\r\n")
        bytes.append(BrokerMessage.expectationLine)
        bytes.append(contentsOf: number)
        bytes.append("\r\n")
        if let own { bytes.append(contentsOf: own) } else { bytes.append("\r\n") }
        bytes.append(contentsOf: message.payload)
        bytes.append("\r\n")
        return headers + message.payload.count
    }

    func state() throws(BrokerError) -> StreamState {
        try asking { (caller) throws(BrokerError) in
            do throws(NATSCaller.Refusal) {
                let info = try caller.ask("STREAM.INFO.\(stream)")
                let state = info["state"]
                let first = UInt64(clamping: state?["first_seq"]?.integer ?? 0)
                let last = UInt64(clamping: state?["last_seq"]?.integer ?? 0)
                let isEmpty = state?["messages"]?.integer ?? 0 == 0
                return StreamState(
                    first: isEmpty ? last + 1 : first, last: last,
                    newest: isEmpty ? nil : try newest(last, caller))
            } catch { throw error.broker("stream \(stream)") }
        }
    }

    func holdings() throws(BrokerError) -> StreamHoldings {
        try asking { (caller) throws(BrokerError) in
            do throws(NATSCaller.Refusal) {
                let state = try caller.ask("STREAM.INFO.\(stream)")["state"]
                return StreamHoldings(
                    stream: stream, messages: state?["messages"]?.integer ?? 0,
                    bytes: state?["bytes"]?.integer ?? 0)
            } catch { throw error.broker("stream \(stream)") }
        }
    }

    private func newest(_ sequence: UInt64, _ caller: NATSCaller) throws(NATSCaller.Refusal)
        -> BrokerMessage?
    {
        do throws(NATSCaller.Refusal) {
            let answer = try caller.ask(
                "STREAM.MSG.GET.\(stream)", Array("{\"seq\":\(sequence)}".utf8))
            func bytes(_ name: String) -> [UInt8] {
                let text = answer["message"]?[name]?.string ?? ""
                return Data(base64Encoded: text).map { Array($0) } ?? []
            }
            let subject = answer["message"]?["subject"]?.string ?? ""
            return BrokerMessage(
                subject: String(subject.dropFirst(NATSDesk.prefix(of: stream).count)),
                headers: bytes("hdrs"), payload: bytes("data"))
        } catch {
            // Lost meanwhile.
            if case .refused(10037, _) = error { return nil }
            throw error
        }
    }

    /// Runs `body` with a connection and the stream there; after an error the next call makes a new
    /// one.
    private func asking<Result: Sendable>(
        _ body: (NATSCaller) throws(BrokerError) -> Result
    ) throws(BrokerError) -> Result {
        try line.withLock { (line) throws(BrokerError) in
            do throws(BrokerError) {
                let caller: NATSCaller
                if let known = line.caller {
                    caller = known
                } else {
                    do throws(NATSCaller.Refusal) {
                        caller = try desk.connect(for: stream)
                    } catch { throw error.broker("stream \(stream)") }
                    line.caller = caller
                }
                return try body(caller)
            } catch {
                if case .unavailable = error { line.caller = nil }
                throw error
            }
        }
    }
}

extension BrokerMessage {
    fileprivate static let idLine: StaticString = "NATS/1.0\r\nkassa-id: "
    fileprivate static let expectationLine: StaticString = "Nats-Expected-Last-Sequence: "

    /// A message as a server delivers it, without the lines that `StreamPublisher` put in front.
    convenience init(subject: String, headers: [UInt8], payload: [UInt8]) {
        guard headers[...].starts(with: Self.idLine), let end = headers.firstIndex(of: 0x0D),
            let idEnd = headers[(end + 1)...].firstIndex(of: 0x0D),
            headers[min(idEnd + 2, headers.count)...].starts(with: Self.expectationLine),
            let restStart = headers[(idEnd + 1)...].dropFirst().firstIndex(of: 0x0A)
        else {
            let id = WireHeaders.value("Nats-Msg-Id", in: headers) ?? ""
            self.init(
                subject: subject, id: id, headers: headers, payload: payload)
            return
        }
        var own: [UInt8] = []
        own.reserveCapacity(headers.count)
        own.append("NATS/1.0\r\n")
        own.append(contentsOf: headers[(restStart + 1)...])
        self.init(
            subject: subject,
            id: String(decoding: headers[Self.idLine.utf8CodeUnitCount..<idEnd], as: UTF8.self),
            headers: own, payload: payload)
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func starts(with text: StaticString) -> Bool {
        text.withUTF8Buffer { starts(with: $0) }
    }
}
