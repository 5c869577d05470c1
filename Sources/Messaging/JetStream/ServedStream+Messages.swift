import EventSourcing
import NATS

/// Reading a stream, and taking out of it.
extension ServedStream {
    /// Places that are listed at most where they are asked for.
    private static let mostListed: UInt64 = 100_000

    /// As `SegmentStream.read`, without what was taken out.
    func read(from sequence: UInt64, limit: Int, wants: (String) -> Bool) throws(BrokerError)
        -> (messages: [StoredMessage], through: UInt64)
    {
        let found = try segments.read(from: sequence, limit: limit, wants: wants)
        guard gaps.count > 0 else { return found }
        return (found.messages.filter { !gaps.contains($0.sequence) }, found.through)
    }

    /// Tells those who merely listen what publishers in this process have stored.
    func forward() throws(BrokerError) {
        guard isOwned, forwarded < last else { return }
        guard configuration.subjects.contains(where: hub.isHeard) else {
            forwarded = last
            return
        }
        let (messages, through) = try read(from: forwarded + 1, limit: 1024, wants: { _ in true })
        for message in messages {
            hub.publish(message.message.published(reply: nil), by: 0, echoes: true)
        }
        forwarded = through
    }

    /// One message; nil where it is not kept.
    func message(at sequence: UInt64) throws(BrokerError) -> StoredMessage? {
        gaps.contains(sequence) ? nil : try segments.message(at: sequence)
    }

    /// Takes a message out; false where there is none.
    @discardableResult
    func delete(_ sequence: UInt64) throws(BrokerError) -> Bool {
        guard let message = try message(at: sequence) else { return false }
        takeOut(message)
        refresh()
        return true
    }

    private func takeOut(_ message: StoredMessage) {
        gaps.insert(message.sequence)
        file?.note(TakenOut(message.sequence))
        index.forget(message)
        unhold(message)
        for consumer in consumers.values { consumer.forget(message) }
    }

    /// Gives up messages before `sequence`, all or those of some subjects, of which the newest may
    /// be kept.
    ///
    /// - Returns: how many.
    func purge(before sequence: UInt64, _ filter: SubjectPattern?, keep: Int) throws(BrokerError)
        -> UInt64
    {
        let before = count
        if let filter {
            try purge(before: sequence, of: filter, keep: keep)
        } else {
            segments.trim(before: keepBound(sequence, keep))
            refresh()
        }
        try findHeld()
        try save()
        return before - count
    }

    private func purge(before sequence: UInt64, of filter: SubjectPattern, keep: Int)
        throws(BrokerError)
    {
        var left = try count(before: sequence, of: filter)
        var at = first
        while at < sequence, at <= last, left > keep {
            let (messages, through) = try read(from: at, limit: 4096, wants: filter.matches)
            for message in messages where message.sequence < sequence && left > keep {
                takeOut(message)
                left -= 1
            }
            at = through + 1
        }
        refresh()
    }

    private func count(before sequence: UInt64, of filter: SubjectPattern) throws(BrokerError)
        -> Int
    {
        var (count, at) = (0, first)
        while at < sequence, at <= last {
            let (messages, through) = try read(from: at, limit: 4096, wants: filter.matches)
            count += messages.count { $0.sequence < sequence }
            at = through + 1
        }
        return count
    }

    /// The first place of the newest messages that are to be kept, or `sequence` if it is lower.
    private func keepBound(_ sequence: UInt64, _ keep: Int) -> UInt64 {
        var (at, left) = (last + 1, keep)
        while left > 0, at > first {
            at -= 1
            if !gaps.contains(at) { left -= 1 }
        }
        return min(at, sequence)
    }

    // MARK: Files

    /// What its file says of it.
    var state: [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("created", created.description)
            json.member("config") { json in configuration.write(to: &json) }
            json.member("first", Int64(clamping: first))
            json.member("last", Int64(clamping: last))
            json.member("gaps") { json in
                json.array { json in
                    for range in gaps.ranges {
                        json.array { json in
                            json.value(Int64(clamping: range.lowerBound))
                            json.value(Int64(clamping: range.upperBound))
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    /// Takes in what its file says was taken out.
    ///
    /// - Returns: whether it says so of places that are lost.
    func recall(_ json: JSONObject, _ later: [UInt64]) throws(JSONError) -> Bool {
        var isShorter = later.contains { $0 > last }
        for range in try json.array("gaps") {
            let ends = (range.array ?? []).compactMap(\.integer).map { UInt64(clamping: $0) }
            guard ends.count == 2, ends[0] <= ends[1] else { continue }
            if ends[1] > last { isShorter = true }
            guard ends[0] <= last else { continue }
            for sequence in ends[0]...min(ends[1], last) { gaps.insert(sequence) }
        }
        for sequence in later where sequence <= last { gaps.insert(sequence) }
        gaps.trim(before: first)
        refresh()
        return isShorter
    }

    func save() throws(BrokerError) {
        do throws(FileError) { try file?.replace(state) } catch { throw error.unavailable }
    }

    func saveGaps() throws(BrokerError) {
        do throws(FileError) { try file?.write { state } } catch { throw error.unavailable }
    }

    /// What it holds.
    ///
    /// - Parameters:
    ///   - filter: the subjects whose messages are to be counted one by one.
    ///   - listsDeleted: whether each place that was taken out is to be named.
    func summary(_ filter: SubjectPattern? = nil, listsDeleted: Bool = false) throws(BrokerError)
        -> StreamSummary
    {
        var counts: [String: Int64]?
        if let filter {
            var (found, at) = ([String: Int64](), first)
            while at <= last {
                let (messages, through) = try read(from: at, limit: 4096, wants: filter.matches)
                for message in messages { found[message.message.subject, default: 0] += 1 }
                at = through + 1
            }
            counts = found
        }
        let lists = listsDeleted && gaps.count <= Self.mostListed
        return StreamSummary(
            extent: extent, messages: count, deleted: lists ? gaps.ranges.flatMap(Array.init) : nil,
            deletedCount: gaps.count, counts: counts, oldest: try message(at: first)?.time,
            subjects: try index.count(in: self), consumers: consumers.count)
    }
}
