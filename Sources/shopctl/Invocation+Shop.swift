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

    /// Where `--url` says that a gateway listens.
    func gateway() throws(UsageError) -> (host: String, port: UInt16) {
        let url = try text("url")
        let authority = url.utf8.starts(with: "http://".utf8) ? url.dropFirst(7) : ""
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...].split(separator: "/").first ?? ""
            guard rest.hasPrefix(":"),
                let port = Int64(strictDecimal: rest.dropFirst().utf8).flatMap(
                    UInt16.init(exactly:))
            else { throw invalid("--url", url, expected: "http://host:port") }
            return (String(host), port)
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        let port =
            parts.count == 2 ? parts[1].split(separator: "/").first.map(String.init) ?? "" : "80"
        guard (1...2).contains(parts.count), !parts[0].isEmpty,
            let number = Int64(strictDecimal: port.utf8).flatMap(UInt16.init(exactly:))
        else { throw invalid("--url", url, expected: "http://host:port") }
        return (String(parts[0]), number)
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
