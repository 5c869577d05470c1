package import EventSourcing
package import EventStore

/// Who asks, and how the request is to be remembered.
package struct CommandContext: Sendable {
    package let metadata: Metadata
    package let key: IdempotencyKey?
    /// When it came, where somebody wants to know.
    package var at = Timestamp.epoch

    package init(metadata: Metadata, key: IdempotencyKey? = nil) {
        self.metadata = metadata
        self.key = key
    }
}
