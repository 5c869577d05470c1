package import EventSourcing

/// What a process of a shop says of itself, again and again, so that others find it.
package struct Announcement: Hashable, Sendable {
    package enum Health: String, Hashable, Sendable {
        /// It is there, and does not do its work yet.
        case starting
        case up
        /// Its log writes no more; it answers reads.
        case halted
        case stopping
    }

    package let part: ShopPart
    /// Tells one run of a process from the next.
    package let instance: String
    /// Where its HTTP server listens.
    package let host: String
    package let port: UInt16
    package var health: Health
    /// Which of how many shares of the part's keys it is the home of, counted from 0.
    package let shard: Int
    package let shards: Int
    /// The build it runs.
    package let version: String
    package let process: Int64
    package let startedAt: Timestamp
    /// What it takes of its machine's memory; nil where nobody can say.
    package var residentBytes: Int64?

    package init(
        part: ShopPart, instance: String, host: String, port: UInt16, health: Health,
        shard: Int = 0, shards: Int = 1, version: String, process: Int64, startedAt: Timestamp
    ) {
        self.part = part
        self.instance = instance
        self.host = host
        self.port = port
        self.health = health
        self.shard = shard
        self.shards = shards
        self.version = version
        self.process = process
        self.startedAt = startedAt
    }

    /// What the announcements' subjects begin with.
    static let subject = "kassa.instances"

    /// One JSON object.
    ///
    /// - Parameter asks: whether whoever hears it is to say at once who they are.
    package func bytes(asks: Bool) -> [UInt8] {
        var json = JSONWriter(reserving: 250)
        json.object { json in
            encodeMembers(to: &json)
            if asks { json.member("asks", true) }
        }
        return json.bytes
    }

    /// Appends its members to the object that is being written.
    func encodeMembers(to json: inout JSONWriter) {
        json.member("part", part.rawValue)
        json.member("instance", instance)
        json.member("host", host)
        json.member("port", Int64(port))
        json.member("health", health.rawValue)
        json.member("shard", Int64(shard))
        json.member("shards", Int64(shards))
        json.member("version", version)
        json.member("process", process)
        json.member("startedAt", startedAt.description)
        if let residentBytes { json.member("residentBytes", residentBytes) }
    }

    /// Reads what `bytes` wrote; members it does not know are passed over.
    package init(_ json: JSONObject) throws(JSONError) {
        guard let part = ShopPart(rawValue: try json.string("part")) else {
            throw json.error("part", "is no part of a shop")
        }
        guard let port = UInt16(exactly: try json.integer("port")), port > 0 else {
            throw json.error("port", "is no port")
        }
        guard let health = Health(rawValue: try json.string("health")) else {
            throw json.error("health", "is not known here")
        }
        let (shard, shards) = (try json.integer("shard"), try json.integer("shards"))
        guard (1...1024).contains(shards), (0..<shards).contains(shard) else {
            throw json.error("shard", "is none of 1 to 1024 shares")
        }
        guard let startedAt = Timestamp(try json.string("startedAt")) else {
            throw json.error("startedAt", "is no time")
        }
        self.init(
            part: part, instance: try json.string("instance"), host: try json.string("host"),
            port: port, health: health, shard: Int(shard), shards: Int(shards),
            version: try json.string("version"), process: try json.integer("process"),
            startedAt: startedAt)
        residentBytes = try json.optionalInteger("residentBytes")
    }
}
