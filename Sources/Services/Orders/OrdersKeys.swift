package import EventStore
import Synchronization

/// Hands out the keys that personal data is sealed under, from the orders service's own file.
package final class OrdersKeys: Sendable {
    private let path: String
    private let reader = Mutex<LogReader?>(nil)

    /// - Parameter path: the orders service's file.
    package init(path: String) { self.path = path }

    /// The owners' keys, as of one moment; those that were destroyed are not among them.
    ///
    /// - Throws: where the file cannot be read now.
    package func keys(of owners: Set<String>) throws(StoreError) -> [String: SealingKey] {
        let found = reader.withLock { reader in
            Result { () throws(StoreError) in
                let open: LogReader
                if let known = reader { open = known } else { open = try LogReader(path: path) }
                // Kept only while it works: the next call opens the file anew.
                reader = nil
                let bytes = try open.queries.sealingKeys(of: owners)
                reader = open
                return bytes
            }
        }
        return try found.get().compactMapValues { SealingKey($0) }
    }
}
