public import EventSourcing
public import SQLite

/// What can go wrong between a service and its log.
public enum StoreError: Error, CustomStringConvertible {
    /// The stream has another version than the writer expected. Nothing was written.
    case conflict(StreamID, expected: ExpectedVersion, actual: Version)
    /// Nothing of the batch was written: what failed, failed before the commit.
    case notWritten(SQLiteError)
    /// The commit itself failed: it may be on disk or not. The log is closed and must be opened
    /// again.
    case outcomeUnknown(SQLiteError)
    /// The log was closed after an unknown outcome.
    case closed
    /// A file that this build cannot read: of another format, of another log, or damaged.
    case unusable(path: String, why: String)
    /// The file cannot be opened or read.
    case unreadable(SQLiteError)
    /// A stored event that this build cannot read.
    case unreadableEvent(EventIdentity, UnreadableEvent)
    /// The log stopped writing until an operator opens a new epoch.
    case halted(String)

    /// Whether something failed in reading that may not do so again, whatever the file holds.
    package var isFailedRead: Bool {
        if case .unreadable(let error) = self { error.mayPass } else { false }
    }

    public var description: String {
        switch self {
        case .conflict(let stream, let expected, let actual):
            "\(stream) has version \(actual), expected was \(expected); read it again "
                + "and decide anew"
        case .notWritten(let error): "nothing was written: \(error)"
        case .outcomeUnknown(let error):
            "the commit failed and its outcome is unknown: \(error); ask again with the same key"
        case .closed: "the log is closed after a failed commit; it is being opened again"
        case .unusable(let path, let why): "\(path) cannot be used: \(why)"
        case .unreadable(let error): "the log cannot be read: \(error)"
        case .unreadableEvent(let identity, let error): "event \(identity): \(error)"
        case .halted(let why):
            "the log has stopped: \(why); compare the backups, then open a new epoch "
                + "with shopctl epoch open"
        }
    }
}

/// What a writer expects of a stream.
public enum ExpectedVersion: Hashable, Sendable, CustomStringConvertible {
    case any
    case noStream
    case exactly(Version)

    package func allows(_ actual: Version) -> Bool {
        switch self {
        case .any: true
        case .noStream: actual == .none
        case .exactly(let version): actual == version
        }
    }

    public var description: String {
        switch self {
        case .any: "any"
        case .noStream: "no stream"
        case .exactly(let version): "version \(version)"
        }
    }
}
