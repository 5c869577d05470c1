package import EventSourcing
import Telemetry

/// A line of the operators' log as it is written: one JSON object, or a text for a terminal.
package struct WrittenLine: Hashable, Sendable {
    /// A longer message is cut, in bytes.
    package static let longest = 4000

    package let time: Timestamp
    package let level: LogLine.Level
    /// A part of the shop, `shop` for all of them in one process, or `supervisor`.
    package let service: String
    package let message: String
    package var correlation: String?
    /// As traces have it, whether or not anybody is told of spans.
    package var trace: String?
    package var order: String?
    /// `payments/1/42`.
    package var event: String?

    package init(
        _ time: Timestamp, _ level: LogLine.Level, _ service: String, _ message: String
    ) {
        (self.time, self.level, self.service) = (time, level, service)
        self.message =
            message.utf8.count > Self.longest ? message.cut(to: Self.longest) + " ..." : message
    }

    /// - Parameter service: whose line it is where it does not say so itself.
    package init(_ line: LogLine, of service: String, at time: Timestamp) {
        self.init(time, line.level, line.service ?? service, line.text)
        if let metadata = line.metadata {
            correlation = metadata.correlation
            trace = "\(TraceOrigin(metadata).trace)"
        }
        order = line.stream?.order
        event = line.event?.description
    }

    // MARK: JSON

    /// One line, without its break.
    package var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("time", time.description)
            json.member("level", level.rawValue)
            json.member("service", service)
            json.member("message", message)
            if let correlation { json.member("correlation", correlation) }
            if let trace { json.member("trace", trace) }
            if let order { json.member("order", order) }
            if let event { json.member("event", event) }
        }
        return json.text
    }

    /// Nil for anything else, such as a line that a death has torn.
    package init?(json text: some Collection<UInt8>) {
        guard text.first == UInt8(ascii: "{"), let json = try? JSON(parsing: Array(text)),
            let time = json["time"]?.string.flatMap({ Timestamp($0) }),
            let level = json["level"]?.string.flatMap({ LogLine.Level(rawValue: $0) }),
            let service = json["service"]?.string, let message = json["message"]?.string
        else { return nil }
        self.init(time, level, service, message)
        correlation = json["correlation"]?.string
        trace = json["trace"]?.string
        order = json["order"]?.string
        event = json["event"]?.string
    }

    // MARK: Text

    /// What stands behind the message, in brackets: what it is about. Empty where that is nothing.
    package var about: String {
        var parts: [String] = []
        if let order { parts.append("order \(order)") }
        if let event { parts.append("event \(event)") }
        if let correlation { parts.append("correlation \(correlation)") }
        if let trace { parts.append("trace \(trace)") }
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }
}

extension Shop.Settings {
    /// Says texts on behalf of a part.
    func say(as service: String? = nil) -> @Sendable (String) -> Void {
        let notice = notice
        return { notice(LogLine($0, service: service)) }
    }
}
