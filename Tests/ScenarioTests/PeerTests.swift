import Foundation
import Testing

/// What clients of NATS that others wrote find. The cases are in `Tests/Peers`.
@Suite(.scenarios) struct PeerTests {
    @Test(arguments: ["broker", "nats-server"])
    func `nats-py and libnats find what they rely on, before and after a kill`(server: String)
        throws
    {
        let wanted = ProcessInfo.processInfo.environment["KASSA_PEERS"] ?? server
        guard server == wanted else {
            print("skipped: \"nats-py and libnats find what they rely on\": not at a \(server)")
            return
        }
        let python = "\(Shopctl.root.path)/.build/peers/venv/bin/python"
        guard try Shopctl.run(["sh", "-c", "'\(python)' -c 'import nats'"]).code == 0 else {
            print("skipped: \"nats-py and libnats find what they rely on\": there is no nats-py")
            return
        }
        let found = try Shopctl.run(
            [
                "env", "SHOPCTL=\(Shopctl.path)",
                "\(Shopctl.root.path)/scripts/peers", server,
            ], within: 600)
        #expect(found.code == 0, "\(found.all.suffix(4000))")
        #expect(found.output.contains("222 cases, 0 failed"), "\(found.all.suffix(4000))")
        #expect(found.output.contains("23 cases, 0 failed"))
    }
}
