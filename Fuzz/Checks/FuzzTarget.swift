/// What bytes from outside are held to: each target takes any bytes, and says what does not hold.
///
/// The fuzzer feeds them with what it makes up; the tests with all that is kept under `Fuzz`.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case httpRequest = "http-request"
    case httpResponse = "http-response"
    case json
    case segment
    case message
    case text
    case csv
    case event
    case proof
    case nats

    /// - Throws: `Broken` where a promise does not hold for these bytes; a trap breaks one as well.
    package func check(_ bytes: [UInt8]) throws(Broken) {
        switch self {
        case .httpRequest: try HTTPRequestCheck.run(bytes)
        case .httpResponse: try HTTPResponseCheck.run(bytes)
        case .json: try JSONCheck.run(bytes)
        case .segment: try SegmentCheck.run(bytes)
        case .message: try MessageCheck.run(bytes)
        case .text: try TextCheck.run(bytes)
        case .csv: try CSVCheck.run(bytes)
        case .event: try EventCheck.run(bytes)
        case .proof: try ProofCheck.run(bytes)
        case .nats: try NATSCheck.run(bytes)
        }
    }
}

/// A promise that does not hold for some input.
package struct Broken: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// - Throws: `Broken` unless `holds`.
func expect(_ holds: Bool, _ promise: @autoclosure () -> String) throws(Broken) {
    guard holds else { throw Broken(promise()) }
}
