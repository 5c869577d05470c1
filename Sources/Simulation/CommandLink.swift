import EventSourcing
import Host
import Messaging
import Synchronization

/// A process's connection to a service that takes commands: requests are lost and repeated, and so
/// are answers.
final class CommandLink<Core: ServiceCore>: CommandTaker {
    private let process: String
    private let desk: Desk<Core>
    private let board: LogBoard
    private let isUp: @Sendable () -> Bool
    private let network: SimulatedNetwork
    /// For what is planted: an answer that is given before anything is done.
    private let answersAhead = Mutex<(@Sendable (Core.Command) -> Core.Answer?)?>(nil)

    init(
        of process: String, to desk: Desk<Core>, board: LogBoard, over network: SimulatedNetwork,
        isUp: @escaping @Sendable () -> Bool
    ) {
        (self.process, self.desk, self.board) = (process, desk, board)
        (self.network, self.isUp) = (network, isUp)
    }

    func answerAhead(_ answer: @escaping @Sendable (Core.Command) -> Core.Answer?) {
        answersAhead.withLock { $0 = answer }
    }

    var epoch: Epoch { board.status?.epoch ?? .first }

    func submit(
        _ command: Core.Command, _ context: CommandContext,
        reply: @escaping @Sendable (EngineOutput<Core.Answer>) -> Void
    ) {
        guard isUp() else { return reply(.unavailable("simulated: no connection")) }
        let isLost =
            network.isCut(process, Core.log.value)
            || network.happens("a command lost on the way", onceIn: 40)
        guard !isLost else { return reply(.unknown("simulated: no answer")) }
        let input = EngineInput<Core>.command(command, context)
        if let answer = answersAhead.withLock({ $0 })?(command) {
            desk.put(.init(input: input) { _ in })
            return reply(.answer(answer, replayed: false))
        }
        // What carries a key may be sent again by whatever lies between.
        if context.key != nil, network.happens("a command twice", onceIn: 20) {
            desk.put(.init(input: input) { _ in })
        }
        desk.put(
            .init(input: input) { [network, process] output in
                let isLost =
                    network.isCut(Core.log.value, process)
                    || network.happens("the answer to a command lost", onceIn: 40)
                reply(isLost ? .unknown("simulated: no answer") : output)
            })
    }
}
