package import EventSourcing
package import EventStore
package import Messaging

extension Checkpoint {
    /// Appends one JSON object.
    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("epoch", epoch.value)
            json.member("position", position.value)
            json.member("leaf", leaf.hex)
            json.member("treeSize", treeSize)
            json.member("treeRoot", treeRoot.hex)
            json.member("asOf", asOf.microseconds)
            json.member("upSince", upSince.microseconds)
            json.member("read", ReadMark.text(read))
        }
    }

    /// Reads what `encode` wrote.
    package init(_ json: JSONObject) throws(JSONError) {
        guard let leaf = Digest(hex: try json.string("leaf")) else {
            throw json.error("leaf", "is no SHA-256 hash")
        }
        guard let root = Digest(hex: try json.string("treeRoot")) else {
            throw json.error("treeRoot", "is no SHA-256 hash")
        }
        self.init(
            epoch: Epoch(try json.integer("epoch")),
            position: Position(try json.integer("position")), leaf: leaf,
            treeSize: try json.integer("treeSize"), treeRoot: root,
            asOf: Timestamp(microseconds: try json.integer("asOf")),
            upSince: Timestamp(microseconds: try json.integer("upSince")),
            read: ReadMark.parse(try json.string("read")))
    }
}

extension CheckpointVerdict {
    /// One JSON object.
    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: 120)
        json.object { json in
            switch self {
            case .good: json.member("verdict", "good")
            case .rewind(let epoch, let position, let leaf):
                json.member("verdict", "rewind")
                json.member("epoch", epoch.value)
                json.member("position", position.value)
                json.member("leaf", leaf.hex)
            case .refused(let why):
                json.member("verdict", "refused")
                json.member("why", why)
            }
        }
        return json.bytes
    }

    /// Reads what `bytes` wrote.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        let json = try JSONObject(try JSON(parsing: bytes))
        switch try json.string("verdict") {
        case "good": self = .good
        case "rewind":
            guard let leaf = Digest(hex: try json.string("leaf")) else {
                throw json.error("leaf", "is no SHA-256 hash")
            }
            self = .rewind(
                Epoch(try json.integer("epoch")), Position(try json.integer("position")), leaf)
        case "refused": self = .refused(try json.string("why"))
        case let other: throw json.error("verdict", "is \"\(other)\", which is not known here")
        }
    }
}
