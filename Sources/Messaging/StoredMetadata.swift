package import EventSourcing

extension Metadata {
    /// Metadata as an effect keeps them; damaged ones are replaced, since the effect matters more.
    package init(stored text: String) {
        if let json = try? JSON(parsing: text), let metadata = try? Metadata(json) {
            self = metadata
        } else {
            self.init(correlation: "unknown", actor: "system")
        }
    }

    /// The stored form as text.
    package var text: String {
        var json = JSONWriter(reserving: 160)
        encode(to: &json)
        return json.text
    }
}
