import EventSourcing
import Testing

/// Random requests, compared with a model that keeps all in two arrays.
@Suite struct ModelTests {
    private struct Model {
        var held: [(sequence: Int, subject: String)] = []
        var last = 0
        /// Of what the consumer wants, what it was not handed yet.
        var next = 1
        var unsettled: [Int: Received] = [:]
        var settled: Set<Int> = []

        func isWanted(_ subject: String) -> Bool { subject == "a.x" }
        var waiting: [Int] {
            held.filter { $0.sequence >= next && isWanted($0.subject) }.map(\.sequence)
        }
        mutating func keep(_ stays: (Int, String) -> Bool) {
            held = held.filter { stays($0.sequence, $0.subject) }
            let kept = Set(held.map(\.sequence))
            unsettled = unsettled.filter { kept.contains($0.key) }
        }
    }

    private static func step(_ shop: Shop, _ model: inout Model, _ numbers: inout Numbers) throws {
        switch numbers.below(12) {
        case 0...4:
            let subject = numbers.below(2) == 0 ? "a.x" : "a.y"
            model.last += 1
            #expect(try shop.store(subject, "\(model.last)") == model.last)
            model.held.append((model.last, subject))
        case 5...6:
            let count = 1 + numbers.below(3)
            let got = try shop.pull(count)
            let expected = Array(model.waiting.prefix(count))
            #expect(got.compactMap(\.sequence) == expected)
            for (place, message) in got.enumerated() {
                #expect(message.rest == model.waiting.count - place - 1)
            }
            for message in got { model.unsettled[message.sequence ?? 0] = message }
            // Beyond the last one that it wants it may have looked, or not: both are the same.
            if let last = expected.last { model.next = last + 1 }
        case 7...8:
            let some = model.unsettled.keys.sorted()
            guard !some.isEmpty else { return }
            let sequence = some[numbers.below(some.count)]
            guard let message = model.unsettled.removeValue(forKey: sequence) else { return }
            try shop.answer(message, numbers.below(4) == 0 ? "+TERM" : "+ACK")
            model.settled.insert(sequence)
        case 9...10:
            guard !model.held.isEmpty else { return }
            let gone = model.held[numbers.below(model.held.count)].sequence
            try shop.request("STREAM.MSG.DELETE.S", #"{"seq":\#(gone)}"#)
            model.keep { sequence, _ in sequence != gone }
        default:
            let before = numbers.below(max(1, model.last - 5)) + 1
            if numbers.below(2) == 0 {
                try shop.request("STREAM.PURGE.S", #"{"seq":\#(before)}"#)
                model.keep { sequence, _ in sequence >= before }
            } else {
                try shop.request("STREAM.PURGE.S", #"{"filter":"a.y","seq":\#(before)}"#)
                model.keep { sequence, subject in sequence >= before || subject != "a.y" }
            }
        }
    }

    private static func check(_ shop: Shop, _ model: Model) throws {
        let state = Shop.State(
            model.held.count, first: model.held.first?.sequence ?? model.last + 1,
            last: model.last)
        #expect(try shop.state() == state)
        for subject in ["a.x", "a.y"] {
            let newest = model.held.last { $0.subject == subject }?.sequence
            let told = try shop.message(#"{"last_by_subj":"\#(subject)"}"#)?.sequence
            #expect(told == newest)
        }
        let progress = try shop.progress()
        #expect(progress["num_pending"] == model.waiting.count)
        #expect(progress["num_ack_pending"] == model.unsettled.count)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func `a stream and its consumer are what the model says, through kills`(seed: UInt64) throws {
        var numbers = Numbers(seed: seed)
        var model = Model()
        var shop = try Shop()
        try shop.create()
        try shop.consumer("C", of: "S", #","ack_policy":"explicit","filter_subject":"a.x""#)
        for step in 1...250 {
            try Self.step(shop, &model, &numbers)
            try Self.check(shop, model)
            guard step % 50 == 0 else { continue }
            shop = try shop.killed()
            try Self.check(shop, model)
            let contents = try shop.contents()
            #expect(contents.map(\.sequence) == model.held.map(\.sequence))
            #expect(contents.map(\.subject) == model.held.map(\.subject))
            #expect(contents.map(\.text) == model.held.map { "\($0.sequence)" })
        }
        #expect(model.settled.count > 10)
        // What comes again in the end is what was never settled.
        shop.work(after: .seconds(60))
        let again = try shop.pull(model.unsettled.count)
        #expect(again.compactMap(\.sequence) == model.unsettled.keys.sorted())
    }
}
