import EventSourcing
import NATS

/// What a stream is to be, as clients of JetStream say it. Times are nanoseconds; -1 is unlimited.
struct StreamConfiguration: Hashable {
    enum Discard: String { case old, new }

    var name: String
    var description: String?
    /// Patterns of what it stores.
    var subjects: [String] = []
    var maximumConsumers: Int64 = -1
    var maximumMessages: Int64 = -1
    var maximumBytes: Int64 = -1
    var maximumAge: Int64 = 0
    var maximumMessageSize: Int64 = -1
    var maximumPerSubject: Int64 = -1
    var discard = Discard.old
    /// As it was asked for; what is kept lies in files either way.
    var storage = "file"
    /// For so long a message's id is remembered.
    var duplicateWindow: Int64 = 120_000_000_000
    var acknowledges = true
    var allowsDirect = false
    var deniesPurge = false
    var deniesDelete = false

    static let maximumSubjects = 64
    static let maximumDescription = 4096

    init(name: String) { self.name = name }

    /// - Throws: what cannot be, or is not offered here.
    init(_ json: JSONObject) throws(JetStreamError) {
        do throws(JSONError) {
            name = try json.optionalString("name") ?? ""
            description = try json.optionalString("description")
            if let values = json["subjects"] {
                guard let texts = values.array?.map(\.string), !texts.contains(nil) else {
                    throw json.error("subjects", "must be texts")
                }
                subjects = texts.compactMap { $0 }
            }
            maximumConsumers = try json.limit("max_consumers")
            maximumMessages = try json.limit("max_msgs")
            maximumBytes = try json.limit("max_bytes")
            maximumPerSubject = try json.limit("max_msgs_per_subject")
            maximumMessageSize = try json.limit("max_msg_size")
            maximumAge = max(try json.optionalInteger("max_age") ?? 0, 0)
            discard = try json.choice("discard") ?? .old
            storage = try json.optionalString("storage") ?? "file"
            let window = try json.optionalInteger("duplicate_window") ?? 0
            let usual: Int64 = 120_000_000_000
            duplicateWindow = window > 0 ? window : maximumAge > 0 ? min(maximumAge, usual) : usual
            acknowledges = try !json.flag("no_ack")
            allowsDirect = try json.flag("allow_direct")
            deniesDelete = try json.flag("deny_delete")
            deniesPurge = try json.flag("deny_purge")
        } catch { throw .invalidJSON }
        try check(json)
    }

    private mutating func check(_ json: JSONObject) throws(JetStreamError) {
        guard BrokerRules.isName(name), !name.contains(".") else {
            throw .stream("a stream's name is letters, digits, '_' and '-', at most 128")
        }
        if subjects.isEmpty { subjects = [name] }
        guard subjects.count <= Self.maximumSubjects else {
            throw .stream("at most \(Self.maximumSubjects) subjects are taken")
        }
        for (index, subject) in subjects.enumerated() {
            guard Subject.isPattern(subject) else { throw .stream("invalid subject") }
            guard !Subject.covers("$JS.>", subject) else {
                throw .stream("subjects overlap with jetstream api")
            }
            if subjects[..<index].contains(where: { Subject.overlap($0, subject) }) {
                throw .stream("duplicate subjects detected")
            }
        }
        guard (description ?? "").utf8.count <= Self.maximumDescription else {
            throw .stream("description is too long, maximum allowed is 4096")
        }
        guard storage == "file" || storage == "memory" else { throw .invalidJSON }
        if maximumAge > 0, duplicateWindow > maximumAge {
            throw .stream("duplicates window can not be larger then max age")
        }
        if maximumAge > 0, maximumAge < 100_000_000 {
            throw .stream("max age needs to be >= 100ms")
        }
        try Self.refuseWhatIsNotOffered(json)
    }

    private static func refuseWhatIsNotOffered(_ json: JSONObject) throws(JetStreamError) {
        if let policy = json["retention"]?.string, policy != "limits" {
            guard policy == "interest" || policy == "workqueue" else { throw .invalidJSON }
            throw .stream("retention \(policy) is not offered here, only limits")
        }
        if let replicas = json["num_replicas"]?.integer, replicas > 1 {
            throw JetStreamError(
                500, 10074, "replicas > 1 not supported in non-clustered mode")
        }
        for name in ["mirror", "republish"] where json[name] != nil {
            throw .stream("\(name) is not offered here")
        }
        if let sources = json["sources"]?.array, !sources.isEmpty {
            throw .stream("sources are not offered here")
        }
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("name", name)
            if let description { json.member("description", description) }
            json.member("subjects") { json in
                json.array { json in for subject in subjects { json.value(subject) } }
            }
            json.member("retention", "limits")
            json.member("max_consumers", maximumConsumers)
            json.member("max_msgs", maximumMessages)
            json.member("max_bytes", maximumBytes)
            json.member("max_age", maximumAge)
            json.member("max_msgs_per_subject", maximumPerSubject)
            json.member("max_msg_size", maximumMessageSize)
            json.member("discard", discard.rawValue)
            json.member("storage", storage)
            json.member("num_replicas", Int64(1))
            json.member("duplicate_window", duplicateWindow)
            if !acknowledges { json.member("no_ack", true) }
            json.member("sealed", false)
            json.member("deny_delete", deniesDelete)
            json.member("deny_purge", deniesPurge)
            json.member("allow_rollup_hdrs", false)
            json.member("allow_direct", allowsDirect)
            json.member("mirror_direct", false)
        }
    }

    var bounds: StreamBounds {
        var bounds = StreamBounds()
        if maximumBytes > 0 { bounds.bytes = Int(maximumBytes) }
        if maximumAge > 0 { bounds.age = .nanoseconds(maximumAge) }
        return bounds
    }

    func overlaps(_ other: StreamConfiguration) -> Bool {
        subjects.contains { mine in other.subjects.contains { Subject.overlap(mine, $0) } }
    }
}

extension JSONObject {
    /// A limit, of which 0 is the same as none.
    func limit(_ name: String) throws(JSONError) -> Int64 {
        let value = try optionalInteger(name) ?? -1
        return value > 0 ? value : -1
    }

    /// One of a few texts.
    func choice<Choice: RawRepresentable<String>>(_ name: String) throws(JSONError) -> Choice? {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw error(name, "is none that is known")
        }
        return choice
    }
}
