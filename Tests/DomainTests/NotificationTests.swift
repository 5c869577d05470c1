import Domain
import EventSourcing
import TestKit
import Testing

@Suite struct NotificationTests {
    private let noon = Timestamp(microseconds: 1_700_000_000_000_000)

    @Test func `an order with a contact gets its mails`() throws {
        let mails = try given(Notification.self)
            .when(.orderPlaced(contact: "s", at: noon))
            .then(.requested(.received, contact: "s", placedAt: noon))
            .when(.notify(.confirmed)).then(.requested(.confirmed, contact: "s"))
        #expect(mails.state.due == [.received, .confirmed])
        let sent = try mails.when(.sent(.received)).then(.sent(.received))
            .when(.failed(.confirmed, reason: "full")).then(.failed(.confirmed, reason: "full"))
        #expect(sent.state.due == [])
        #expect(sent.state.address == "s")
    }

    @Test func `an order without a contact gets none`() throws {
        let mails = try given(Notification.self)
            .when(.orderPlaced(contact: nil, at: noon)).then(.skipped(.received))
            .when(.notify(.shipped)).thenNothing()
        #expect(mails.state.due == [])
    }

    @Test func `what comes before the order waits for its contact`() throws {
        let early = try given(Notification.self)
            .when(.notify(.shipped)).then(.deferred(.shipped))
            .when(.notify(.confirmed)).then(.deferred(.confirmed))
        #expect(early.state.due == [])
        try early.when(.orderPlaced(contact: "s", at: noon)).then(
            .requested(.received, contact: "s", placedAt: noon),
            .requested(.confirmed, contact: "s"), .requested(.shipped, contact: "s"))
        try early.when(.orderPlaced(contact: nil, at: noon))
            .then(.skipped(.received))
    }

    @Test(arguments: Notification.Kind.allCases)
    func `each mail goes out once`(kind: Notification.Kind) throws {
        let contact = Notification.Event.requested(.received, contact: "s")
        let histories: [[Notification.Event]] = [
            [.deferred(kind)], [contact, .requested(kind, contact: "s")],
            [contact, .requested(kind, contact: "s"), .sent(kind)],
            [contact, .requested(kind, contact: "s"), .failed(kind, reason: "x")],
            [.skipped(kind)],
        ]
        for history in histories {
            try Given(state: Notification(folding: history)).when(.notify(kind)).thenNothing()
        }
    }

    @Test func `an order confirmed at once has one mail that says that it came in`() throws {
        let placed = try given(Notification.self)
            .when(.orderPlaced(contact: "s", at: noon))
            .then(.requested(.received, contact: "s", placedAt: noon))
        try placed.when(.orderConfirmed(at: noon + .milliseconds(59_999))).thenNothing()
            .when(.notify(.shipped)).then(.requested(.shipped, contact: "s"))
        try placed.when(.orderConfirmed(at: noon + .seconds(60)))
            .then(.requested(.confirmed, contact: "s"))
            .when(.orderConfirmed(at: noon + .seconds(61))).thenNothing()
    }

    @Test func `an order of which nobody wrote when it was placed has its confirmation`() throws {
        try given(Notification.self, .requested(.received, contact: "s"))
            .when(.orderConfirmed(at: noon)).then(.requested(.confirmed, contact: "s"))
        try given(Notification.self, .skipped(.received))
            .when(.orderConfirmed(at: noon)).thenNothing()
    }

    @Test func `the contact arrives once`() throws {
        try given(Notification.self, .requested(.received, contact: "s"))
            .when(.orderPlaced(contact: "t", at: noon)).thenNothing()
        try given(Notification.self, .skipped(.received))
            .when(.orderPlaced(contact: "t", at: noon)).thenNothing()
    }

    @Test func `a result that nobody waits for is passed over`() throws {
        try given(Notification.self, .deferred(.shipped))
            .when(.sent(.shipped)).thenNothing()
            .when(.failed(.shipped, reason: "x")).thenNothing()
            .when(.sent(.expired)).thenNothing()
    }

    @Test func `a corrected address is where later mails go`() throws {
        let mails = try given(Notification.self)
            .when(.orderPlaced(contact: "s", at: noon))
            .then(.requested(.received, contact: "s", placedAt: noon))
            .when(.readdress(contact: "s")).thenNothing()
            .when(.readdress(contact: "t")).then(.readdressed(contact: "t"))
            .when(.notify(.confirmed)).then(.requested(.confirmed, contact: "t"))
        #expect(mails.state.due == [.received, .confirmed])
        try given(Notification.self, .skipped(.received))
            .when(.readdress(contact: "t")).then(.readdressed(contact: "t"))
            .when(.notify(.shipped)).then(.requested(.shipped, contact: "t"))
    }
}
