import EventSourcing
import Foundation
import Messaging
import Testing

/// `docs/asyncapi.json`, which says what is on the broker.
struct PublishedDocument {
    let json: JSON
    let check: SchemaCheck

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let bytes = try Data(contentsOf: root.appending(path: "docs/asyncapi.json"))
        json = try JSON(parsing: bytes)
        check = SchemaCheck(document: json)
    }

    var channels: [JSON.Member] { json["channels"]?.members ?? [] }

    /// The only message of the channel with that subject, its traits merged into it.
    func message(on subject: String) throws -> JSON {
        let found = channels.filter { $0.value["address"]?.string == subject }
        let all = found.flatMap { $0.value["messages"]?.members ?? [] }
        try #require(all.count == 1, "\(subject) has \(all.count) messages in the document")
        let message = try referred(all[0].value)
        // A message counts for more than its traits.
        let traits = try (message["traits"]?.array ?? []).map { try referred($0) }
        return (traits + [message]).reduce(.object([])) { $0.merging($1) }
    }

    func referred(_ reference: JSON) throws -> JSON {
        try check.referred(try #require(reference["$ref"]?.string))
    }

    /// In what a message is not as the document says.
    func violations(_ carried: BrokerMessage) throws -> [String] {
        let message = try message(on: carried.subject)
        let payload = try JSON(parsing: carried.payload)
        return try check.violations(try carried.headerFields(), try schema("headers", of: message))
            + check.violations(payload, try schema("payload", of: message))
    }

    func schema(_ part: String, of message: JSON) throws -> JSON {
        try #require(message[part], "\(message["name"]?.text ?? "a message") has no \(part)")
    }

    /// The targets of all references.
    var references: [String] { Self.targets(in: json) }

    private static func targets(in json: JSON) -> [String] {
        json.members.flatMap { member in
            if member.name == "$ref", let target = member.value.string { return [target] }
            return targets(in: member.value)
        } + (json.array ?? []).flatMap { targets(in: $0) }
    }
}

extension JSON {
    /// With the members of `other` beside its own, or in their place.
    ///
    /// Source: RFC 7396, as AsyncAPI merges traits.
    fileprivate func merging(_ other: JSON) -> JSON {
        guard case .object(var members) = self, case .object(let others) = other else {
            return other
        }
        for member in others {
            if let index = members.firstIndex(where: { $0.name == member.name }) {
                let merged = members[index].value.merging(member.value)
                members[index] = JSON.Member(member.name, merged)
            } else {
                members.append(member)
            }
        }
        return .object(members)
    }
}

extension BrokerMessage {
    /// The header block as an object of texts, read without the shop's own reader.
    fileprivate func headerFields() throws -> JSON {
        let lines = String(decoding: headers, as: UTF8.self).split(separator: Character("\r\n"))
        try #require(lines.first == "NATS/1.0")
        let fields = try lines.dropFirst().map { line in
            let colon = try #require(line.firstRange(of: ": "), "\(line)")
            return JSON.Member(
                String(line[..<colon.lowerBound]), .string(String(line[colon.upperBound...])))
        }
        try #require(Set(fields.map(\.name)).count == fields.count)
        return .object(fields)
    }
}
