import EventSourcing
import EventStore

/// A service's recorded events, read from its file.
package struct EventListing {
    package struct Event: Sendable {
        package let position: Int64
        package let version: Int64
        package let stream: String
        package let type: String
        package let recordedAt: String
        /// The stored data, JSON.
        package let data: String
        /// All of it as one JSON object.
        package let json: String
    }

    private let queries: LogQueries

    /// - Throws: `Shop.Failure` where the folder holds no such log.
    package init(data: String, service: String) throws {
        do throws(StoreError) {
            queries = try LogReader(path: DataFolder.log(service, in: data)).queries
        } catch {
            throw Shop.Failure.cannotStart("\(error); is \(data) a shop's folder? see --data")
        }
    }

    /// Events after a position, or of one stream after a version.
    ///
    /// - Throws: `Shop.Failure` for a stream's name that is none, and where the file cannot be
    ///   read.
    package func events(stream: String?, after: Int64, limit: Int) throws -> [Event] {
        if let stream {
            guard let id = StreamID(stream) else {
                throw Shop.Failure.cannotStart("\(stream) is no stream; name one as order-ID")
            }
            return try queries.stream(id, after: Version(after), limit: limit).map(Event.init)
        }
        return try queries.log(after: Position(after), limit: limit).map(Event.init)
    }
}

extension EventListing.Event {
    init(_ record: StoredRecord) {
        position = record.position.value
        version = record.version.value
        stream = record.stream.description
        type = record.type.name
        recordedAt = record.recordedAt.description
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
