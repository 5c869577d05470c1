import CPlatform
package import EventSourcing
import Glibc

/// The built-in broker: a folder per stream, with segment files and the consumers' floors.
///
/// What a call has returned survives the process (kill -9), not the machine: nothing is synced. At
/// most 256 streams and 256 consumers on each; names are `a-zA-Z0-9._-`, at most 128 bytes, not
/// beginning with a dot. A redelivery's attempts are counted from 1 again after a restart. A fetch
/// that reads files ends at a segment's end, so it may bring fewer messages than there are, but
/// never none. Memory: about `cachedBytes` for each stream, whatever its length, and 64 KiB for
/// what was read.
package final class SegmentBroker: Broker {
    /// Bounds of each stream, in bytes and time.
    package struct Settings: Sendable {
        /// A segment that has reached this is followed by a new one; 1 KiB to 1 GiB.
        package let segmentBytes: Int
        /// Files above this lose their oldest segment; the newest segment always stays.
        package let retainedBytes: Int
        /// Older segments go even when there is room.
        package let retainedAge: Duration?
        /// Of the newest messages, in memory; one message at least is kept.
        package let cachedBytes: Int
        let disk: BrokerDisk

        package init(
            segmentBytes: Int = 16 * 1024 * 1024, retainedBytes: Int = 256 * 1024 * 1024,
            retainedAge: Duration? = nil, cachedBytes: Int = 16 * 1024 * 1024,
            disk: BrokerDisk = .real
        ) {
            self.segmentBytes = min(max(segmentBytes, 1024), 1024 * 1024 * 1024)
            self.retainedBytes = max(retainedBytes, 0)
            self.retainedAge = retainedAge
            self.cachedBytes = max(cachedBytes, 0)
            self.disk = disk
        }
    }

    private let folder: String
    let settings: Settings
    let runtime: any Runtime
    private let notices: @Sendable (String) -> Void
    private let lockFile: BrokerFile
    private let streams: Monitor<[String: SegmentStream]>

    /// Opens the folder, or creates it in its parent, and checks the newest segment of each stream.
    ///
    /// The runtime's clock decides when a message comes again and how old a segment is. `notices`
    /// is told of damage that was found and what was given up; it is called from any thread,
    /// without a lock held.
    /// - Throws: `unavailable` when another broker has the folder, a file is of another version, or
    ///   the disk fails.
    package init(
        folder: String, settings: Settings = Settings(), runtime: any Runtime,
        notices: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(BrokerError) {
        self.folder = folder
        self.settings = settings
        self.runtime = runtime
        self.notices = notices
        var found: [String: SegmentStream] = [:]
        do {
            try settings.disk.createFolder(folder)
            lockFile = try settings.disk.open("\(folder)/.lock", flags: O_RDWR | O_CREAT)
            guard try lockFile.lock() else {
                throw BrokerError.unavailable(
                    "another broker has \(folder) open; stop it or use another folder")
            }
            let names = try settings.disk.names(in: folder).filter(BrokerRules.isName)
            guard names.count <= BrokerRules.maximumStreams else {
                throw BrokerError.unavailable(
                    "\(folder) has \(names.count) streams; "
                        + "at most \(BrokerRules.maximumStreams) are taken"
                )
            }
            for name in names {
                found[name] = try SegmentStream(
                    folder: "\(folder)/\(name)", settings: settings, runtime: runtime,
                    notices: notices)
            }
        } catch let error as BrokerError {
            throw error
        } catch let error as FileError {
            throw error.unavailable
        } catch {
            throw .unavailable("\(error)")
        }
        streams = Monitor(found)
        // Looking at a stream says what was found damaged in it.
        for name in found.keys.sorted() { _ = found[name]?.state() }
    }

    deinit { lockFile.unlock() }

    package func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        let stage = kassa_stage_enter(KASSA_STAGE_BROKER)
        defer { kassa_stage_leave(stage) }
        try BrokerRules.check(stream: stream)
        try BrokerRules.check(messages)
        return try self.stream(stream).publish(messages, expectedLast: expectedLast)
    }

    package func state(of stream: String) throws(BrokerError) -> StreamState {
        try BrokerRules.check(stream: stream)
        return known(stream)?.state() ?? StreamState(first: 1, last: 0, newest: nil)
    }

    /// What each stream holds, by name; one lock at a time is taken, each for a moment.
    package func holdings() -> [StreamHoldings] {
        streams.withLock { $0 }.map { $0.value.holdings($0.key) }.sorted { $0.stream < $1.stream }
    }

    package func fetch(_ subscription: Subscription, limit: Int, wait: Duration)
        throws(BrokerError) -> [Delivered]
    {
        let stage = kassa_stage_enter(KASSA_STAGE_BROKER)
        defer { kassa_stage_leave(stage) }
        try BrokerRules.check(subscription)
        guard limit > 0 else { return [] }
        return try stream(subscription.stream).fetch(subscription, limit: limit, wait: wait)
    }

    package func acknowledge(_ subscription: Subscription, through sequence: UInt64)
        throws(BrokerError)
    {
        let stage = kassa_stage_enter(KASSA_STAGE_BROKER)
        defer { kassa_stage_leave(stage) }
        try BrokerRules.check(subscription)
        try known(subscription.stream)?.acknowledge(subscription, through: sequence)
    }

    package func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try BrokerRules.check(subscription)
        known(subscription.stream)?.reject(subscription, from: sequence, delay: delay)
    }

    /// The stream of that name, which is made if it is not known; its folder is made by the first
    /// publish.
    func opened(_ name: String) throws(BrokerError) -> SegmentStream {
        try BrokerRules.check(stream: name)
        return try stream(name)
    }

    /// The names of all streams, in order.
    var names: [String] { streams.withLock { $0.keys.sorted() } }

    /// Where a stream has its files.
    func folder(of stream: String) -> String { "\(folder)/\(stream)" }

    /// Forgets a stream, its consumers and all it holds.
    /// - Throws: `unavailable` where that is refused; the stream is there as before then.
    func remove(_ name: String) throws(BrokerError) {
        guard let stream = known(name) else { return }
        do throws(FileError) {
            try settings.disk.retire(folder(of: name), in: folder, named: name)
        } catch { throw error.unavailable }
        streams.withLock { $0[name] = nil }
        stream.close()
    }

    private func known(_ name: String) -> SegmentStream? { streams.withLock { $0[name] } }

    /// The stream; a new one has no folder before its first publish, but somebody may wait on it.
    private func stream(_ name: String) throws(BrokerError) -> SegmentStream {
        if let known = known(name) { return known }
        return try streams.withLock { (streams) throws(BrokerError) in
            if let known = streams[name] { return known }
            guard streams.count < BrokerRules.maximumStreams else {
                throw .unavailable(
                    "it has \(BrokerRules.maximumStreams) streams, the most it takes")
            }
            let stream = try SegmentStream(
                folder: "\(folder)/\(name)", settings: settings, runtime: runtime, notices: notices)
            streams[name] = stream
            return stream
        }
    }
}
