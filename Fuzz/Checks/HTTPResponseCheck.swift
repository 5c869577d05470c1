import HTTP

/// Responses: however the bytes are cut, the same response or error comes out, within the limits.
///
/// Input: a byte whose lowest bit asks for small limits and whose next says that a HEAD is
/// answered; the sizes of the pieces; the bytes up to the close of the connection.
enum HTTPResponseCheck {
    private struct Outcome: Equatable {
        var response: HTTPResponse?
        var error: MessageError?
        /// Before the close.
        var keepsAlive = false

        static func == (a: Outcome, b: Outcome) -> Bool {
            a.error == b.error && a.keepsAlive == b.keepsAlive
                && a.response?.status == b.response?.status
                && a.response?.headers == b.response?.headers
                && a.response?.body == b.response?.body
        }
    }

    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        let choice = input.byte()
        let limits = choice & 1 == 1 ? MessageLimits.small : MessageLimits()
        let sizes = input.sizes()
        let stream = input.rest()
        let answersHead = choice & 2 == 2
        let whole = read([stream[...]], answersHead, limits)
        let cut = read(pieces(stream, sizes), answersHead, limits)
        try expect(whole == cut, "in one piece: \(whole), in pieces: \(cut)")
        guard let response = whole.response else { return }
        try expect(
            response.body.count <= limits.body && response.headers.fields.count <= limits.fields
                && (200...999).contains(response.status.code),
            "\(response) is beyond the limits")
        try expect(!answersHead || response.body.isEmpty, "the answer to a HEAD has a body")
    }

    private static func read(
        _ pieces: [ArraySlice<UInt8>], _ answersHead: Bool, _ limits: MessageLimits
    ) -> Outcome {
        var parser = ResponseParser(answersHead: answersHead, limits: limits)
        var outcome = Outcome()
        do throws(MessageError) {
            for piece in pieces {
                parser.append(piece)
                outcome.response = try parser.next()
            }
            outcome.keepsAlive = parser.keepsAlive
            outcome.response = try parser.close()
        } catch {
            outcome.error = error
        }
        return outcome
    }
}
