/// Decides by the room on a disk whether new work is taken, and when the reserve is given out and
/// filled again. Sizes in bytes.
///
/// The reserve and the floor are of one size: so much is kept in a file, and with less than that
/// left beside it nothing new is taken. Where another process keeps the reserve of the same disk,
/// there is a floor alone.
package struct DiskRules: Hashable, Sendable {
    package enum Step: Hashable, Sendable {
        case none
        /// The disk is as good as full: what is under way needs the reserve now.
        case release
        /// There is room for the reserve, and for what must be free beside it.
        case fill
    }

    package let reserve: Int64
    package let floor: Int64
    /// Whether nothing new is taken.
    package private(set) var isStopped = false

    /// - Parameters:
    ///   - reserve: 0 keeps nothing.
    ///   - floor: what is to be left where nothing is kept; 0 takes all that comes.
    package init(reserve: Int64, floor: Int64 = 0) {
        self.reserve = max(0, reserve)
        self.floor = reserve > 0 ? reserve : max(0, floor)
    }

    /// What must be free beside a full reserve before new work is taken again: above the floor, so
    /// that a disk at its edge does not open and shut with every order.
    package var room: Int64 { floor + floor / 4 }

    /// Looks at the disk.
    ///
    /// - Parameters:
    ///   - free: what a writer may still take.
    ///   - held: what the reserve's file holds.
    /// - Returns: what is to be done before the next look.
    package mutating func look(free: Int64, held: Int64) -> Step {
        guard floor > 0 else { return .none }
        if held < reserve {
            isStopped = true
            return free >= reserve - held + room ? .fill : .none
        }
        if reserve > 0, free < reserve / 8 {
            isStopped = true
            return .release
        }
        isStopped = free < (isStopped ? room : floor)
        return .none
    }
}
