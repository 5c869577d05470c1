import NATS
import Testing

/// Who may do what.
@Suite struct StandingTests {
    private static let reserved = [
        "kassa.orders.facts.order.placed", "kassa.x", "_KASSA.x", "_KASSA.x.1",
        // To the tree of subjects a Kelvin sign is a K.
        "_\u{212A}ASSA.x",
    ]
    private static let free = [
        "orders.x", "kassa", "_KASSA", "kassandra.x", "a.kassa.x", "_INBOX.x", "$JS.API.INFO",
        "KASSA.x", "*.x", ">", "kassa\u{301}.x",
    ]

    @Test(arguments: [Standing.alike, .shop])
    func `whoever is no listener may do everything`(standing: Standing) {
        for subject in Self.reserved + Self.free {
            #expect(standing.mayPublish(to: subject) && standing.maySubscribe(to: subject))
            #expect(standing.hears(subject) && standing.mayChange(stream: "s", of: [subject]))
        }
        #expect(standing.mayChange(stream: "kassa-orders", of: []))
        #expect(standing.mayUse(consumerOfShop: true) && standing.mayUse(consumerOfShop: false))
        #expect(standing.share(of: 256) == 256)
    }

    @Test func `a listener publishes where neither the shop's messages nor its answers are`() {
        for subject in Self.reserved { #expect(!Standing.listener.mayPublish(to: subject)) }
        for subject in Self.free { #expect(Standing.listener.mayPublish(to: subject)) }
    }

    @Test func `a listener subscribes to anything but the shop's answers`() {
        for pattern in ["_KASSA.>", "_KASSA.x", "_KASSA.*.1", "*.x", "*.>", "_\u{212A}ASSA.>"] {
            #expect(!Standing.listener.maySubscribe(to: pattern), "\(pattern)")
        }
        for pattern in [">", "*", "_INBOX.>", "kassa.>", "$JS.>", "_KASSA", "a.*", "a._KASSA.>"] {
            #expect(Standing.listener.maySubscribe(to: pattern), "\(pattern)")
        }
    }

    @Test func `a listener hears all but the shop's answers`() {
        for subject in ["_KASSA.x", "_KASSA.x.1", "_\u{212A}ASSA.x"] {
            #expect(!Standing.listener.hears(subject), "\(subject)")
        }
        for subject in Self.free + ["kassa.x"] { #expect(Standing.listener.hears(subject)) }
    }

    @Test func `a listener changes streams by whose name and subjects none is the shop's`() {
        #expect(Standing.listener.mayChange(stream: "mine", of: ["orders.>", "kassa", "*"]))
        for name in ["kassa-", "kassa-orders"] {
            #expect(!Standing.listener.mayChange(stream: name, of: ["mine.>"]))
        }
        for subject in [
            "kassa.>", "kassa.x", "*.orders", "*.>", ">", "_KASSA.>", "_\u{212A}ASSA.*",
        ] {
            #expect(
                !Standing.listener.mayChange(stream: "mine", of: ["a", subject]), "\(subject)")
        }
    }

    @Test
    func `a consumer is the shop's to use where the shop made it, and to make anew where not`() {
        #expect(!Standing.listener.mayUse(consumerOfShop: true))
        #expect(Standing.listener.mayUse(consumerOfShop: false))
        #expect(Standing.shop.takesOver(consumerOfShop: false))
        #expect(!Standing.shop.takesOver(consumerOfShop: true))
        for isShops in [true, false] {
            #expect(!Standing.listener.takesOver(consumerOfShop: isShops))
            #expect(!Standing.alike.takesOver(consumerOfShop: isShops))
        }
    }

    @Test func `listeners leave half of what there is to the shop`() {
        #expect(Standing.listener.share(of: 256) == 128)
    }
}
