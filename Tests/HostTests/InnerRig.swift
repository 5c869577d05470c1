import EventSourcing
import EventStore
import Gateway
import HTTP
import Host
import Messaging

/// What a part serves to others, asked without sockets.
final class InnerRig {
    /// What it was asked to do.
    struct Taken: Sendable {
        var commands: [InnerCommand] = []
        var owners: [Set<String>] = []
        /// For each status that was asked for, whether with counts.
        var counts: [Bool] = []
    }

    let api: InnerAPI
    let secret: Secret
    let feed = ListedFeed()
    let taken = Monitor(Taken())
    private let router: Router
    private let folder: TemporaryFolder

    static let checkpoints = ["orders/facts": WireSample.checkpoint, "a/b": .start]

    /// - Parameter status: how the part is; up, where the test does not say.
    init(
        status: @escaping @Sendable () -> PartStatus? = { PartStatus(.sample()) },
        checkpoints: @escaping @Sendable () throws -> [String: Checkpoint] = { checkpoints }
    ) throws {
        folder = try TemporaryFolder()
        secret = try Secret.load(in: folder.path, SystemRuntime())
        let taken = taken
        api = InnerAPI(
            part: .orders, secret: secret,
            status: { counts in
                taken.withLock { $0.counts.append(counts) }
                return status()
            }, checkpoints: checkpoints)
        var router = Router()
        api.addRoutes(to: &router)
        self.router = router
    }

    deinit { api.stop() }

    /// Opens all doors there are.
    func open() {
        let taken = taken
        api.open(
            .init(
                commands: { command, reply in
                    taken.withLock { $0.commands.append(command) }
                    reply(.refused(code: "tried", detail: "\(command.part)"))
                }, feed: feed,
                keys: { owners in
                    taken.withLock { $0.owners.append(owners) }
                    let known = owners.filter { $0.hasPrefix("o") }
                    return Dictionary(
                        uniqueKeysWithValues: known.compactMap { owner in
                            SealingKey(WireSample.digest(owner.utf8.last ?? 0).bytes)
                                .map { (owner, $0) }
                        })
                }))
    }

    /// Asks, and shows the secret.
    ///
    /// - Parameter part: who is asked for; nil where that is not said.
    func ask(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], of part: String? = nil
    ) throws -> HTTPResponse {
        try ask(method, target, body, showing: "Bearer \(secret.text)", of: part)
    }

    /// Asks and waits for the answer, ten seconds at most.
    func ask(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], showing: String?,
        of part: String? = nil
    ) throws -> HTTPResponse {
        let answer = Monitor<HTTPResponse?>(nil)
        try send(method, target, body, showing: showing, of: part) { response in
            answer.withLock { $0 = response ?? .text(500, "dropped") }
            answer.wakeAll()
        }
        let response = answer.wait(until: .now() + .seconds(10)) { response in
            response.map { .done($0) } ?? .wait(atMost: nil)
        }
        guard let response else { throw Failure("no answer to \(method) \(target)") }
        return response
    }

    /// - Parameter reply: told the answer; nil where it was dropped.
    func send(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], showing: String?,
        of part: String? = nil, reply: @escaping @Sendable (HTTPResponse?) -> Void
    ) throws {
        var headers = HTTPHeaders()
        headers["Authorization"] = showing
        headers["Kassa-Part"] = part
        let request = try HTTPRequest(method, "/inner/v1\(target)", headers: headers, body: body)
        router.handle(request, Responder(reply))
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A feed of a log that the test writes, and that says of every checkpoint what the test says.
final class ListedFeed: Feed {
    struct State: Sendable {
        var messages: [Message] = []
        var verdict = CheckpointVerdict.good
        var isUp = true
        /// How many were asked for, each time.
        var limits: [Int] = []
        var channels: [String] = []
        var checked: [Checkpoint] = []
    }

    let state = Monitor(State())

    func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
        -> FeedPage
    {
        try state.withLock { (state) throws(FeedError) in
            guard state.isUp else { throw .unavailable("it is down") }
            state.limits.append(limit)
            state.channels.append(channel)
            let rest = state.messages.filter { $0.identity.position > position }
            let page = Array(rest.prefix(limit))
            return FeedPage(
                after: position, messages: page,
                through: page.last?.identity.position ?? position, epoch: Epoch(2),
                leaf: WireSample.digest(1), hasMore: page.count < rest.count)
        }
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        try state.withLock { (state) throws(FeedError) in
            guard state.isUp else { throw .unavailable("it is down") }
            state.checked.append(checkpoint)
            return state.verdict
        }
    }
}
