import EventSourcing
import EventStore
import Gateway
import HTTP
import Host
import Messaging
import Testing

/// One of the things that a part serves.
struct InnerRoute: Sendable, CustomTestStringConvertible {
    let method: HTTPMethod
    let target: String
    var body: [UInt8] = []
    /// Whether it is served before the part is open.
    var isEarly = false

    var testDescription: String { "\(method) \(target)" }

    static let command = InnerCommand(WireSample.kinds[1], WireSample.contexts[1])

    static let checkpoint: [UInt8] = {
        var json = JSONWriter()
        WireSample.checkpoint.encode(to: &json)
        return json.bytes
    }()

    static let all = [
        InnerRoute(method: .post, target: "/commands", body: command.bytes),
        InnerRoute(method: .get, target: "/feed/facts?after=0&limit=10"),
        InnerRoute(method: .post, target: "/check", body: checkpoint),
        InnerRoute(method: .post, target: "/keys", body: Array(#"{"owners":["o-1"]}"#.utf8)),
        InnerRoute(method: .get, target: "/checkpoints", isEarly: true),
        InnerRoute(method: .get, target: "/status?counts=1", isEarly: true),
    ]
}

@Suite struct InnerAPITests {
    // MARK: Who, and when

    @Test(arguments: InnerRoute.all)
    func `without the secret nothing is served, and nothing done`(route: InnerRoute) throws {
        let rig = try InnerRig()
        rig.open()
        let secret = rig.secret.text
        let wrong = [
            nil, "", "Bearer", "Bearer ", secret, "bearer \(secret)", "Bearer \(secret) ",
            "Bearer \(secret.dropLast())", "Bearer \(secret.dropLast())x", "Basic \(secret)",
        ]
        for shown in wrong {
            let response = try rig.ask(route.method, route.target, route.body, showing: shown)
            #expect(response.status == 401)
            #expect(!response.text.contains(secret))
        }
        rig.taken.withLock { taken in
            #expect(taken.commands.isEmpty)
            #expect(taken.owners.isEmpty)
            #expect(taken.counts.isEmpty)
        }
        #expect(rig.feed.state.withLock { $0.limits.isEmpty && $0.checked.isEmpty })
        #expect(try rig.ask(route.method, route.target, route.body).status == 200)
    }

    @Test(arguments: InnerRoute.all)
    func `who asks for another part is told which this is, and nothing is done`(
        route: InnerRoute
    ) throws {
        let rig = try InnerRig()
        rig.open()
        let other = try rig.ask(route.method, route.target, route.body, of: "payments")
        #expect(other.status == 421)
        #expect(other.text == "payments was asked for, and this is orders")
        rig.taken.withLock { taken in
            #expect(taken.commands.isEmpty && taken.owners.isEmpty && taken.counts.isEmpty)
        }
        #expect(try rig.ask(route.method, route.target, route.body, of: "orders").status == 200)
    }

    @Test(arguments: InnerRoute.all)
    func `until it is open, and once it is closed, only how it is can be asked`(
        route: InnerRoute
    ) throws {
        let rig = try InnerRig()
        func status() throws -> HTTPStatus {
            try rig.ask(route.method, route.target, route.body).status
        }
        #expect(try status() == (route.isEarly ? 200 : 503))
        rig.open()
        #expect(try status() == 200)
        rig.api.close()
        #expect(try status() == (route.isEarly ? 200 : 503))
        #expect(rig.taken.withLock { $0.commands.count } == (route.target == "/commands" ? 1 : 0))
    }

    @Test func `what a part does not do it says`() throws {
        let rig = try InnerRig()
        rig.api.open(.init())
        for route in InnerRoute.all where !route.isEarly {
            let response = try rig.ask(route.method, route.target, route.body)
            #expect(response.status == 503)
            #expect(response.text == "this part does not do that")
        }
    }

    @Test func `more than it can carry is refused at once`() throws {
        let gate = Monitor((hasBegun: false, isOpen: false))
        let rig = try InnerRig(status: {
            gate.withLock { $0.hasBegun = true }
            gate.wakeAll()
            _ = gate.wait(until: .now() + .seconds(20)) {
                $0.isOpen ? .done(true) : .wait(atMost: nil)
            }
            return PartStatus(.sample())
        })
        let answers = Monitor<[HTTPStatus]>([])
        func send() throws {
            try rig.send(.get, "/status", showing: "Bearer \(rig.secret.text)") { response in
                answers.withLock { $0.append(response?.status ?? 500) }
                answers.wakeAll()
            }
        }
        try send()
        let hasBegun = gate.wait(until: .now() + .seconds(10)) {
            $0.hasBegun ? .done(true) : .wait(atMost: nil)
        }
        #expect(hasBegun == true)
        for _ in 0..<64 { try send() }
        #expect(answers.withLock { $0.isEmpty })
        try send()
        #expect(answers.withLock { $0 } == [503])
        gate.withLock { $0.isOpen = true }
        gate.wakeAll()
        let all = answers.wait(until: .now() + .seconds(10)) { answers in
            answers.count == 66 ? .done(answers) : .wait(atMost: nil)
        }
        #expect(all?.filter { $0 == 200 }.count == 65)
    }

    // MARK: What it serves

    @Test func `a command is carried out once, as it was given`() throws {
        let rig = try InnerRig()
        rig.open()
        for kind in WireSample.kinds {
            for context in WireSample.contexts {
                let command = InnerCommand(kind, context)
                let response = try rig.ask(.post, "/commands", command.bytes)
                #expect(response.status == 200)
                #expect(
                    try CommandOutcome(response.body)
                        == .refused(code: "tried", detail: "\(command.part)"))
                #expect(rig.taken.withLock { $0.commands.popLast() } == command)
                #expect(rig.taken.withLock { $0.commands.isEmpty })
            }
        }
    }

    @Test(arguments: [
        ("/commands", "", "the text"), ("/commands", "[]", "the text must be an object"),
        ("/commands", "{}", "/receive is missing"),
        ("/commands", #"{"cancel":"o-1"}"#, "/reason is missing"),
        ("/commands", #"{"place":"o 1"}"#, "/place is no order"),
        ("/commands", #"{"place":"o-1","draft":{"currency":"XXX"}}"#, "/draft cannot be read"),
        ("/commands", #"{"cancel":"o-1","reason":"x"}"#, "/metadata is missing"),
        (
            "/commands", #"{"cancel":"o-1","reason":"x","metadata":{"actor":"a"}}"#,
            "/metadata/correlation is missing"
        ),
        ("/check", "nonsense", "the text"), ("/check", #"{"leaf":"x"}"#, "/leaf is no SHA-256"),
        ("/keys", "", "the text"), ("/keys", "{}", "/owners is missing"),
        ("/keys", #"{"owners":{}}"#, "/owners must be an array"),
        ("/keys", #"{"owners":["o-1",7]}"#, "/owners/1 must be a string"),
    ])
    func `a body that cannot be read is refused with its place`(
        target: String, body: String, reason: String
    ) throws {
        let rig = try InnerRig()
        rig.open()
        let response = try rig.ask(.post, target, Array(body.utf8))
        #expect(response.status == 400)
        #expect(response.text.contains(reason), "\(response.text)")
        #expect(rig.taken.withLock { $0.commands.isEmpty && $0.owners.isEmpty })
    }

    @Test func `a checkpoint is shown to the log, and its verdict given`() throws {
        let rig = try InnerRig()
        rig.open()
        for verdict in WireSample.verdicts {
            rig.feed.state.withLock { $0.verdict = verdict }
            let response = try rig.ask(.post, "/check", InnerRoute.checkpoint)
            #expect(try CheckpointVerdict(response.body) == verdict)
            #expect(rig.feed.state.withLock { $0.checked.popLast() } == WireSample.checkpoint)
        }
    }

    @Test func `a feed that is down says that nothing was done`() throws {
        let rig = try InnerRig()
        rig.open()
        rig.feed.state.withLock { $0.isUp = false }
        for route in InnerRoute.all[1...2] {
            let response = try rig.ask(route.method, route.target, route.body)
            #expect(response.status == 503)
            #expect(response.text.contains("it is down"))
        }
    }

    @Test func `keys are given for owners that have one, a thousand at most`() throws {
        let rig = try InnerRig()
        rig.open()
        func ask(_ owners: [String]) throws -> HTTPResponse {
            let list = owners.map { "\"\($0)\"" }.joined(separator: ",")
            return try rig.ask(.post, "/keys", Array("{\"owners\":[\(list)]}".utf8))
        }
        let few = try JSONObject(try JSON(parsing: try ask(["x", "o-1"]).body)).objects("keys")
        #expect(try few.map { try $0.string("owner") } == ["o-1"])
        #expect(
            try few.map { try $0.string("key") } == [WireSample.digest(UInt8(ascii: "1")).hex])
        #expect(rig.taken.withLock { $0.owners } == [["x", "o-1"]])

        let many = try ask((0..<1000).map { "o\($0)" })
        #expect(many.status == 200)
        #expect(try JSONObject(try JSON(parsing: many.body)).objects("keys").count == 1000)
        let tooMany = try ask((0..<1001).map { "o\($0)" })
        #expect(tooMany.status == 400)
        #expect(tooMany.text.contains("/owners are more than 1000"))
        #expect(rig.taken.withLock { $0.owners.count } == 2)
        #expect(try ask([]).status == 200)
    }

    @Test func `its checkpoints of others are given by source`() throws {
        let rig = try InnerRig()
        let json = try JSONObject(try JSON(parsing: try rig.ask(.get, "/checkpoints").body))
        let entries = try json.objects("checkpoints")
        #expect(try entries.map { try $0.string("source") } == ["a/b", "orders/facts"])
        #expect(
            try entries.map { try Checkpoint(try $0.object("checkpoint")) }
                == [.start, WireSample.checkpoint])
    }

    @Test func `a file that cannot be read is no answer without checkpoints`() throws {
        let rig = try InnerRig(checkpoints: { throw Failure("the file is damaged") })
        let response = try rig.ask(.get, "/checkpoints")
        #expect(response.status == 503)
        #expect(response.text == "the file is damaged")
    }

    @Test func `files are counted only where that is asked for`() throws {
        let rig = try InnerRig()
        for target in ["/status", "/status?counts=0", "/status?counts=1"] {
            let response = try rig.ask(.get, target)
            #expect(response.body == PartStatus(.sample()).bytes)
        }
        #expect(rig.taken.withLock { $0.counts } == [false, false, true])
    }

    @Test func `before it knows how it is it says so`() throws {
        let rig = try InnerRig(status: { nil })
        #expect(try rig.ask(.get, "/status").status == 503)
    }

    // MARK: The feed

    @Test func `a page has what was asked for`() throws {
        let rig = try InnerRig()
        rig.open()
        let messages = (1...5).map { WireSample.message($0, WireSample.contexts[0]) }
        rig.feed.state.withLock { $0.messages = messages }
        let response = try rig.ask(.get, "/feed/to-payments?after=1&limit=3")
        #expect(response.status == 200)
        let page = try FeedPage(response.body)
        #expect(page.messages == Array(messages[1...3]))
        #expect(page.hasMore)
        #expect(rig.feed.state.withLock { $0.channels } == ["to-payments"])
        #expect(rig.feed.state.withLock { $0.limits } == [3])
    }

    @Test func `a limit of none asks for one`() throws {
        let rig = try InnerRig()
        rig.open()
        #expect(try rig.ask(.get, "/feed/facts?after=0&limit=0").status == 200)
        #expect(rig.feed.state.withLock { $0.limits } == [1])
    }

    @Test(arguments: [
        ("after=0", "limit"), ("limit=5", "after"), ("after=x&limit=5", "after"),
        ("after=0&limit=%2B5", "limit"), ("after=0&limit=-5", "limit"), ("after=&limit=5", "after"),
        ("after=9223372036854775808&limit=5", "after"),
    ])
    func `a query that is none is refused with its name`(query: String, name: String) throws {
        let rig = try InnerRig()
        rig.open()
        let response = try rig.ask(.get, "/feed/facts?\(query)")
        #expect(response.status == 400)
        #expect(response.text.contains("the query's \(name) is no number"))
    }

    @Test func `a page that would be too large is cut, and goes on after it`() throws {
        let rig = try InnerRig()
        rig.open()
        let megabyte = 1024 * 1024
        let messages = (1...40).map {
            WireSample.message($0, payload: megabyte, WireSample.contexts[0])
        }
        rig.feed.state.withLock { $0.messages = messages }
        var read: [Message] = []
        for _ in 0..<40 where read.count < 40 {
            let after = read.last?.identity.position ?? .start
            let response = try rig.ask(.get, "/feed/facts?after=\(after)&limit=1000")
            #expect(response.body.count <= 16 * megabyte)
            let page = try FeedPage(response.body)
            #expect(page.after == after)
            #expect(page.messages.count > 9 || !page.hasMore)
            read += page.messages
            #expect(page.through == read.last?.identity.position)
            #expect(page.hasMore == (read.count < 40))
        }
        #expect(read == messages)
    }

    @Test func `one message that is too large comes alone`() throws {
        let rig = try InnerRig()
        rig.open()
        let large = WireSample.message(2, payload: 17 * 1024 * 1024, WireSample.contexts[0])
        let small = [1, 3].map { WireSample.message($0, WireSample.contexts[0]) }
        rig.feed.state.withLock { $0.messages = [small[0], large, small[1]] }
        let first = try FeedPage(try rig.ask(.get, "/feed/facts?after=1&limit=1000").body)
        #expect(first.messages == [large])
        #expect(first.hasMore)
    }
}
