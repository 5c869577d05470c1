package import Messaging
package import Projections

extension ShopReadings {
    /// What one channel of a log has recorded, published and given to its readers.
    package struct Hop: Sendable {
        package let source: Source
        /// The log's newest position.
        package let recorded: Int64
        /// Nil where it is not known.
        package let published: Int64?
        package let readers: [HopWatch.Reader]
        /// Whether nothing is wrong with it; what is on its way is not.
        package let isBalanced: Bool
    }

    /// All of them, and what is wrong.
    package struct Hops: Sendable {
        package var all: [Hop] = []
        package var alarms: [BookAlarm] = []

        package init() {}
    }
}
