/// What one message may take; all sizes in bytes.
package struct MessageLimits: Hashable, Sendable {
    /// The request target; above it 414.
    package var target = 8 * 1024
    /// One field line; above it 431.
    package var fieldLine = 8 * 1024
    /// All field lines together; above it 431. Trailers have the same limit of their own.
    package var fieldBytes = 64 * 1024
    /// The number of fields; above it 431.
    package var fields = 100
    /// The body after decoding; above it 413.
    package var body = 8 * 1024 * 1024

    /// The defaults.
    package init() {}

    /// A chunk's size line with its extensions.
    static let chunkLine = 256
    /// The extensions of all chunks together: nothing uses them but attacks.
    static let chunkExtensions = 16 * 1024
    /// Room in a start line for all but the target.
    static let startLineRest = 64
}
