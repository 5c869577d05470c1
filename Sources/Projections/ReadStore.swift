package import SQLite
import Synchronization

/// Why a read gave nothing.
package enum ReadError: Error, Hashable, CustomStringConvertible {
    case unavailable(String)

    package var description: String {
        switch self {
        case .unavailable(let why): "the read store cannot be read: \(why); try again"
        }
    }
}

/// What readers are answered from: one SQLite file, built from the logs alone. Any thread may read.
///
/// Each read is one short transaction on one of a few connections, which are opened when they are
/// first needed.
package final class ReadStore: Sendable {
    package let path: String
    let durability: Connection.Durability
    private let readers: [Reader]

    /// One connection, and whose turn it is.
    private final class Reader: Sendable {
        let connection = Mutex<Connection?>(nil)
    }

    /// Creates the file where there is none, and drops what another version of the projection made
    /// of it.
    ///
    /// - Parameter readers: the most connections that read at the same time.
    /// - Throws: where the file cannot be opened.
    package init(path: String, durability: Connection.Durability = .none, readers: Int = 4)
        throws(SQLiteError)
    {
        self.path = path
        self.durability = durability
        self.readers = (0..<max(1, readers)).map { _ in Reader() }
        _ = try ReadSchema.open(path, durability)
    }

    /// The one connection that writes.
    func openWriter() throws(SQLiteError) -> Connection { try ReadSchema.open(path, durability) }

    /// Runs `body` in one transaction, on a free connection where there is one.
    func read<Value: Sendable>(
        _ body: @Sendable (Connection) throws(SQLiteError) -> Value
    ) throws(ReadError) -> Value {
        for reader in readers {
            let result = reader.connection.withLockIfAvailable { run(body, on: &$0) }
            if let result { return try result.get() }
        }
        return try readers[0].connection.withLock { run(body, on: &$0) }.get()
    }

    private func run<Value: Sendable>(
        _ body: @Sendable (Connection) throws(SQLiteError) -> Value, on slot: inout Connection?
    ) -> Result<Value, ReadError> {
        do throws(SQLiteError) {
            let connection: Connection
            if let open = slot {
                connection = open
            } else {
                connection = try Connection(path: path, mode: .reader)
                slot = connection
            }
            try connection.execute("BEGIN")
            let value = try body(connection)
            try connection.execute("COMMIT")
            return .success(value)
        } catch {
            // The next read opens the file anew.
            slot = nil
            return .failure(.unavailable(error.description))
        }
    }
}
