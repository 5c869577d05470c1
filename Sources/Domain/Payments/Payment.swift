public import EventSourcing

/// The payment of one order: `absent -> authorizing -> authorized -> capturing -> captured`, or
/// undone before that.
///
/// Nothing is refused with an error: a command that cannot be carried out is answered by an
/// event, as the saga waits for it. A void while the authorization is in flight, and an
/// authorization that is overdue, wait for the provider's answer (`voidPending`) to know what to
/// void. Always: captured <= authorized.
public struct Payment: Decider, Hashable {
    public enum Phase: String, Hashable, Sendable {
        case absent, authorizing, authorized
        /// To be voided as soon as the provider has answered the authorization.
        case voidPending
        case voiding, voided, declined, capturing, captured
        /// The provider did not answer the authorization; it is voided there to be sure.
        case unknown
    }

    /// How long a customer has to pay where the order does not say.
    public static let usualTime = Duration.seconds(120)

    /// A call to the provider that is due. The key stays the same until the call is settled.
    public enum Effect: Hashable, Sendable {
        /// `isGivenUp`: nobody waits for it any more; the answer says what to void.
        case authorize(key: String, amount: Money, token: String, isGivenUp: Bool)
        /// `authorization` is the key the authorization was asked for with.
        case void(key: String, authorization: String)
        case capture(key: String, authorization: String, amount: Money)
    }

    public private(set) var phase = Phase.absent
    /// What was asked to be authorized.
    public private(set) var amount: Money?
    public private(set) var token = ""
    /// How long the customer has to pay.
    public private(set) var time = Payment.usualTime
    /// The provider's code for the authorization.
    public private(set) var code: String?
    /// What was asked to be captured; captured once the phase says so.
    public private(set) var captured: Money?
    /// Why the authorization was declined, or is unknown.
    public private(set) var reason = ""

    /// The newest attempts of each step, which the outcomes are addressed to.
    private var authorization: StepReference?
    private var void: StepReference?
    private var capture: StepReference?
    private var authorizationKey = ""
    private var voidKey: String?
    private var captureKey = ""

    public init() {}

    /// The call to the provider that is due in this state.
    public var nextEffect: Effect? {
        switch phase {
        case .authorizing, .voidPending:
            amount.map {
                .authorize(
                    key: authorizationKey, amount: $0, token: token,
                    isGivenUp: phase == .voidPending)
            }
        case .voiding, .unknown:
            voidKey.map { .void(key: $0, authorization: authorizationKey) }
        case .capturing:
            captured.map {
                .capture(key: captureKey, authorization: authorizationKey, amount: $0)
            }
        case .absent, .authorized, .voided, .declined, .captured: nil
        }
    }

    public func decide(_ command: Command) -> [Event] {
        switch command {
        case .authorize(let step, let amount, let token, let time):
            authorize(step, amount, token, time)
        case .void(let step): void(step)
        case .capture(let step, let amount): capture(step, amount)
        case .authorizationSucceeded(let code): settle { [.authorized($0, code: code)] }
        case .authorizationDeclined(let reason): settle { decline($0, reason) }
        case .authorizationUnknown(let reason):
            settle { [.authorizationUnknown($0, reason: reason)] }
        case .authorizationOverdue(let reason):
            // Once it is to be voided, nobody needs to hear that it is late.
            phase == .authorizing ? settle { [.authorizationOverdue($0, reason: reason)] } : []
        case .voidSucceeded: phase == .voiding || phase == .unknown ? [.voided(void)] : []
        case .captureSucceeded(let id):
            settleCapture { [.captured($0, id: id, amount: $1)] }
        case .captureFailed(let reason):
            settleCapture { step, _ in [.captureFailed(step, reason: reason)] }
        }
    }

