import EventSourcing
import NATS
import Net

/// What clients ask of consumers.
extension JetStream {
    private static let maximumNames = 1024
    private static let maximumInfos = 256

    func createConsumer(_ request: JetStreamRequest, isDurable: Bool) throws(JetStreamError)
        -> Answer
    {
        let stream = try stream(request)
        let json = try request.json()
        let (named, object): (String?, JSONObject)
        do throws(JSONError) {
            (named, object) = (try json.text("stream_name"), try json.object("config"))
        } catch { throw .invalidJSON }
        if let named, named != stream.name { throw .mismatchedStream }
        var configuration = try ConsumerConfiguration(object)
        let name = try self.name(&configuration, request, isDurable: isDurable)
        if let subject = configuration.deliverSubject,
            !hub.maySend(to: subject, as: request.standing)
        {
            throw .shopsOwn
        }
        if let filter = configuration.filter {
            guard stream.configuration.subjects.contains(where: { Subject.overlap($0, filter) })
            else { throw .filterOutside }
        }
        if let subject = configuration.deliverSubject,
            stream.configuration.subjects.contains(where: { Subject.overlap($0, subject) })
        {
            throw JetStreamError(400, 10081, "consumer deliver subject forms a cycle")
        }
        if stream.consumers[name]?.isDurable == true { configuration.durable = name }
        if configuration.durable == nil, configuration.inactiveThreshold == 0 {
            configuration.inactiveThreshold = 5_000_000_000
        }
        if let known = stream.consumers[name] {
            guard request.standing.mayUse(consumerOfShop: known.isShops) else { throw .shopsOwn }
            guard request.standing.takesOver(consumerOfShop: known.isShops) else {
                let info = try info(known, for: request.standing)
                try update(known, configuration)
                return info
            }
            try asking { () throws(BrokerError) in try remove(known, from: stream) }
        }
        return try make(name, configuration, of: stream, as: request.standing)
    }

    private func make(
        _ name: String, _ configuration: ConsumerConfiguration, of stream: ServedStream,
        as standing: Standing
    ) throws(JetStreamError) -> Answer {
        let most = stream.configuration.maximumConsumers
        guard stream.consumers.count < standing.share(of: BrokerRules.maximumConsumers),
            most <= 0 || stream.consumers.count < most
        else { throw JetStreamError(400, 10026, "maximum consumers limit reached") }
        let consumer = try asking { () throws(BrokerError) in
            stream.refresh()
            return try ServedConsumer(
                name, configuration, of: stream, created: runtime.now(), at: hub.now,
                isShops: standing == .shop)
        }
        let info = try info(consumer, for: standing)
        try asking { () throws(BrokerError) in try createFile(consumer) }
        stream.consumers[name] = consumer
        return info
    }

    /// What a client is told of a consumer.
    func info(_ consumer: ServedConsumer, for standing: Standing) throws(JetStreamError) -> Answer {
        let waiting = try asking { () throws(BrokerError) in try consumer.waiting() }
        return { json in
            consumer.writeInfo(waiting, to: &json)
            if standing.takesOver(consumerOfShop: consumer.isShops) {
                json.member("kassa_listeners", true)
            }
        }
    }

