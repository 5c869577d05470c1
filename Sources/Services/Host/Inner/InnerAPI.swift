import Domain
import EventSourcing
package import EventStore
package import Gateway
package import HTTP
package import Messaging
import Synchronization

/// What a process of a shop serves to the shop's other processes, over HTTP: commands, its log's
/// feed, its checkpoints of others' logs, the keys of sealed contacts, and how it is.
///
/// Who does not show the shop's secret is refused. Until the part is open only its checkpoints and
/// its status are given.
package final class InnerAPI: Sendable {
    static let prefix = "/inner/v1"
    /// Says that nothing was done, as the part is not open yet or any more.
    static let notOpen: HTTPStatus = 503
    /// Says that nothing was done, as another part than was asked for is there: an address that is
    /// remembered may be somebody else's now.
    static let misdirected: HTTPStatus = 421
    /// Which part is asked for; whoever leaves it out means whichever is there.
    static let partHeader = "Kassa-Part"
    /// A page of a feed may be large.
    static var limits: MessageLimits {
        var limits = MessageLimits()
        limits.body = 64 * 1024 * 1024
        return limits
    }

    /// A page of a feed is cut where it would be larger, unless it is one message.
    private static let mostBytes = 16 * 1024 * 1024
    /// The most owners whose keys are asked for at once.
    private static let mostOwners = 1000

    /// What an open part does for others; nil for what it does not.
    package struct Doors: Sendable {
        /// Carries a command out; it may not block, and tells the outcome once.
        package typealias Commands =
            @Sendable (
                InnerCommand, @escaping @Sendable (CommandOutcome) -> Void
            ) -> Void
        /// The keys of owners; those that have none are left out.
        package typealias Keys = @Sendable (Set<String>) throws -> [String: SealingKey]

        var commands: Commands?
        var feed: (any Feed)?
        let keys: Keys?
        /// What operators look at; nil for a part without a log.
        var file: OperatorFile?

        package init(commands: Commands? = nil, feed: (any Feed)? = nil, keys: Keys? = nil) {
            (self.commands, self.feed, self.keys) = (commands, feed, keys)
        }
    }

    private let part: ShopPart
    private let secret: Secret
    private let status: @Sendable (_ counts: Bool) -> PartStatus?
    private let checkpoints: @Sendable () throws -> [String: Checkpoint]
    private let doors = Mutex<Doors?>(nil)
    private let sidework = Sidework("inner-files")

    /// - Parameters:
    ///   - status: how the part is, with what must be counted in files where that is wanted; nil
    ///     before it is known. Called on a thread of its own.
    ///   - checkpoints: what its file has of others' logs, by source name; as `status`.
    package init(
        part: ShopPart, secret: Secret,
        status: @escaping @Sendable (_ counts: Bool) -> PartStatus?,
        checkpoints: @escaping @Sendable () throws -> [String: Checkpoint]
    ) {
        (self.part, self.secret) = (part, secret)
        (self.status, self.checkpoints) = (status, checkpoints)
    }

    /// From now on all is served.
    package func open(_ doors: Doors) { self.doors.withLock { $0 = doors } }

    /// From now on nothing is carried out.
    package func close() { doors.withLock { $0 = nil } }

    /// Ends its thread: what waits for it is not answered.
    package func stop() { sidework.stop() }

    /// Adds all that it serves.
    package func addRoutes(to router: inout Router) {
        router.on(.post, Self.prefix + "/commands") { self.guarded($0, $1, self.takeCommand) }
        router.on(.get, Self.prefix + "/feed/{channel}") {
            self.aside($0, $1) { try self.readFeed($0) }
        }
        router.on(.post, Self.prefix + "/check") { self.aside($0, $1) { try self.check($0) } }
        router.on(.post, Self.prefix + "/keys") { self.aside($0, $1) { try self.giveKeys($0) } }
        router.on(.get, Self.prefix + ParkedQuery.path) {
            self.aside($0, $1) { .json(try self.door(\.file).parked(ParkedQuery($0.query))) }
        }
        router.on(.get, Self.prefix + SagaQuery.path) {
            self.aside($0, $1) { .json(try self.door(\.file).sagas(SagaQuery($0.query))) }
        }
        router.on(.get, Self.prefix + SagaQuery.path + "/{order}") {
            self.aside($0, $1) { .json(try self.showSaga($0)) }
        }
        router.on(.get, Self.prefix + "/checkpoints") {
            self.aside($0, $1) { _ in try self.showCheckpoints() }
        }
        router.on(.get, Self.prefix + "/status") {
            self.aside($0, $1) { try self.showStatus($0) }
        }
    }

    // MARK: Who, and when

    private func guarded(
        _ request: HTTPRequest, _ responder: Responder,
        _ handle: (HTTPRequest, Responder) -> Void
    ) {
        guard secret.admits(request.headers["Authorization"]) else {
            return responder.respond(.text(401, "This is for the shop's own processes."))
        }
        if let asked = request.headers[Self.partHeader], asked != "\(part)" {
            return responder.respond(
                .text(Self.misdirected, "\(asked) was asked for, and this is \(part)"))
        }
        handle(request, responder)
    }

    /// Answers on the thread that may read files.
    private func aside(
        _ request: HTTPRequest, _ responder: Responder,
        _ answer: @escaping @Sendable (HTTPRequest) throws -> HTTPResponse
    ) {
        guarded(request, responder) { request, responder in
            let isTaken = sidework.take {
                do {
                    responder.respond(try answer(request))
                } catch let error as JSONError {
                    responder.respond(.text(400, "The body: \(error)."))
                } catch { responder.respond(.text(Self.notOpen, "\(error)")) }
            }
            if !isTaken { responder.respond(.text(Self.notOpen, "too much is asked for at once")) }
        }
    }

    private func door<Door>(_ path: (Doors) -> Door?) throws -> Door {
        guard let doors = doors.withLock({ $0 }) else {
            throw Refusal(description: "it is not open yet, or stops")
        }
        guard let door = path(doors) else {
            throw Refusal(description: "this part does not do that")
        }
        return door
    }

    private struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    // MARK: What is served

    private func takeCommand(_ request: HTTPRequest, _ responder: Responder) {
        do {
            let take = try door(\.commands)
            let command = try InnerCommand(request.body)
            take(command) { outcome in responder.respond(.json(outcome.bytes)) }
        } catch let error as JSONError {
            responder.respond(.text(400, "The body: \(error)."))
        } catch { responder.respond(.text(Self.notOpen, "\(error)")) }
    }

    private func readFeed(_ request: HTTPRequest) throws -> HTTPResponse {
        let feed = try door(\.feed)
        let channel = request.parameters["channel"] ?? ""
        let after = Position(try request.query.number("after"))
        var limit = Int(clamping: max(1, try request.query.number("limit")))
        while true {
            let page = try feed.read(channel, after: after, limit: limit)
            let bytes = page.bytes
            if bytes.count <= Self.mostBytes || page.messages.count <= 1 {
                return HTTPResponse(
                    200, headers: ["Content-Type": "application/octet-stream"], body: bytes)
            }
            limit = max(1, page.messages.count * Self.mostBytes / bytes.count)
        }
    }

    private func check(_ request: HTTPRequest) throws -> HTTPResponse {
        let feed = try door(\.feed)
        let checkpoint = try Checkpoint(try JSONObject(try JSON(parsing: request.body)))
        return .json(try feed.check(checkpoint).bytes)
    }

    private func giveKeys(_ request: HTTPRequest) throws -> HTTPResponse {
        let keys = try door(\.keys)
        let json = try JSONObject(try JSON(parsing: request.body))
        let owners = Set(try json.strings("owners"))
        guard owners.count <= Self.mostOwners else {
            throw json.error("owners", "are more than \(Self.mostOwners)")
        }
        return .json(SealingKey.bytes(of: try keys(owners)))
    }

    private func showSaga(_ request: HTTPRequest) throws -> [UInt8] {
        let file = try door(\.file)
        guard let order = OrderID(request.parameters["order"] ?? "") else { return [] }
        return try file.saga(of: order) ?? []
    }

    private func showStatus(_ request: HTTPRequest) throws -> HTTPResponse {
        guard let status = status(request.query["counts"] == "1") else {
            throw Refusal(description: "it has only just begun")
        }
        return .json(status.bytes)
    }

    private func showCheckpoints() throws -> HTTPResponse {
        .json(Checkpoint.bytes(of: try checkpoints()))
    }
}

