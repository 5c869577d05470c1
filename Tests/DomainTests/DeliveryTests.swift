import Domain
import EventSourcing
import Simulation
import TestKit
import Testing

@Suite struct DeliveryTests {
    let pack = ask("pack")
    let unpack = undo("pack")
    let handOver = ask("hand over")
    let recall = undo("hand over")
    let effect = Delivery.Effect.handOver(key: "o-1/hand over/forward", shipping: nil)

    let track = Delivery.Effect.track(
        key: "o-1/hand over/forward/track", tracking: "t", shipping: nil)

    var packed: Given<Delivery> { given(Delivery.self, .packed(pack)) }
    var handingOver: Given<Delivery> {
        given(Delivery.self, .packed(pack), .handOverRequested(handOver))
    }
    var recallPending: Given<Delivery> {
        given(
            Delivery.self, .packed(pack), .handOverRequested(handOver), .recallRequested(recall))
    }
    var handedOver: Given<Delivery> {
        given(
            Delivery.self, .packed(pack), .handOverRequested(handOver),
            .handedOver(handOver, tracking: "t"))
    }
    var unpacked: Given<Delivery> { given(Delivery.self, .packed(pack), .unpacked(unpack)) }
    var recalled: Given<Delivery> { given(Delivery.self, .packed(pack), .recalled(recall)) }

    @Test func `a parcel is packed and handed over`() throws {
        let asked = try given(Delivery.self).when(.pack(pack, from: .made)).then(.packed(pack))
            .when(.handOver(handOver)).then(.handOverRequested(handOver))
        #expect(asked.state.nextEffect == effect)
        let end = try asked.when(.carrierAccepted(tracking: "t"))
            .then(.handedOver(handOver, tracking: "t"))
        #expect(end.state.nextEffect == track)
        #expect(end.state.tracking == "t")
        let near = try end.when(.carrierReported(.inTransit)).thenNothing()
            .when(.carrierReported(.outForDelivery)).then(.outForDelivery(tracking: "t"))
            .when(.carrierReported(.outForDelivery)).thenNothing()
        #expect(near.state.nextEffect == track)
        let there = try near.when(.carrierReported(.delivered)).then(.delivered(tracking: "t"))
            .when(.carrierReported(.lost(reason: "x"))).thenNothing()
        #expect(there.state.nextEffect == nil)
    }

    @Test func `a parcel may be lost on the way`() throws {
        let lost = try handedOver.when(.carrierReported(.lost(reason: "r")))
            .then(.lost(tracking: "t", reason: "r"))
            .when(.carrierReported(.delivered)).thenNothing()
        #expect(lost.state.phase == .lost)
        #expect(lost.state.nextEffect == nil)
    }

    @Test func `a parcel on its way, arrived or lost is with the carrier`() throws {
        for event in [
            Delivery.Event.outForDelivery(tracking: "t"), .delivered(tracking: "t"),
            .lost(tracking: "t", reason: "r"),
        ] {
            let delivery = given(
                Delivery.self, .packed(pack), .handOverRequested(handOver),
                .handedOver(handOver, tracking: "t"), event)
            try delivery.when(.recall(recall))
                .then(.answered(recall, .refused("already handed over")))
            try delivery.when(.unpack(unpack))
                .then(.answered(unpack, .refused("already handed over")))
            try delivery.when(.handOver(handOver)).then(.answered(handOver, .done))
            try delivery.when(.pack(pack, from: .made)).then(.answered(pack, .done))
        }
    }

    @Test func `only what is reserved is packed`() throws {
        for phase in [Reservation.Phase.absent, .refused, .released] {
            try given(Delivery.self).when(.pack(pack, from: phase))
                .then(.answered(pack, .refused("nothing is reserved")))
        }
        try given(Delivery.self).when(.pack(pack, from: .expired))
            .then(.answered(pack, .refused("the reservation has expired")))
    }

