import NATS
import Testing

@Suite struct QueueTests {
    @Test(arguments: 2...4)
    func `each of several queues gives all of its members their turns`(queues: Int) throws {
        let hub = makeHub()
        let client = try Client(hub, 1)
        for queue in 1...queues {
            for member in 1...queues { try client.send("SUB a q\(queue) \(queue).\(member)\r\n") }
        }
        for _ in 0..<(queues * 20) { try client.publish("a") }
        let heard = client.heard()
        for queue in 1...queues {
            for member in 1...queues {
                #expect(count("MSG a \(queue).\(member) ", in: heard) == 20)
            }
        }
    }
}
