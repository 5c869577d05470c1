/// What clients may take of the server. Sizes in bytes.
package struct HTTPServerLimits: Hashable, Sendable {
    /// What one request may take.
    package var message = MessageLimits()
    /// Connections at a time; a further one is answered with 503 and closed.
    package var connections = 10_000
    /// Requests of one connection in flight; above it the connection is not read.
    package var pipelined = 64
    /// Received on all connections together and not yet a whole request; above it the one that
    /// adds to it is answered with 503. What handlers hold is theirs to limit.
    package var received = 256 * 1024 * 1024
    /// Answers on all connections together that clients have not taken. Above it those with more
    /// than `fairUnsent` of them are cut that take less than 4 KiB in a second; above twice as much
    /// those that add to it.
    package var unsent = 64 * 1024 * 1024
    package var fairUnsent = 64 * 1024
    /// Output waiting on one connection; above it no further request of it is taken. One answer
    /// may be larger.
    package var output = 1024 * 1024
    /// From a request's first byte to the end of its header section; above it 408.
    package var headerTimeout = Duration.seconds(10)
    /// From the end of the header section to the end of the body, however the bytes trickle in;
    /// above it 408.
    package var bodyTimeout = Duration.seconds(60)
    /// Between requests; above it the connection is closed.
    package var idleTimeout = Duration.seconds(60)
    /// Given a handler to answer; above it 504, and the late answer is dropped.
    package var answerTimeout = Duration.seconds(60)
    /// Within each such span a client with output waiting has to take 4 KiB or all of it;
    /// otherwise the connection is cut.
    package var writeStallTimeout = Duration.seconds(30)
    /// After the last answer, for the client to read it and close (RFC 9112, 9.6).
    package var lingerTimeout = Duration.seconds(2)
    /// Connections the kernel holds for us to accept.
    package var backlog: Int32 = 1024

    /// The defaults.
    package init() {}

    /// How often the time limits are checked: fine enough for the shortest of them.
    var tick: Duration {
        let shortest = min(
            min(headerTimeout, bodyTimeout, idleTimeout),
            min(writeStallTimeout, lingerTimeout, answerTimeout))
        return max(.milliseconds(5), min(.milliseconds(250), shortest / 4))
    }
}
