import EventSourcing
import Gateway
import HTTP
import Messaging
import Projections
import Synchronization
import Testing

/// Stands for the projections: says what it was told to, and remembers what was asked.
final class FakeProjections: ProjectionsClient {
    private let state = Mutex(
        (
            asked: [String](), answer: RebuildAnswer.started,
            statuses: [ProjectionStatus(name: "orders", version: 1, state: .live)]
        ))

    var asked: [String] { state.withLock { $0.asked } }
    var statuses: [ProjectionStatus] { state.withLock { $0.statuses } }

    func answer(_ answer: RebuildAnswer) { state.withLock { $0.answer = answer } }
    func show(_ status: ProjectionStatus) { state.withLock { $0.statuses = [status] } }

    func rebuild(_ name: String) -> RebuildAnswer {
        state.withLock { state in
            state.asked.append(name)
            return state.answer
        }
    }
}

@Suite struct ProjectionRouteTests {
    @Test func `a projection shows how far it has read`() throws {
        let rig = try Rig()
        rig.projections.show(
            ProjectionStatus(
                name: "orders", version: 1, state: .live, lag: .milliseconds(1250),
                readings: [
                    .init(
                        source: Source(LogName("orders"), "facts"), epoch: Epoch(2),
                        position: Position(41), behind: .milliseconds(1250)),
                    .init(
                        source: Source(LogName("payments"), "facts"), epoch: .first,
                        position: .start, behind: nil),
                ]))
        let answer = try rig.get("/v1/projections")
        #expect(answer.status == 200)
        #expect(
            String(decoding: answer.body, as: UTF8.self) == """
                {"projections":[{"name":"orders","version":1,"state":"live","lagSeconds":1.250,\
                "sources":[{"source":"orders/facts","epoch":2,"position":41,\
                "behindSeconds":1.250},{"source":"payments/facts","epoch":1,"position":0}]}]}
                """)
    }

    @Test func `a rebuild shows its progress and how the last one ended`() throws {
        let rig = try Rig()
        var progress = RebuildProgress(startedAt: Timestamp(microseconds: 1_000_000))
        progress.events = 5
        progress.total = 9
        let moment = Timestamp(microseconds: 2_000_000)
        rig.projections.show(
            ProjectionStatus(
                name: "orders", version: 1, state: .rebuilding, reason: "the service is down",
                rebuild: progress,
                lastRebuild: RebuildReport(finishedAt: moment, events: 8, differences: 0)))
        let first = try rig.get("/v1/projections").json["projections"]?.array?.first
        #expect(
            first?.text == """
                {"name":"orders","version":1,"state":"rebuilding","reason":"the service is down",\
                "sources":[],"rebuild":{"events":5,"of":9,\
                "startedAt":"1970-01-01T00:00:01.000000Z"},"lastRebuild":{\
                "finishedAt":"1970-01-01T00:00:02.000000Z","events":8,"differences":0}}
                """)
        rig.projections.show(
            ProjectionStatus(
                name: "orders", version: 1, state: .stale, reason: "it stands still",
                lastRebuild: RebuildReport(
                    finishedAt: moment, events: 8, failure: "the disk is full")))
        let second = try rig.get("/v1/projections").json["projections"]?.array?.first
        #expect(second?["state"]?.string == "stale" && second?["rebuild"] == nil)
        #expect(second?["lastRebuild"]?["failure"]?.string == "the disk is full")
        #expect(second?["lastRebuild"]?["differences"] == nil)
    }

    @Test func `a rebuild is begun once, and only of what there is`() throws {
        let rig = try Rig()
        let begun = try rig.send(.post, "/v1/projections/orders/rebuild")
        #expect(begun.status == 202 && begun.headers["Location"] == "/v1/projections")
        #expect(try begun.json["state"]?.string == "rebuilding")
        rig.projections.answer(.underWay)
        let second = try rig.send(.post, "/v1/projections/orders/rebuild")
        #expect(second.status == 409 && second.code == "rebuild-under-way")
        rig.projections.answer(.unknown)
        let unknown = try rig.send(.post, "/v1/projections/shoes/rebuild")
        #expect(unknown.status == 404 && unknown.code == "projection-not-found")
        #expect(try unknown.json["detail"]?.string?.contains("known are: orders") == true)
        #expect(rig.projections.asked == ["orders", "orders", "shoes"])
        let body = try rig.post("/v1/projections/orders/rebuild", "{\"fast\":true}")
        #expect(body.status == 422 && body.pointers == ["/fast"])
        #expect(rig.projections.asked.count == 3)
        #expect(try rig.send(.get, "/v1/projections/orders/rebuild").status == 405)
    }
}