extension HTTPResponse {
    fileprivate static func json(_ bytes: [UInt8]) -> HTTPResponse {
        HTTPResponse(200, headers: ["Content-Type": "application/json"], body: bytes)
    }
}

extension JSONObject {
    fileprivate func strings(_ name: String) throws(JSONError) -> [String] {
        try array(name).enumerated().map { (number, element) throws(JSONError) in
            guard let text = element.string else {
                throw JSONError(pointer: "\(path(name))/\(number)", reason: "must be a string")
            }
            return text
        }
    }
}

extension HTTPQuery {
    func number(_ name: String) throws(JSONError) -> Int64 {
        guard let number = self[name].flatMap({ Int64(strictDecimal: $0.utf8) }) else {
            throw JSONError(pointer: "", reason: "the query's \(name) is no number")
        }
        return number
    }
}

extension SealingKey {
    /// Keys by owner, as one JSON object.
    fileprivate static func bytes(of keys: [String: SealingKey]) -> [UInt8] {
        var json = JSONWriter(reserving: 120 * keys.count + 20)
        json.object { json in
            json.member("keys") { json in
                json.array { json in
                    for (owner, key) in keys {
                        json.object { json in
                            json.member("owner", owner)
                            json.member("key", Digest(key.bytes)?.hex ?? "")
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    /// Reads what `bytes(of:)` wrote.
    static func keys(in bytes: [UInt8]) throws(JSONError) -> [String: SealingKey] {
        var keys: [String: SealingKey] = [:]
        for entry in try JSONObject(try JSON(parsing: bytes)).objects("keys") {
            guard let digest = Digest(hex: try entry.string("key")),
                let key = SealingKey(digest.bytes)
            else { throw entry.error("key", "is no key") }
            keys[try entry.string("owner")] = key
        }
        return keys
    }
}

extension Checkpoint {
    /// Checkpoints by source name, as one JSON object.
    fileprivate static func bytes(of checkpoints: [String: Checkpoint]) -> [UInt8] {
        var json = JSONWriter(reserving: 400 * checkpoints.count + 20)
        json.object { json in
            json.member("checkpoints") { json in
                json.array { json in
                    for (source, checkpoint) in checkpoints.sorted(by: { $0.key < $1.key }) {
                        json.object { json in
                            json.member("source", source)
                            json.member("checkpoint") { checkpoint.encode(to: &$0) }
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    /// Reads what `bytes(of:)` wrote.
    static func checkpoints(in bytes: [UInt8]) throws(JSONError) -> [String: Checkpoint] {
        var checkpoints: [String: Checkpoint] = [:]
        for entry in try JSONObject(try JSON(parsing: bytes)).objects("checkpoints") {
            checkpoints[try entry.string("source")] = try Checkpoint(
                try entry.object("checkpoint"))
        }
        return checkpoints
    }
}
