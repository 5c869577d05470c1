package import EventSourcing

/// What a client says of itself in `CONNECT`.
package struct ConnectOptions: Hashable, Sendable {
    /// Each operation is answered with `+OK`.
    package var isVerbose = true
    /// Its own messages come back to it where it is interested in them.
    package var echoes = true
    package var hasHeaders = false
    /// It is told where a request reaches nobody.
    package var wantsNoResponders = false
    package var name: String?
    package var token: String?
    package var user: String?
    package var password: String?

    package init() {}

    /// - Parameter bytes: one JSON object; members that are not known are passed over, as
    ///   nats-server does.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let json = try JSONObject(try JSON(parsing: bytes))
        if json["verbose"] != nil { isVerbose = try json.flag("verbose") }
        if json["echo"] != nil { echoes = try json.flag("echo") }
        hasHeaders = try json.flag("headers")
        wantsNoResponders = try json.flag("no_responders")
        name = try json.optionalString("name")
        token = try json.optionalString("auth_token")
        user = try json.optionalString("user")
        password = try json.optionalString("pass")
    }
}
