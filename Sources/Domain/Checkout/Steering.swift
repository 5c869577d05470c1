/// What an operator does about a checkout.
public enum Steering: Hashable, Sendable {
    /// Has the pending step asked for again, at once.
    case retry
    /// Takes the pending step, which must be this one, as done, or undone.
    case skip(step: String)
    /// Has what was done undone; not once the parcel is handed over.
    case compensate

    /// Its name, in requests and answers.
    public var name: String {
        switch self {
        case .retry: "retry"
        case .skip: "skip"
        case .compensate: "compensate"
        }
    }
}
