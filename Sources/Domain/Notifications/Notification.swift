public import EventSourcing

/// The mails about one order, each once, to the contact that came with the order.
///
/// Facts of other logs may arrive before the order itself: what cannot be addressed yet is
/// deferred, and asked for when the contact arrives. An order without a contact is skipped once,
/// for all its mails.
///
/// An order that is confirmed while its first mail is fresh has no second one that says so.
public struct Notification: Decider, Hashable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case received, confirmed, shipped, completed, delivered, lost
        case cancellationRefused = "cancellation-refused"
        case cancelled, rejected, expired
    }

    public enum Status: Hashable, Sendable { case deferred, requested, sent, failed, skipped }

    /// What is known of where to write to.
    private enum Contact: Hashable { case unknown, none, at(String) }

    /// For how long the mail that an order came in says all that its confirmation would.
    public static let freshness = Duration.seconds(60)

    private var contact = Contact.unknown
    /// When the order was placed; nil while it is not known.
    private var placedAt: Timestamp?
    private var statuses: [Kind: Status] = [:]

    public init() {}

    /// Nil for a mail that nobody asked for.
    public func status(of kind: Kind) -> Status? { statuses[kind] }

    /// The mails that are due, in the order of their kinds.
    public var due: [Kind] { Kind.allCases.filter { statuses[$0] == .requested } }

    /// The opaque, sealed address; nil while it is not known and where there is none.
    public var address: String? { if case .at(let address) = contact { address } else { nil } }

    public enum Command: Hashable, Sendable {
        /// The order came in, with the opaque, sealed address that its mails go to.
        case orderPlaced(contact: String?, at: Timestamp)
        case orderConfirmed(at: Timestamp)
        case notify(Kind)
        case sent(Kind)
        case failed(Kind, reason: String)
        /// Mails from now on go to that opaque, sealed address.
        case readdress(contact: String)
    }

    public enum Event: Hashable, Sendable {
        /// With the time when the order was placed in the mail that says that it came in.
        case requested(Kind, contact: String, placedAt: Timestamp? = nil)
        /// The contact is not known yet.
        case deferred(Kind)
        case sent(Kind)
        case failed(Kind, reason: String)
        /// There is no contact; said once, of the first mail.
        case skipped(Kind)
        /// Where to write to was wrong, and is this.
        case readdressed(contact: String)
    }

    /// Commands are never rejected: notifications follow facts.
    public typealias Rejection = Never

    public func decide(_ command: Command) -> [Event] {
        switch command {
        case .orderPlaced(let address, let time):
            guard contact == .unknown else { return [] }
            guard let address else { return [.skipped(.received)] }
            let due = Kind.allCases.filter { $0 != .received && statuses[$0] == .deferred }
            return [.requested(.received, contact: address, placedAt: time)]
                + due.map { .requested($0, contact: address) }
        case .orderConfirmed(let time):
            if let placedAt, time - placedAt < Self.freshness { return [] }
            return request(.confirmed)
        case .notify(let kind): return request(kind)
        case .sent(let kind): return statuses[kind] == .requested ? [.sent(kind)] : []
        case .failed(let kind, let reason):
            return statuses[kind] == .requested ? [.failed(kind, reason: reason)] : []
        case .readdress(let address):
            return self.address == address ? [] : [.readdressed(contact: address)]
        }
    }

    private func request(_ kind: Kind) -> [Event] {
        guard statuses[kind] == nil else { return [] }
        return switch contact {
        case .unknown: [.deferred(kind)]
        case .none: []
        case .at(let address): [.requested(kind, contact: address)]
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .requested(let kind, let address, let time):
            contact = .at(address)
            placedAt = placedAt ?? time
            statuses[kind] = .requested
        case .deferred(let kind): statuses[kind] = .deferred
        case .sent(let kind): statuses[kind] = .sent
        case .failed(let kind, _): statuses[kind] = .failed
        case .skipped(let kind):
            contact = .none
            statuses[kind] = .skipped
        case .readdressed(let address): contact = .at(address)
        }
    }
}