    private func authorize(
        _ step: StepReference, _ amount: Money, _ token: String, _ time: Duration?
    ) -> [Event] {
        let isSame = amount == self.amount && token == self.token
        switch phase {
        case .absent:
            guard amount.minor >= 0 else { return refuse(step, "the amount is negative") }
            return [.authorizationRequested(step, amount, token: token, within: time)]
        case .authorizing:
            guard isSame else { return refuse(step, "another authorization is in flight") }
            return step == authorization ? [] : [.authorizationRepeated(step)]
        case .authorized, .capturing, .captured:
            guard isSame else { return refuse(step, "another amount is authorized") }
            return [.answered(step, .done)]
        case .voidPending, .voiding, .voided:
            return refuse(step, reason.isEmpty ? "voided" : reason)
        case .declined, .unknown: return refuse(step, reason)
        }
    }

    private func void(_ step: StepReference) -> [Event] {
        switch phase {
        case .absent: [.voided(step)]
        case .authorizing, .authorized, .unknown: [.voidRequested(step)]
        case .voidPending, .voiding: step == void ? [] : [.voidRequested(step)]
        case .declined, .voided: [.answered(step, .done)]
        case .capturing, .captured: refuse(step, phase.rawValue)
        }
    }

    private func capture(_ step: StepReference, _ wanted: Money) -> [Event] {
        switch phase {
        case .authorized:
            guard wanted.minor >= 0, let amount, amount.covers(wanted) else {
                return refuse(step, "\(wanted) is not covered by the authorization")
            }
            return [.captureRequested(step, wanted)]
        case .capturing:
            guard wanted == captured else { return refuse(step, "another capture is in flight") }
            return step == capture ? [] : [.captureRepeated(step)]
        case .captured:
            guard wanted == captured else { return refuse(step, "another amount is captured") }
            return [.answered(step, .done)]
        case .absent, .authorizing, .voidPending, .voiding, .voided, .declined, .unknown:
            return refuse(step, "not authorized: \(phase.rawValue)")
        }
    }

    private func refuse(_ step: StepReference, _ reason: String) -> [Event] {
        [.answered(step, .refused(reason))]
    }

    /// The events of the provider's answer to the authorization; none for one that comes too late.
    private func settle(_ events: (StepReference) -> [Event]) -> [Event] {
        guard phase == .authorizing || phase == .voidPending, let authorization else { return [] }
        return events(authorization)
    }

    private func decline(_ step: StepReference, _ reason: String) -> [Event] {
        [.declined(step, reason: reason)] + (phase == .voidPending ? [.voided(void)] : [])
    }

    private func settleCapture(_ events: (StepReference, Money) -> [Event]) -> [Event] {
        guard phase == .capturing, let capture, let captured else { return [] }
        return events(capture, captured)
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .authorizationRequested(let step, let amount, let token, let time):
            phase = .authorizing
            self.time = time ?? Self.usualTime
            authorization = step
            authorizationKey = step.effectKey
            self.amount = amount
            self.token = token
        case .authorizationRepeated(let step): authorization = step
        case .authorized(_, let code):
            phase = phase == .voidPending ? .voiding : .authorized
            self.code = code
        case .declined(_, let reason):
            phase = .declined
            self.reason = reason
        case .authorizationUnknown(let step, let reason):
            phase = phase == .voidPending ? .voiding : .unknown
            self.reason = reason
            if voidKey == nil { voidKey = step.undoKey }
        case .authorizationOverdue(let step, let reason):
            phase = .voidPending
            self.reason = reason
            if voidKey == nil { voidKey = step.undoKey }
        case .voidRequested(let step):
            phase = phase == .authorizing || phase == .voidPending ? .voidPending : .voiding
            void = step
            if voidKey == nil { voidKey = step.effectKey }
        case .voided: if phase != .declined { phase = .voided }
        case .captureRequested(let step, let amount):
            phase = .capturing
            capture = step
            captureKey = step.effectKey
            captured = amount
        case .captureRepeated(let step): capture = step
        case .captured(_, _, let amount):
            phase = .captured
            captured = amount
        case .captureFailed:
            phase = .authorized
            captured = nil
        case .answered: break
        }
    }
}

extension StepReference {
    /// The key of this step's undoing, whether or not the saga ever asks for it.
    fileprivate var undoKey: String {
        StepReference(saga: saga, step: step, direction: .undo, attempt: 1).effectKey
    }
}