    @Test func `the way of shipping reaches the carrier`() throws {
        let asked = try packed.when(.handOver(handOver, shipping: "s"))
            .then(.handOverRequested(handOver, shipping: "s"))
        #expect(
            asked.state.nextEffect == .handOver(key: "o-1/hand over/forward", shipping: "s"))
    }

    @Test func `a refusing carrier leaves the parcel packed`() throws {
        let end = try handingOver.when(.carrierRefused(reason: "full"))
            .then(.handOverRefused(handOver, reason: "full"))
        #expect(end.state.phase == .packed)
        try end.when(.unpack(unpack)).then(.unpacked(unpack))
    }

    @Test func `a repeated hand-over goes to the newest attempt`() throws {
        let again = ask("hand over", 2)
        try handingOver.when(.handOver(handOver)).thenNothing()
            .when(.handOver(again)).then(.handOverRepeated(again))
            .when(.carrierAccepted(tracking: "t")).then(.handedOver(again, tracking: "t"))
            .when(.handOver(again)).then(.answered(again, .done))
        try recallPending.when(.handOver(again))
            .then(.answered(again, .refused("being recalled")))
    }

    @Test func `what is not packed is not handed over`() throws {
        for delivery in [given(Delivery.self), unpacked, recalled] {
            let reason = "not packed: \(delivery.state.phase.rawValue)"
            try delivery.when(.handOver(handOver))
                .then(.answered(handOver, .refused(reason)))
        }
    }

    @Test func `repeated packing is answered`() throws {
        for delivery in [packed, handingOver, recallPending, handedOver] {
            try delivery.when(.pack(pack, from: .made)).then(.answered(pack, .done))
        }
        try unpacked.when(.pack(pack, from: .made)).then(.answered(pack, .refused("unpacked")))
        try recalled.when(.pack(pack, from: .made)).then(.answered(pack, .refused("recalled")))
    }

    @Test func `a parcel is unpacked unless it is with the carrier`() throws {
        for delivery in [given(Delivery.self), packed, recalled] {
            try delivery.when(.unpack(unpack)).then(.unpacked(unpack))
                .when(.unpack(unpack)).then(.answered(unpack, .done))
        }
        for delivery in [handingOver, recallPending] {
            try delivery.when(.unpack(unpack))
                .then(.answered(unpack, .refused("being handed over")))
        }
        try handedOver.when(.unpack(unpack))
            .then(.answered(unpack, .refused("already handed over")))
    }

    @Test func `a packed parcel is recalled at once`() throws {
        for delivery in [given(Delivery.self), packed] {
            try delivery.when(.recall(recall)).then(.recalled(recall))
                .when(.recall(recall)).then(.answered(recall, .done))
        }
        try unpacked.when(.recall(recall)).then(.answered(recall, .done))
    }

    @Test func `a recall after the hand-over is refused`() throws {
        try handedOver.when(.recall(recall))
            .then(.answered(recall, .refused("already handed over")))
    }

    @Test func `a recall in flight is refused where the carrier accepts`() throws {
        let pending = try handingOver.when(.recall(recall)).then(.recallRequested(recall))
        #expect(pending.state.nextEffect == effect)
        let end = try pending.when(.carrierAccepted(tracking: "t")).then(
            .handedOver(handOver, tracking: "t"), .answered(recall, .refused("handed over")))
        #expect(end.state.phase == .handedOver)
    }

    @Test func `a recall in flight is done where the carrier refuses`() throws {
        let end = try recallPending.when(.carrierRefused(reason: "full"))
            .then(.handOverRefused(handOver, reason: "full"), .recalled(recall))
        #expect(end.state.phase == .recalled)
        #expect(end.state.nextEffect == nil)
    }

    @Test func `a repeated recall goes to the newest attempt`() throws {
        let again = undo("hand over", 2)
        try recallPending.when(.recall(recall)).thenNothing()
            .when(.recall(again)).then(.recallRequested(again))
            .when(.carrierAccepted(tracking: "t")).then(
                .handedOver(handOver, tracking: "t"), .answered(again, .refused("handed over")))
    }

    @Test func `an answer that nobody waits for is passed over`() throws {
        for delivery in [given(Delivery.self), packed, handedOver, recalled, unpacked] {
            try delivery.when(.carrierAccepted(tracking: "x")).thenNothing()
                .when(.carrierRefused(reason: "x")).thenNothing()
        }
    }

    @Test func `the built-in carrier's tracking follows from the key`() {
        let carrier = BuiltInCarrier(runtime: SimulatedRuntime(seed: 1))
        func accept(_ key: String, _ attempt: Int) -> CarrierResult {
            carrier.handOver(key: key, shipping: nil, attempt: attempt)
        }
        #expect(accept("a", 1) == accept("a", 2))
        #expect(accept("a", 1) != accept("b", 1))
    }

    @Test func `the built-in carrier follows the way of shipping and the time`() {
        let runtime = SimulatedRuntime(seed: 1)
        let carrier = BuiltInCarrier(
            times: .init(inTransit: .seconds(10), outForDelivery: .seconds(5)), runtime: runtime)
        func isAccepted(_ shipping: String?, _ attempt: Int) -> Bool? {
            switch carrier.handOver(key: "k", shipping: shipping, attempt: attempt) {
            case .accepted: true
            case .refused: false
            case .noAnswer: nil
            }
        }
        #expect([nil, "ship_ok", "ship_lost"].map { isAccepted($0, 1) } == [true, true, true])
        #expect([1, 2, 3].map { isAccepted("ship_flaky", $0) } == [nil, nil, true])
        #expect(["ship_refused", "pigeon"].map { isAccepted($0, 9) } == [false, false])
        let start = runtime.now()
        func stage(_ shipping: String?) -> TrackingResult {
            carrier.track("t", shipping: shipping, acceptedAt: start)
        }
        #expect(stage(nil) == .at(.inTransit, askAfter: .seconds(10)))
        #expect(stage("ship_lost") == .at(.inTransit, askAfter: .seconds(10)))
        runtime.advance(by: .seconds(11))
        #expect(stage(nil) == .at(.outForDelivery, askAfter: .seconds(4)))
        #expect(stage("ship_lost") == .at(.lost(reason: "lost on the way"), askAfter: .zero))
        runtime.advance(by: .seconds(4))
        #expect(stage(nil) == .at(.delivered, askAfter: .zero))
    }
}
