import EventSourcing
import Messaging
import TestKit
import Testing

@Suite struct ConsumerTests {
    let shop: Shop
    init() throws {
        shop = try Shop()
        try shop.create()
    }

    private static let explicit = #","ack_policy":"explicit""#

    @Test func `messages are handed out in order, each once, and are settled`() throws {
        try shop.consumer()
        try shop.store(1...5)
        let got = try shop.pull(3)
        #expect(numbers(got) == [1, 2, 3] && got.map(\.text) == ["1", "2", "3"])
        #expect(got.map(\.subject) == ["a.b", "a.b", "a.b"])
        #expect(got.map(\.attempt) == [1, 1, 1] && got.map(\.delivery) == [1, 2, 3])
        #expect(got.map(\.rest) == [4, 3, 2])
        #expect(
            try shop.progress() == [
                "num_ack_pending": 3, "num_redelivered": 0, "num_waiting": 0, "num_pending": 2,
                "delivered": 3, "floor": 0,
            ])
        #expect(try shop.answer(got[1]))
        #expect(try shop.progress()["floor"] == 0)
        #expect(try shop.answer(got[0]))
        #expect(try shop.progress()["floor"] == 2)
        #expect(try numbers(shop.pull(9)) == [4, 5])
        #expect(try shop.pull(9).isEmpty)
        let progress = try shop.progress()
        #expect(progress["num_ack_pending"] == 3 && progress["num_pending"] == 0)
    }

    @Test func `what a filter wants is found behind a file that has nothing of it`() throws {
        let shop = try Shop(settings: SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0))
        try shop.create()
        try shop.consumer("C", of: "S", Self.explicit + #","filter_subject":"a.c""#)
        try shop.store(1...60)
        #expect(shop.folder.files(".segment").count > 2)
        try shop.store("a.c", "wanted")
        #expect(try shop.pull(1).map(\.text) == ["wanted"])
    }

    @Test func `what is not settled comes again after its time`() throws {
        try shop.consumer("C", of: "S", Self.explicit + #","ack_wait":10000000000"#)
        try shop.store(1...3)
        let got = try shop.pull(3)
        try shop.answer(got[1])
        shop.work(after: .seconds(9))
        #expect(try shop.pull(9).isEmpty)
        shop.work(after: .seconds(2))
        let again = try shop.pull(9)
        #expect(numbers(again) == [1, 3] && again.map(\.attempt) == [2, 2])
        #expect(again.map(\.delivery) == [4, 5] && again.map(\.text) == ["1", "3"])
        #expect(try shop.progress()["num_redelivered"] == 2)
        for message in again { try shop.answer(message) }
        shop.work(after: .seconds(60))
        #expect(try shop.pull(9).isEmpty)
        #expect(try shop.progress()["floor"] == 3)
    }

    @Test func `a client may have a message come again, at once or later`() throws {
        try shop.consumer()
        try shop.store(1...3)
        let got = try shop.pull(3)
        try shop.answer(got[0], "-NAK")
        try shop.answer(got[1], #"-NAK {"delay":20000000000}"#)
        #expect(try numbers(shop.pull(9)) == [1])
        shop.work(after: .seconds(21))
        let again = try shop.pull(9)
        #expect(numbers(again) == [2] && again.map(\.attempt) == [2])
    }

    @Test func `a client may give a message up, or take its time`() throws {
        try shop.consumer("C", of: "S", Self.explicit + #","ack_wait":10000000000"#)
        try shop.store(1...2)
        let got = try shop.pull(2)
        #expect(try shop.answer(got[0], "+TERM"))
        shop.work(after: .seconds(11))
        let again = try shop.pull(2)
        #expect(numbers(again) == [2])
        shop.work(after: .seconds(60))
        // Counted from the word, by the system's clock, which has stood still.
        #expect(try shop.answer(again[0], "+WPI"))
        #expect(try numbers(shop.pull(2)) == [2])
    }

    @Test(arguments: ["ACK", "+ACK!", "-", "+NAK", "{}"])
    func `a word that is none settles nothing and gets no answer`(word: String) throws {
        try shop.consumer()
        try shop.store(1...1)
        let got = try shop.pull(1)
        #expect(try !shop.answer(got[0], word))
        #expect(try shop.progress()["num_ack_pending"] == 1)
        #expect(try shop.answer(got[0], ""))
        #expect(try shop.progress()["num_ack_pending"] == 0)
    }

    @Test func `an acknowledgement may ask for the next message`() throws {
        try shop.consumer()
        try shop.store(1...4)
        let got = try shop.pull(1)
        let inbox = try shop.subscribe()
        try shop.say(got[0].reply ?? "", #"+NXT {"batch":2}"#, reply: inbox)
        shop.work()
        let next = try shop.heard(inbox)
        #expect(numbers(next) == [2, 3])
        try shop.say(next[0].reply ?? "", "+NXT", reply: inbox)
        shop.work()
        #expect(try numbers(shop.heard(inbox)) == [4])
        #expect(try shop.progress()["floor"] == 2)
    }

    @Test func `a message is handed out so often, and no more`() throws {
        try shop.consumer(
            "C", of: "S", Self.explicit + #","max_deliver":3,"ack_wait":1000000000"#)
        try shop.store(1...2)
        for attempt in 1...3 {
            let got = try shop.pull(9)
            #expect(numbers(got) == [1, 2] && got.map(\.attempt) == [attempt, attempt])
            if attempt == 2 { #expect(try shop.progress()["num_redelivered"] == 2) }
            shop.work(after: .seconds(2))
        }
        #expect(try shop.pull(9).isEmpty)
        let progress = try shop.progress()
        #expect(progress["num_ack_pending"] == 0 && progress["delivered"] == 2)
        try shop.store(3...3)
        #expect(try numbers(shop.pull(9)) == [3])
    }

    @Test func `each time may be waited for longer`() throws {
        try shop.consumer(
            "C", of: "S", Self.explicit + #","backoff":[1000000000,5000000000,20000000000]"#)
        try shop.store(1...1)
        #expect(try shop.pull(1).map(\.attempt) == [1])
        var attempts = 1
        // Due before the last second of each pause, and not after it.
        for pause in [1, 5, 20, 20] {
            shop.work(after: .milliseconds(pause * 1000 - 500))
            #expect(try shop.pull(1).isEmpty)
            shop.work(after: .seconds(1))
            attempts += 1
            #expect(try shop.pull(1).map(\.attempt) == [attempts])
        }
    }

    @Test func `so many messages may be unsettled at once`() throws {
        try shop.consumer(
            "C", of: "S", Self.explicit + #","max_ack_pending":2,"ack_wait":10000000000"#)
        try shop.store(1...5)
        let inbox = try shop.begin(#"{"batch":9}"#)
        let got = try shop.heard(inbox)
        #expect(numbers(got) == [1, 2])
        try shop.answer(got[1])
        #expect(try numbers(shop.heard(inbox)) == [3])
        // What comes again does not count anew.
        shop.work(after: .seconds(11))
        #expect(try Set(numbers(shop.heard(inbox))) == [1, 3])
        #expect(try shop.progress()["num_ack_pending"] == 2)
    }

    @Test func `an acknowledgement may settle all before it`() throws {
        try shop.consumer(
            "C", of: "S", #","ack_policy":"all","ack_wait":10000000000"#)
        try shop.store(1...6)
        let got = try shop.pull(5)
        try shop.answer(got[2])
        var progress = try shop.progress()
        #expect(progress["floor"] == 3 && progress["num_ack_pending"] == 2)
        // One from before takes nothing back.
        try shop.answer(got[0])
        #expect(try shop.progress() == progress)
        shop.work(after: .seconds(11))
        #expect(try numbers(shop.pull(2)) == [4, 5])
        try shop.answer(got[4])
        progress = try shop.progress()
        #expect(progress["floor"] == 5 && progress["num_ack_pending"] == 0)
    }

    @Test func `nothing comes again where nothing is to be settled`() throws {
        try shop.consumer("C", of: "S", #","ack_policy":"none""#)
        try shop.store(1...3)
        let got = try shop.pull(2)
        #expect(numbers(got) == [1, 2])
        var progress = try shop.progress()
        #expect(progress["num_ack_pending"] == 0 && progress["floor"] == 2)
        try shop.answer(got[0], "-NAK")
        shop.work(after: .seconds(120))
        #expect(try numbers(shop.pull(9)) == [3])
        progress = try shop.progress()
        #expect(progress["delivered"] == 3 && progress["floor"] == 3)
    }

    @Test func `a consumer may want some subjects only`() throws {
        for number in 1...9 { try shop.store(number % 3 == 0 ? "a.x" : "a.y.\(number)") }
        try shop.consumer("C", of: "S", Self.explicit + #","filter_subject":"a.*""#)
        #expect(try shop.progress()["num_pending"] == 3)
        let got = try shop.pull(2)
        #expect(numbers(got) == [3, 6] && got.map(\.rest) == [2, 1])
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":9}"#)
        #expect(try shop.progress()["num_pending"] == 0)
        #expect(try shop.pull(2).isEmpty)
        #expect(throws: Shop.Refusal(code: 400, number: 10093)) {
            try shop.consumer("D", of: "S", #","filter_subject":"b""#)
        }
    }

    @Test(arguments: [
        (#""deliver_policy":"all""#, [1, 2, 3, 4, 5, 6]), (#""deliver_policy":"last""#, [5, 6]),
        (#""deliver_policy":"new""#, [6]),
        (#""deliver_policy":"last","filter_subject":"a.x""#, [3]),
        (#""deliver_policy":"last_per_subject","filter_subject":">""#, [3, 4, 5, 6]),
        (#""deliver_policy":"by_start_sequence","opt_start_seq":4"#, [4, 5, 6]),
        (#""deliver_policy":"by_start_sequence","opt_start_seq":2,"filter_subject":"a.x""#, [3]),
        (#""deliver_policy":"by_start_time","opt_start_time":"2023-11-14T22:13:23Z""#, [4, 5, 6]),
        (
            #""deliver_policy":"by_start_time","opt_start_time":"2023-11-14T22:13:23.5Z""#,
            [5, 6]
        ),
        (#""deliver_policy":"by_start_time","opt_start_time":"2033-11-14T22:13:23Z""#, [6]),
    ])
    func `a consumer begins where it says, also after a kill`(
        members: String, expected: [Int]
    ) throws {
        let shop = try Shop()
        try shop.create()
        // The clock begins at 2023-11-14T22:13:20Z.
        for subject in ["a.x", "a.y", "a.x", "a.y", "a.z"] {
            try shop.store(subject)
            shop.runtime.advance(by: .seconds(1))
        }
        try shop.consumer("C", of: "S", "\(Self.explicit),\(members)")
        let after = try shop.killed()
        for shop in [shop, after] {
            try shop.store("a.w")
            let one = try numbers(shop.pull(1))
            // Where a part of it was handed out, the rest follows.
            let half = try shop.killed()
            for shop in [shop, half] { #expect(try one + numbers(shop.pull(9)) == expected) }
        }
    }

    @Test(arguments: [
        (#""deliver_policy":"by_start_sequence""#, 10094), (#""opt_start_seq":3"#, 10094),
        (#""deliver_policy":"by_start_time""#, 10094), (#""deliver_policy":"first""#, 10025),
        (#""deliver_policy":"by_start_time","opt_start_time":"now""#, 10025),
        (#""flow_control":true"#, 10012), (#""idle_heartbeat":1000000000"#, 10012),
        (#""deliver_subject":"x.*""#, 10079), (#""deliver_subject":"x..y""#, 10079),
        (#""deliver_subject":"x","flow_control":true"#, 10108),
        (#""deliver_subject":"x","idle_heartbeat":1000"#, 10012),
        (#""filter_subject":"a..b""#, 10012), (#""replay_policy":"original""#, 10012),
        (#""backoff":[1,2,3],"max_deliver":2"#, 10116), (#""ack_policy":"some""#, 10025),
        (#""ack_wait":"1s""#, 10025),
    ])
    func `a consumer that cannot be is refused`(members: String, number: Int) throws {
        let refusal = #expect(throws: Shop.Refusal.self) {
            try shop.consumer("C", of: "S", ",\(members)")
        }
        #expect(refusal?.number == number)
        #expect(try shop.request("CONSUMER.NAMES.S").array("consumers") == [])
    }

    @Test func `a consumer is listed, changed and removed`() throws {
        try shop.consumer()
        try shop.store(1...3)
        _ = try shop.pull(1)
        try shop.consumer()
        #expect(try shop.progress()["delivered"] == 1)
        try shop.consumer("C", of: "S", Self.explicit + #","max_ack_pending":1"#)
        #expect(try shop.pull(1).isEmpty)
        #expect(throws: Shop.Refusal(code: 500, number: 10012)) {
            try shop.consumer("C", of: "S", #","ack_policy":"all""#)
        }
        #expect(throws: Shop.Refusal(code: 500, number: 10012)) {
            try shop.consumer("C", of: "S", Self.explicit + #","filter_subject":"a.b""#)
        }
        try shop.consumer("D", of: "S", "")
        let names = try shop.request("CONSUMER.NAMES.S").array("consumers")
        #expect(names == [.string("C"), .string("D")])
        #expect(try shop.request("CONSUMER.LIST.S").objects("consumers").count == 2)
        #expect(try shop.request("CONSUMER.DELETE.S.C").flag("success"))
        #expect(throws: Shop.Refusal(code: 404, number: 10014)) { try shop.progress() }
        let after = try shop.killed()
        #expect(try after.request("CONSUMER.NAMES.S").array("consumers") == [.string("D")])
        #expect(throws: Shop.Refusal(code: 404, number: 10059)) {
            try shop.request("CONSUMER.NAMES.T")
        }
    }

    @Test func `a stream may have so many consumers`() throws {
        try shop.create("T", subjects: "t", #","max_consumers":2"#)
        for name in ["C", "D"] { try shop.consumer(name, of: "T") }
        #expect(throws: Shop.Refusal(code: 400, number: 10026)) { try shop.consumer("E", of: "T") }
        try shop.consumer("D", of: "T")
    }
}
