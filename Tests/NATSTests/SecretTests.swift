import NATS
import Testing

/// A secret is right as a whole or not at all.
@Suite struct SecretTests {
    @Test(arguments: ["Secret", "sEcret", "SECRET", "xyzret", "aaaaet", "pecret"])
    func `a token that is right in part lets nobody in`(token: String) {
        let hub = makeHub(login: .token("secret"))
        #expect(throws: ClientFault.said("Authorization Violation")) {
            _ = try Client(hub, 1, options: #"{"auth_token":"\#(token)"}"#)
        }
    }

    @Test(arguments: ["Password", "12345word", "passWORD", "PASSword"])
    func `a password that is right in part lets nobody in`(password: String) {
        let hub = makeHub(login: .users(["alice": "password"]))
        #expect(throws: ClientFault.said("Authorization Violation")) {
            _ = try Client(hub, 1, options: #"{"user":"alice","pass":"\#(password)"}"#)
        }
    }

    @Test func `no one byte that is another lets anybody in`() {
        let token = Array("correct-horse-battery".utf8)
        for at in token.indices {
            for bit in [1, 2, 4, 8, 16, 32] as [UInt8] {
                var other = token
                other[at] ^= bit
                let text = String(decoding: other, as: UTF8.self)
                guard !text.contains("\""), !text.contains("\\"), other[at] >= 0x20,
                    other[at] != 0x7F
                else { continue }
                #expect(throws: ClientFault.self, "\(text)") {
                    _ = try Client(
                        makeHub(login: .token("correct-horse-battery")), 1,
                        options: #"{"auth_token":"\#(text)"}"#)
                }
            }
        }
    }
}
