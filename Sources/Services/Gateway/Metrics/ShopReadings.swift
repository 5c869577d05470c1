package import EventSourcing
package import HTTP
package import Messaging
package import Projections
package import Telemetry

/// What the gateway's host reads off the running shop, for whoever watches it. A number that cannot
/// be read now is nil or missing.
package struct ShopReadings: Sendable {
    /// Which build runs.
    package struct Build: Hashable, Sendable {
        package let version: String
        package let configuration: String
        /// Of the services' files.
        package let storeFormat: Int64

        package init(version: String, configuration: String, storeFormat: Int64) {
            self.version = version
            self.configuration = configuration
            self.storeFormat = storeFormat
        }
    }

    /// A service: its log, and what waits there.
    package struct Service: Sendable {
        package let name: String
        /// Whether its writer has the log open.
        package let isUp: Bool
        /// Commands, messages and results that wait for the writer.
        package let inputs: Int64
        /// Commands there was no room for before the writer, since its start.
        package let refused: Int64
        /// The newest position, and whether the log writes no more; nil before it was first open.
        package let log: (head: Position, isHalted: Bool)?
        /// Calls to the outside that are due or under way.
        package let calls: Int64?
        /// Messages that could not be applied, and those that wait behind them.
        package let parked: Int64?
        /// Since when the first of them lies; nil where none does.
        package let oldestParked: Timestamp?
        /// Up to where all of the log is published; nil where it is not known.
        package var published: Position?

        package init(
            name: String, isUp: Bool, inputs: Int64, refused: Int64,
            log: (head: Position, isHalted: Bool)?,
            calls: Int64?, parked: Int64?, oldestParked: Timestamp? = nil
        ) {
            self.oldestParked = oldestParked
            self.name = name
            self.isUp = isUp
            self.inputs = inputs
            self.refused = refused
            self.log = log
            self.calls = calls
            self.parked = parked
        }
    }

    /// A process of the shop, or a part of one that runs several.
    package struct Part: Hashable, Sendable {
        /// How calls from the gateway's process to it fared.
        package struct Calls: Hashable, Sendable {
            /// Of the circuit breaker: `closed`, `open` or `half-open`.
            package let breaker: String
            package let made: Int64
            package let failed: Int64
            package let repeated: Int64

            package init(breaker: String, made: Int64, failed: Int64, repeated: Int64) {
                (self.breaker, self.made) = (breaker, made)
                (self.failed, self.repeated) = (failed, repeated)
            }
        }

        /// `orders`, `gateway` and so on.
        package let part: String
        /// Tells one run from the next.
        package let instance: String
        /// `starting`, `up`, `halted`, `silent` or `down`; of a broker that tells nothing of itself
        /// `elsewhere`.
        package var state: String
        package var isUp: Bool { state == "up" || state == "elsewhere" }
        /// Where it listens; nil for one without a port.
        package var address: String?
        package let version: String
        package let process: Int64
        package let startedAt: Timestamp
        package var residentBytes: Int64?
        /// Nil where it is not called over a wire.
        package var calls: Calls?

        package init(
            part: String, instance: String, state: String, version: String, process: Int64,
            startedAt: Timestamp
        ) {
            self.part = part
            self.instance = instance
            self.state = state
            self.version = version
            self.process = process
            self.startedAt = startedAt
        }
    }

    /// How far a reader is behind one of its sources.
    package struct Lag: Sendable {
        package let consumer: String
        package let source: Source
        /// Where it has read to.
        package let position: Int64
        /// Of the source's log, whether they are for this reader or not.
        package let events: Int64
        /// Since the moment up to which all that the source recorded has been read.
        package let time: Duration

        package init(
            consumer: String, source: Source, position: Int64, events: Int64, time: Duration
        ) {
            self.consumer = consumer
            self.source = source
            self.position = position
            self.events = events
            self.time = time
        }
    }

    /// How many checkouts wait for a step, and of these how many need a person.
    package struct SagaStep: Hashable, Sendable {
        package let step: String
        /// `forward` or `undo`.
        package let direction: String
        package let open: Int64
        package let stuck: Int64
        /// Since when the one waits that has waited longest.
        package let oldest: Timestamp

        package init(
            step: String, direction: String, open: Int64, stuck: Int64, oldest: Timestamp
        ) {
            (self.step, self.direction) = (step, direction)
            (self.open, self.stuck, self.oldest) = (open, stuck, oldest)
        }
    }

    /// How much waits to be worked off.
    package struct Load: Hashable, Sendable {
        /// The longest that a reader takes for what waits for it, in seconds.
        package let backlog: Double
        /// Whether new orders and goods are refused.
        package let isIntakeStopped: Bool

        package init(backlog: Double, isIntakeStopped: Bool) {
            self.backlog = backlog
            self.isIntakeStopped = isIntakeStopped
        }
    }

    /// The disk that the shop's folder is on.
    package struct Disk: Hashable, Sendable {
        package let free: Int64
        /// What is kept there for when the rest is full.
        package let reserve: Int64
        /// Whether new orders and goods are refused.
        package let isIntakeStopped: Bool

        package init(free: Int64, reserve: Int64, isIntakeStopped: Bool) {
            self.free = free
            self.reserve = reserve
            self.isIntakeStopped = isIntakeStopped
        }
    }

    /// What the operating system says of the process.
    package struct Process: Hashable, Sendable {
        package var residentBytes: Int64
        package var virtualBytes: Int64
        package var cpuSeconds: Double
        package var openFiles: Int64
        package var maximumFiles: Int64
        /// Seconds since 1970.
        package var startTime: Double

        package init(
            residentBytes: Int64, virtualBytes: Int64, cpuSeconds: Double, openFiles: Int64,
            maximumFiles: Int64, startTime: Double
        ) {
            self.residentBytes = residentBytes
            self.virtualBytes = virtualBytes
            self.cpuSeconds = cpuSeconds
            self.openFiles = openFiles
            self.maximumFiles = maximumFiles
            self.startTime = startTime
        }
    }

    /// When they were read.
    package var at = Timestamp.epoch
    package var build: Build?
    package var services: [Service] = []
    package var lags: [Lag] = []
    package var hops = Hops()
    package var streams: [StreamHoldings] = []
    package var openCheckouts: Int64?
    /// Those of them that have not begun.
    package var waitingCheckouts: Int64?
    /// The oldest checkouts, by the step they wait for.
    package var sagas: [SagaStep] = []
    /// How far the slowest source of the projections is behind; nil while they do not run.
    package var projectionLag: Duration?
    package var isProjectionStale = false
    package var orderDurations = OrderDurations()
    package var mailsSent: Int64 = 0
    package var mailsFailed: Int64 = 0
    package var disk: Disk?
    package var load = Load(backlog: 0, isIntakeStopped: false)
    /// What waits in the gateway's own queues, each with its name.
    package var queues: [(name: String, waiting: Int64)] = []
    package var server: HTTPServerStatistics?
    package var process: Process?
    package var parts: [Part] = []
    /// What became of the spans of each process; empty where none are told.
    package var spans: [(part: String, counts: SpanCounts)] = []

    package init() {}
}
