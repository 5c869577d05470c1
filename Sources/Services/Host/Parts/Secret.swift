package import EventSourcing
import EventStore

/// What the processes of a shop show each other and their broker, so that nobody else is let in:
/// 32 bytes in a file of the shop's folder that only its owner may read.
///
/// Processes on other machines are given a copy of the file.
package struct Secret: Sendable {
    /// Sixty-four hexadecimal digits.
    package let text: String
    let authorization: String

    /// Reads it, or makes one where there is none.
    ///
    /// - Throws: `KeyFile.Failure`.
    package static func load(in data: String, _ runtime: any Runtime) throws(KeyFile.Failure)
        -> Secret
    {
        let bytes = try KeyFile.load("\(data)/secret", runtime, advice: advice)
        return Secret(Digest(bytes)?.hex ?? "")
    }

    /// The same for a part, which makes one only where it is new itself: a shop that has data has a
    /// secret, and with another one the part would be a stranger in it.
    ///
    /// - Parameter isNew: whether the part has recorded nothing yet.
    static func load(in data: String, _ runtime: any Runtime, isNew: Bool) throws(KeyFile.Failure)
        -> Secret
    {
        if isNew { return try load(in: data, runtime) }
        return Secret(Digest(try KeyFile.read("\(data)/secret", advice: advice))?.hex ?? "")
    }

    private static let advice =
        "copy the one that the shop's other processes have; where there was none yet, "
        + "shopctl up makes one"

    init(_ text: String) {
        self.text = text
        authorization = "Bearer \(text)"
    }

    /// Whether a request shows it. All of it is compared, however much is right.
    func admits(_ authorization: String?) -> Bool {
        let (given, own) = (Array((authorization ?? "").utf8), Array(self.authorization.utf8))
        guard given.count == own.count else { return false }
        return zip(given, own).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
