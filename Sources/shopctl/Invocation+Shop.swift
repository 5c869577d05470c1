import Arguments
import EventSourcing
import Host

/// Values that several commands take.
extension Invocation {
    /// The option's value as a moment: a time of RFC 3339, or a date, which is its midnight in UTC.
    func time(_ name: String) throws(UsageError) -> Timestamp? {
        guard let text = optionalText(name) else { return nil }
        guard let time = Timestamp(text) ?? Timestamp("\(text)T00:00:00Z") else {
            throw invalid(
                "--" + name, text,
                expected: "a date or a time of RFC 3339, 2026-01-31 or 2026-01-31T09:30:00Z")
        }
        return time
    }

    /// The service that `--service` names; nil for all, or where it is absent.
    func service() throws(UsageError) -> String? {
        guard let text = optionalText("service"), text != "all" else { return nil }
        guard EventListing.services.contains(text) else {
            throw invalid(
                "--service", text,
                expected: "one of all, \(EventListing.services.joined(separator: ", "))")
        }
        return text
    }
}

extension ShopCommand {
    static let service = Option.value(
        "service", "NAME", "orders, payments, deliveries or notifications; all without")
}
