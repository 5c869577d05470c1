import NATS
import Testing

@Suite struct LoginTests {
    private static let refusal = ClientFault.said("Authorization Violation")

    @Test func `a token lets in whoever has it`() throws {
        let hub = makeHub(login: .token("secret"))
        let alice = try Client(hub, 1, options: #"{"verbose":false,"auth_token":"secret"}"#)
        try alice.send("SUB a 1\r\nPING\r\n")
        #expect(alice.heard() == "PONG\r\n")
        for (id, token) in [(2, "sECRET"), (3, ""), (4, "secre"), (5, "secrets")] {
            #expect(throws: Self.refusal) {
                _ = try Client(hub, UInt64(id), options: #"{"auth_token":"\#(token)"}"#)
            }
        }
        #expect(throws: Self.refusal) { _ = try Client(hub, 6, options: "{}") }
    }

    @Test func `a user is let in with the password of that user`() throws {
        let hub = makeHub(login: .users(["alice": "a1", "bob": "b2", "nobody": ""]))
        for (id, user, password) in [(1, "alice", "a1"), (2, "bob", "b2"), (3, "nobody", "")] {
            _ = try Client(
                hub, UInt64(id), options: #"{"user":"\#(user)","pass":"\#(password)"}"#)
        }
        for (id, user, password) in [(4, "alice", "b2"), (5, "carol", "a1"), (6, "alice", "")] {
            #expect(throws: Self.refusal) {
                _ = try Client(
                    hub, UInt64(id), options: #"{"user":"\#(user)","pass":"\#(password)"}"#)
            }
        }
        #expect(throws: Self.refusal) { _ = try Client(hub, 7, options: #"{"user":"alice"}"#) }
        #expect(throws: Self.refusal) { _ = try Client(hub, 8, options: "{}") }
    }

    @Test(arguments: ["PING\r\n", "PONG\r\n", "SUB a 1\r\n", "UNSUB 1\r\n", "PUB a 1\r\nx\r\n"])
    func `nothing is done for whoever has not logged in`(text: String) throws {
        let hub = makeHub(login: .token("t"))
        let inside = try Client(hub, 1, options: #"{"verbose":false,"auth_token":"t"}"#)
        try inside.send("SUB > 1\r\n")
        let outside = try Client(hub, 2, options: nil)
        #expect(throws: Self.refusal) { try outside.send(text) }
        #expect(outside.heard() == "" && inside.heard() == "")
    }

    @Test func `where anybody may come, nobody has to say a word first`() throws {
        let hub = makeHub()
        let alice = try Client(hub, 1, options: nil)
        try alice.send("SUB a 1\r\nPING\r\nPUB a 1\r\nx\r\n")
        #expect(alice.heard() == "+OK\r\nPONG\r\n+OK\r\nMSG a 1 1\r\nx\r\n")
    }
}
