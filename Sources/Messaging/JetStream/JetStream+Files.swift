import EventSourcing
import NATS
import Net

extension JetStream {
    /// Of a stream's folder, what JetStream's files lie in.
    static let folder = "jetstream"

    private func folder(of stream: String) -> String {
        "\(broker.folder(of: stream))/\(Self.folder)"
    }

    private var disk: BrokerDisk { broker.settings.disk }

    /// Where a consumer has its file.
    private func path(of consumer: String, in stream: String) -> String {
        "\(folder(of: stream))/consumer-\(consumer)"
    }

    /// Makes a stream's first file, and its folder.
    func createFile(_ stream: ServedStream) throws(BrokerError) {
        do throws(FileError) {
            try disk.createFolder(broker.folder(of: stream.name))
            try disk.createFolder(folder(of: stream.name))
            stream.file = try StateFile.create(
                "\(folder(of: stream.name))/stream", on: disk, stream.state)
        } catch { throw error.unavailable }
    }

    /// Makes a durable consumer's file; others have none.
    func createFile(_ consumer: ServedConsumer) throws(BrokerError) {
        guard consumer.isDurable else { return }
        do throws(FileError) {
            // A stream that publishers in this process own may have no folder yet.
            try disk.createFolder(broker.folder(of: consumer.stream.name))
            try disk.createFolder(folder(of: consumer.stream.name))
            consumer.file = try StateFile.create(
                path(of: consumer.name, in: consumer.stream.name), on: disk, consumer.state)
        } catch { throw error.unavailable }
    }

    /// A stream that the broker has, as its files say; nil for one that was never made in full.
    func open(_ name: String) throws(BrokerError) -> ServedStream? {
        let segments = try broker.opened(name)
        let path = "\(folder(of: name))/stream"
        let found: (StateFile<TakenOut>, state: [UInt8], changes: [TakenOut])?
        let wasServed: Bool
        do throws(FileError) {
            found = try StateFile.open(path, on: disk, notices)
            wasServed = try disk.names(in: folder(of: name)).contains { $0.hasPrefix("stream.") }
        } catch { throw error.unavailable }
        let stream: ServedStream
        if let (file, bytes, changes) = found {
            var mustSave = false
            stream = try open(segments, bytes, changes.map(\.sequence), path, &mustSave)
            stream.file = file
            // What was said of places that are lost must not hold for what takes them now.
            if mustSave { try stream.save() }
            try stream.enforceAfterOpening()
        } else if name.hasPrefix("kassa-"), publishersAreElsewhere {
            // One process with the whole shop in it has left it, or what it was to be is lost: it
            // becomes what the shop's processes would make it, and they go on in it.
            if wasServed { notices("\(path) is damaged or gone: stream \(name) is made anew") }
            stream = ServedStream(
                ownConfiguration(name), segments, created: runtime.now(), hub, notices)
            try createFile(stream)
        } else if name.hasPrefix("kassa-"), !wasServed {
            stream = ServedStream(
                ownConfiguration(name), segments, created: runtime.now(), hub, isOwned: true,
                notices)
        } else if segments.extent.last == 0 {
            try broker.remove(name)
            return nil
        } else {
            notices(
                "\(path) is damaged or gone: stream \(name) keeps its messages and takes no new "
                    + "ones until its configuration is updated")
            stream = ServedStream(
                StreamConfiguration(name: name), segments, created: runtime.now(), hub, notices)
            try createFile(stream)
        }
        try openConsumers(of: stream)
        return stream
    }

    private func open(
        _ segments: SegmentStream, _ bytes: [UInt8], _ gaps: [UInt64], _ path: String,
        _ mustSave: inout Bool
    ) throws(BrokerError) -> ServedStream {
        let now = runtime.now()
        do {
            let json = try JSONObject(try JSON(parsing: bytes))
            let configuration = try StreamConfiguration(try json.object("config"))
            segments.resume(
                first: UInt64(clamping: try json.integer("first")),
                last: UInt64(clamping: try json.integer("last")))
            segments.bound(configuration.bounds)
            let created = Timestamp(try json.string("created")) ?? now
            let stream = ServedStream(configuration, segments, created: created, hub, notices)
            let isShorter = try stream.recall(json, gaps)
            try stream.findHeld()
            try stream.recallIDs(at: now)
            mustSave = isShorter
            return stream
        } catch let error as BrokerError {
            throw error
        } catch {
            throw .unavailable("\(path) says what this build does not know")
        }
    }

    /// What a stream is that publishers in this process own.
    private func ownConfiguration(_ name: String) -> StreamConfiguration {
        var configuration = StreamConfiguration(name: name)
        configuration.subjects = [Self.subjects(of: name)]
        configuration.maximumBytes = Int64(broker.settings.retainedBytes)
        configuration.allowsDirect = true
        configuration.deniesPurge = true
        configuration.deniesDelete = true
        return configuration
    }

    /// What a stream of the shop's own carries: `kassa-orders` has `kassa.orders.>`.
    private static func subjects(of stream: String) -> String {
        "\(stream.split(separator: "-", maxSplits: 1).joined(separator: ".")).>"
    }

    private func openConsumers(of stream: ServedStream) throws(BrokerError) {
        let names: [String]
        do throws(FileError) { names = try disk.names(in: folder(of: stream.name)) } catch {
            throw error.unavailable
        }
        let consumers = Set(
            names.filter { $0.hasPrefix("consumer-") }.map { $0.dropFirst(9).dropLast(2) })
        for name in consumers.sorted() {
            do throws(FileError) {
                try openConsumer(String(name), of: stream)
            } catch { throw error.unavailable }
        }
    }

    private func openConsumer(_ name: String, of stream: ServedStream) throws(FileError) {
        let path = path(of: name, in: stream.name)
        guard
            let (file, state, changes) = try StateFile<ConsumerChange>.open(path, on: disk, notices)
        else {
            return notices("\(path) is damaged; its consumer is forgotten")
        }
        do {
            let now = hub.now
            let json = try JSONObject(try JSON(parsing: state))
            let configuration = try ConsumerConfiguration(try json.object("config"))
            let due = now + .nanoseconds(configuration.wait)
            var progress = try ConsumerProgress(json, last: stream.last, due: due)
            for change in changes {
                progress.apply(
                    change, settles: configuration.acknowledgement != .none, due: due)
            }
            let isShorter = progress.limit(to: stream.last)
            progress.trim(before: stream.first)
            let starts = try json.array("starts").compactMap(\.integer)
                .map { UInt64(clamping: $0) }
                .filter { $0 > progress.delivered.stream }
            let next = max(
                UInt64(clamping: try json.integer("next")),
                starts.isEmpty ? progress.delivered.stream + 1 : 0, stream.first)
            let consumer = ServedConsumer(
                name, configuration, of: stream,
                created: Timestamp(try json.string("created")) ?? runtime.now(), progress,
                next: min(next, stream.last + 1), starts: starts, at: now,
                isShops: try json.flag("shop"))
            consumer.file = file
            if isShorter { try consumer.file?.replace(consumer.state) }
            stream.consumers[name] = consumer
        } catch let error as FileError {
            throw error
        } catch {
            notices("\(path) says what this build does not know; its consumer is forgotten")
        }
    }
}
