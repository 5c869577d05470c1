import Deliveries
import EventSourcing
import EventStore
import Notifications
import Orders
import Payments

/// The services' recorded events, read from their files; a running shop's as well.
package struct EventListing {
    package struct Event: Sendable {
        /// `orders/1/42`.
        package let id: String
        package let version: Int64
        package let stream: String
        package let type: String
        package let schema: Int64
        package let recordedAt: String
        package let occurredAt: String?
        package let actor: String
        package let correlation: String
        package let causation: String?
        /// The stored data, JSON.
        package let data: String
        /// All of it as one JSON object.
        package let json: String
    }

    /// Which events, and where to begin.
    package enum Range: Sendable {
        /// Of these services, in the order they were recorded.
        case services([String])
        /// Of one service, after a position.
        case service(String, after: Int64)
        /// Of one stream of a service, after a version.
        case stream(String, of: String, after: Int64)
    }

    /// The services' names, orders' first.
    package static let services = Wiring.logs.map(\.value)

    /// The service that holds the streams of this name's category; nil for a name of no category.
    package static func service(ofStream name: String) -> String? {
        switch StreamID(name)?.category {
        case "order", "checkout", "reference": OrdersCore.log.value
        case "payment": PaymentsCore.log.value
        case "stock", "reservation", "delivery": DeliveriesCore.log.value
        case "notification": NotificationsCore.log.value
        default: nil
        }
    }

    private var merged = MergedEvents()
    /// How many events the services have on record together, when the listing was begun.
    package private(set) var recorded: Int64 = 0

    /// - Throws: `Shop.Failure` where the folder holds no such log.
    package init(data: String, _ range: Range) throws {
        switch range {
        case .services(let services):
            for service in services { try add(service, data, after: 0) }
        case .service(let service, let position): try add(service, data, after: position)
        case .stream(let name, let service, let version):
            let queries = try Self.open(service, data)
            guard let stream = StreamID(name) else {
                throw Shop.Failure.cannotStart("\(name) is no stream; name one as order-ID")
            }
            merged.add(queries.name, after: version, key: { $0.version.value }) { place, limit in
                try queries.stream(stream, after: Version(place), limit: limit)
            }
        }
    }

    private mutating func add(_ service: String, _ data: String, after position: Int64) throws {
        let queries = try Self.open(service, data)
        recorded += try queries.head().value
        merged.add(queries.name, after: position, key: { $0.position.value }) { place, limit in
            try queries.log(after: Position(place), limit: limit)
        }
    }

    /// - Throws: `Shop.Failure` where there is no log to read.
    static func open(_ service: String, _ data: String) throws -> LogQueries {
        do throws(StoreError) {
            return try LogReader(path: DataFolder.log(service, in: data)).queries
        } catch {
            throw Shop.Failure.cannotStart("\(error); is \(data) a shop's folder? see --data")
        }
    }

    /// The next event; nil where nothing more is on record for now.
    ///
    /// - Throws: where a file cannot be read.
    package mutating func next() throws -> Event? { try merged.next().map(Event.init) }
}

extension EventListing.Event {
    /// Metadata that are damaged are shown as they are, in `json` alone.
    init(_ record: StoredRecord) {
        id = record.identity.description
        version = record.version.value
        stream = record.stream.description
        type = record.type.name
        schema = Int64(record.type.schema)
        recordedAt = record.recordedAt.description
        let metadata = try? Metadata(JSON(parsing: record.metadata))
        occurredAt = metadata?.occurredAt?.description
        actor = metadata?.actor ?? ""
        correlation = metadata?.correlation ?? ""
        causation = metadata?.cause?.description
        data = String(decoding: record.data, as: UTF8.self)
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("id", record.identity.description)
            json.member("stream", record.stream.description)
            json.member("version", record.version.value)
            json.member("type", record.type.name)
            json.member("schema", Int64(record.type.schema))
            json.member("recordedAt", record.recordedAt.description)
            json.member("data") { $0.raw(record.data) }
            json.member("metadata") { $0.raw(record.metadata) }
            json.member("leaf", record.leaf.hex)
        }
        self.json = json.text
    }
}
