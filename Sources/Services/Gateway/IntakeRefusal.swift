/// Why nothing new is taken for now.
package enum IntakeRefusal: Hashable, Sendable {
    case diskFull
    /// More waits than is done soon.
    case overloaded

    var problem: Problem {
        switch self {
        case .diskFull:
            .unavailable(
                "disk-full",
                "The shop's disk is full: nothing new is taken until there is room again. "
                    + "What was taken goes on.", retryAfter: 5)
        case .overloaded:
            .unavailable(
                "overloaded",
                "More orders wait than the shop can work off soon: nothing new is taken until "
                    + "fewer wait. What was taken goes on.", retryAfter: 1)
        }
    }
}
