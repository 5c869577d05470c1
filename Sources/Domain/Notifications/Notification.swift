public import EventSourcing

/// The mails about one order, each once, to the contact that came with the order.
///
/// Facts of other logs may arrive before the order itself: what cannot be addressed yet is
/// deferred, and asked for when the contact arrives. An order without a contact is skipped once,
/// for all its mails.
public struct Notification: Decider, Hashable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case received, confirmed, shipped, completed, delivered, lost
        case cancellationRefused = "cancellation-refused"
        case cancelled, rejected, expired
    }

    public enum Status: Hashable, Sendable { case deferred, requested, sent, failed, skipped }

    /// What is known of where to write to.
    private enum Contact: Hashable { case unknown, none, at(String) }

    private var contact = Contact.unknown
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
        case orderPlaced(contact: String?)
        case notify(Kind)
        case sent(Kind)
        case failed(Kind, reason: String)
        /// Mails from now on go to that opaque, sealed address.
        case readdress(contact: String)
    }

    public enum Event: Hashable, Sendable {
        case requested(Kind, contact: String)
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
        case .orderPlaced(let address):
            guard contact == .unknown else { return [] }
            guard let address else { return [.skipped(.received)] }
            return Kind.allCases
                .filter { $0 == .received || statuses[$0] == .deferred }
                .map { .requested($0, contact: address) }
        case .notify(let kind):
            guard statuses[kind] == nil else { return [] }
            switch contact {
            case .unknown: return [.deferred(kind)]
            case .none: return []
            case .at(let address): return [.requested(kind, contact: address)]
            }
        case .sent(let kind): return statuses[kind] == .requested ? [.sent(kind)] : []
        case .failed(let kind, let reason):
            return statuses[kind] == .requested ? [.failed(kind, reason: reason)] : []
        case .readdress(let address):
            return self.address == address ? [] : [.readdressed(contact: address)]
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .requested(let kind, let address):
            contact = .at(address)
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