    /// A consumer's name: what the subject says, what the configuration says, or one made here.
    private func name(
        _ configuration: inout ConsumerConfiguration, _ request: JetStreamRequest, isDurable: Bool
    ) throws(JetStreamError) -> String {
        let said = request.arguments.count > 1 ? request.arguments[1] : nil
        if isDurable, configuration.durable == nil {
            throw JetStreamError(
                400, 10020, "consumer expected to be durable but a durable name was not set")
        }
        if let said, let other = configuration.durable ?? configuration.name, other != said {
            throw JetStreamError(
                400, isDurable ? 10017 : 10131,
                "consumer name in subject does not match durable name in request")
        }
        if !isDurable, said == nil, configuration.durable != nil {
            throw JetStreamError(
                400, 10019,
                "consumer expected to be ephemeral but a durable name was set in "
                    + "request")
        }
        if request.arguments.count > 2, configuration.filter != nil || !isDurable {
            let filter = request.arguments[2...].joined(separator: ".")
            guard configuration.filter == filter else {
                throw JetStreamError(
                    400, 10131,
                    "consumer create request did not match filtered subject from "
                        + "create subject")
            }
        }
        if let name = configuration.durable ?? configuration.name ?? said { return name }
        var letters = ""
        for _ in 0..<8 {
            letters.append(Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef")[Int(runtime.random() % 32)])
        }
        return letters
    }

    private func update(_ known: ServedConsumer, _ configuration: ConsumerConfiguration)
        throws(JetStreamError)
    {
        if known.configuration == configuration { return }
        guard known.configuration.canBecome(configuration) else {
            throw JetStreamError(
                500, 10012,
                "a consumer's deliver policy, start, ack policy and filter stay as "
                    + "they are; delete it first")
        }
        if let subject = known.configuration.deliverSubject,
            subject != configuration.deliverSubject, hub.hasInterest(in: subject)
        {
            throw JetStreamError(400, 10013, "consumer name already in use")
        }
        known.update(configuration)
        try asking { () throws(BrokerError) in
            do throws(FileError) { try known.file?.replace(known.state) } catch {
                throw error.unavailable
            }
        }
    }

    func listConsumers(_ request: JetStreamRequest, namesAlone: Bool) throws(JetStreamError)
        -> Answer
    {
        let found = try stream(request).consumers.values.sorted { $0.name < $1.name }
        let json = try request.json()
        let offset: Int64
        do throws(JSONError) {
            offset = try json.optionalInteger("offset") ?? 0
        } catch { throw .invalidJSON }
        let limit = namesAlone ? Self.maximumNames : Self.maximumInfos
        let (page, head) = Self.page(found, from: offset, limit: limit)
        var infos: [Answer] = []
        if !namesAlone {
            for consumer in page { infos.append(try info(consumer, for: request.standing)) }
        }
        return { json in
            head(&json)
            json.member("consumers") { json in
                json.array { json in
                    if namesAlone { for consumer in page { json.value(consumer.name) } }
                    for info in infos { json.object(info) }
                }
            }
        }
    }

    func deleteConsumer(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let (stream, consumer) = (try stream(request), try consumer(request))
        guard request.standing.mayUse(consumerOfShop: consumer.isShops) else { throw .shopsOwn }
        try asking { () throws(BrokerError) in try remove(consumer, from: stream) }
        return { json in json.member("success", true) }
    }

    /// `CONSUMER.MSG.NEXT.STREAM.CONSUMER`; one that is not there says nothing, as in nats-server.
    func pull(_ message: ClientOperation.Publish, _ rest: Substring, as standing: Standing) {
        let tokens = rest.split(separator: ".")
        guard let reply = message.reply, tokens.count == 5,
            let consumer = streams[String(tokens[3])]?.consumers[String(tokens[4])]
        else { return }
        guard standing.mayUse(consumerOfShop: consumer.isShops) else {
            let headers = StatusMessage.headers(409, "Consumer Is The Shop's")
            return say(
                ClientOperation.Publish(subject: reply, reply: nil, headers: headers, payload: []))
        }
        consumer.pull(message.payload, inbox: reply, at: hub.now)
    }
}

extension ServedConsumer {
    /// - Parameter waiting: messages that were never handed out.
    func writeInfo(_ waiting: UInt64, to json: inout JSONWriter) {
        func place(_ place: ConsumerProgress.Place, _ json: inout JSONWriter) {
            json.object { json in
                json.member("consumer_seq", Int64(clamping: place.consumer))
                json.member("stream_seq", Int64(clamping: place.stream))
            }
        }
        json.member("stream_name", stream.name)
        json.member("name", name)
        json.member("created", created.description)
        json.member("config") { json in configuration.write(to: &json) }
        json.member("delivered") { json in place(progress.delivered, &json) }
        json.member("ack_floor") { json in place(progress.floor, &json) }
        let pending = progress.pending
        json.member("num_ack_pending", Int64(pending.count))
        json.member("num_redelivered", Int64(pending.all.count { $0.deliveries > 1 }))
        json.member("num_waiting", Int64(pulls.count))
        json.member("num_pending", Int64(clamping: waiting))
        if let subject = configuration.deliverSubject, hub.hasInterest(in: subject) {
            json.member("push_bound", true)
        }
    }
}
