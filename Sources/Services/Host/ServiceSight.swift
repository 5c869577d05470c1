import EventSourcing
import EventStore
import Gateway
import Messaging
import Orders

/// What there is to see of a service, whichever process it runs in.
struct ServiceSight: Sendable {
    /// What its log says.
    struct Log: Sendable {
        var epoch: Epoch
        var head: Position
        /// Up to where all is published; nil where a build does not say.
        var published: Position?
        var haltReason: String?
        /// By source name: how far it was read, and up to when all that the source recorded.
        var read: [String: (position: Position, asOf: Timestamp)] = [:]
        /// Work taken on and not begun.
        var waiting: WaitingWork?
    }

    /// Whether its writer has the log open.
    var isUp = false
    /// Nil before it was first open.
    var log: Log?
    /// Commands, messages and results that wait for the writer.
    var inputs: Int64 = 0
    /// How many commands were refused for want of room.
    var refused: Int64 = 0
    /// Calls to the outside that are due or under way; nil where nobody counted.
    var calls: Int64?
    /// Messages that could not be applied, and those behind them; nil where nobody counted.
    var parked: Int64?
    /// The same by source, those that have any; nil where nobody counted, or a build does not say.
    var parkedBySource: [String: Int64]?
    /// Orders whose checkout has not ended, and those of them that have not begun; nil where nobody
    /// counted, and for all but the orders service.
    var openCheckouts: (all: Int64, waiting: Int64)?
    /// Since when the message lies that was parked first; nil where none is, or nobody counted.
    var oldestParked: Timestamp?
    /// The oldest checkouts by the step they wait for; empty where nobody counted, and for all but
    /// the orders service.
    var sagas: [SagaStepCount] = []
}

/// A service that is looked at, here or in another process.
struct SeenService: Sendable {
    let part: ShopPart
    let log: LogName
    let sources: [Source]
    /// Looks; what must be counted in the file is counted only where that is wanted. Blocks no
    /// writer.
    let look: @Sendable (_ counts: Bool) -> ServiceSight
}

extension SeenService {
    /// A service of this process.
    init<Core: ServiceCore>(_ part: ShopPart, _ runner: ServiceRunner<Core>) {
        let sagas = SagaCounter()
        self.init(part: part, log: Core.log, sources: Core.sources) { counts in
            var sight = ServiceSight()
            sight.isUp = runner.isUp
            sight.inputs = Int64(runner.backlog)
            sight.refused = runner.refused
            // Before the head, which is never behind it.
            let published = runner.board.published ?? .start
            sight.log = runner.board.status.map(ServiceSight.Log.init)
            sight.log?.published = published
            if counts { sight.count(in: runner.settings.path, Core.log, sagas, at: runner.now) }
            return sight
        }
    }
}

extension ServiceSight.Log {
    fileprivate init(_ status: LogStatus) {
        (epoch, head) = (status.epoch, status.head)
        (haltReason, waiting) = (status.haltReason, status.waiting)
        for (source, mark) in status.read {
            read[source] = (mark.position, status.readAsOf[source] ?? .epoch)
        }
    }
}

extension ServiceSight {
    /// Counts in the file as any reader does; one that cannot be read now leaves its numbers out.
    fileprivate mutating func count(
        in path: String, _ log: LogName, _ counter: SagaCounter, at now: Timestamp
    ) {
        guard let queries = try? LogReader(path: path).queries else { return }
        calls = (try? queries.countEffects()).map { Int64($0) }
        parkedBySource = try? queries.countParked()
        parked = parkedBySource?.values.reduce(0, +)
        oldestParked = try? queries.oldestParked()
        if log == OrdersCore.log, let open = try? OrdersCore.underWay(queries) {
            openCheckouts = (Int64(open.all), Int64(open.waiting))
            sagas = counter.counts(queries, at: now)
        }
    }
}

// MARK: Between processes

extension ServiceSight {
    /// Appends one JSON object.
    func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("isUp", isUp)
            json.member("inputs", inputs)
            json.member("refused", refused)
            if let calls { json.member("calls", calls) }
            if let parked { json.member("parked", parked) }
            if let parkedBySource {
                json.member("parkedBySource") { json in
                    json.array { json in
                        for (source, count) in parkedBySource.sorted(by: { $0.key < $1.key }) {
                            json.object { json in
                                json.member("source", source)
                                json.member("count", count)
                            }
                        }
                    }
                }
            }
            if let openCheckouts {
                json.member("openCheckouts", openCheckouts.all)
                json.member("waitingCheckouts", openCheckouts.waiting)
            }
            if let oldestParked { json.member("oldestParked", oldestParked.microseconds) }
            if !sagas.isEmpty {
                json.member("sagas") { json in
                    json.array { json in for count in sagas { count.encode(to: &json) } }
                }
            }
            guard let log else { return }
            json.member("epoch", log.epoch.value)
            json.member("head", log.head.value)
            if let published = log.published { json.member("published", published.value) }
            if let why = log.haltReason { json.member("haltReason", why) }
            if let waiting = log.waiting {
                json.member("waiting", Int64(waiting.count))
                json.member("begun", waiting.taken)
            }
            json.member("read") { json in
                json.array { json in
                    for (source, mark) in log.read.sorted(by: { $0.key < $1.key }) {
                        json.object { json in
                            json.member("source", source)
                            json.member("position", mark.position.value)
                            json.member("asOf", mark.asOf.microseconds)
                        }
                    }
                }
            }
        }
    }

    /// Reads what `encode` wrote.
    init(_ json: JSONObject) throws(JSONError) {
        isUp = try json.flag("isUp")
        inputs = try json.integer("inputs")
        refused = try json.integer("refused")
        calls = try json.optionalInteger("calls")
        parked = try json.optionalInteger("parked")
        if json["parkedBySource"] != nil {
            var counts: [String: Int64] = [:]
            for entry in try json.objects("parkedBySource") {
                counts[try entry.string("source")] = try entry.integer("count")
            }
            parkedBySource = counts
        }
        if let all = try json.optionalInteger("openCheckouts") {
            openCheckouts = (all, try json.integer("waitingCheckouts"))
        }
        oldestParked = try json.optionalInteger("oldestParked").map {
            Timestamp(microseconds: $0)
        }
        if json["sagas"] != nil {
            sagas = try json.objects("sagas").map { (count) throws(JSONError) in
                try SagaStepCount(count)
            }
        }
        guard let epoch = try json.optionalInteger("epoch") else { return }
        var log = Log(epoch: Epoch(epoch), head: Position(try json.integer("head")))
        log.published = try json.optionalInteger("published").map { Position($0) }
        log.haltReason = try json.optionalString("haltReason")
        if let count = try json.optionalInteger("waiting") {
            log.waiting = WaitingWork(
                count: Int(clamping: count), taken: try json.integer("begun"))
        }
        for mark in try json.objects("read") {
            log.read[try mark.string("source")] = (
                Position(try mark.integer("position")),
                Timestamp(microseconds: try mark.integer("asOf"))
            )
        }
        self.log = log
    }
}

extension ServiceSight {
    /// As `ShopReadings.Part` has it.
    var state: String {
        if !isUp { return "down" }
        return log?.haltReason == nil ? "up" : "halted"
    }
}
