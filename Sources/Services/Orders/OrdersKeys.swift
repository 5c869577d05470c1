package import EventStore
import Synchronization

/// Hands out the keys that personal data is sealed under, from the orders service's own file.
package final class OrdersKeys: Sendable {
    private let path: String
    private let reader = Mutex<LogReader?>(nil)

    /// - Parameter path: the orders service's file.
    package init(path: String) { self.path = path }

    /// The owner's key; nil where it was destroyed.
    ///
    /// - Throws: where the file cannot be read now.
    package func key(of owner: String) throws(StoreError) -> SealingKey? {
        let bytes = reader.withLock { reader in
            Result { () throws(StoreError) in
                let open: LogReader
                if let known = reader { open = known } else { open = try LogReader(path: path) }
                // Kept only while it works: the next call opens the file anew.
                reader = nil
                let bytes = try open.queries.sealingKey(of: owner)
                reader = open
                return bytes
            }
        }
        return try bytes.get().flatMap { SealingKey($0) }
    }
}
