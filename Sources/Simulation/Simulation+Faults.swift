import EventSourcing
import EventStore
import Glibc
import Host
import Messaging

extension Simulation {
    /// In one of so many steps something goes wrong.
    private static let oneIn = 40

    /// Has something go wrong, where this step is one of those.
    func fault() throws {
        let step = outcome.steps
        var chance = SeededRandom(
            seed: settings.seed &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(step) &* 0xD1B5_4A32_D192_ED03)
        guard chance.once(in: Self.oneIn), settings.only?.contains(step) ?? true else { return }
        let process = shop.processes[chance.below(shop.processes.count)]
        let (kind, what) = try happen(to: process, &chance)
        guard let kind else { return }
        outcome.faults[kind, default: 0] += 1
        faults.append((step, what))
        note(what, of: process.name)
    }

    /// - Returns: the kind of fault, and the fault; nil where there was none to be had.
    private func happen(to process: any SimulatedProcess, _ chance: inout SeededRandom) throws
        -> (String?, String)
    {
        switch chance.below(24) {
        case 0: return kill(process)
        case 1: return outage(of: process, &chance)
        case 2, 3:
            guard let machine = process.machine else { return kill(process) }
            let operations = 1 + chance.below(chance.once(in: 2) ? 12 : 60)
            machine.die(after: operations)
            return ("a process dies within a write", "will die after \(operations) writes")
        case 4:
            guard process.isUp else { return (nil, "") }
            process.crash()
            try losePower(process)
            return ("a machine loses power", "loses power")
        case 5: return try forgetful(&chance)
        case 6, 7: return cut(process, &chance)
        case 8:
            let operations: [SimulatedMachine.Operation] = [.read, .write, .truncate, .sync]
            let operation = operations[chance.below(operations.count)]
            guard let machine = process.machine else { return (nil, "") }
            machine.failNext(operation)
            return ("a \(operation) fails", "its next \(operation) fails")
        case 9: return fillDisk(of: process, &chance)
        case 10: return slowDisk(of: process, &chance)
        case 11, 12: return setClock(of: process, &chance)
        case 13:
            shop.gateway.crash()
            try shop.view.loseEverything()
            return ("a new gateway", "a new gateway comes, with nothing")
        case 14, 15: return failNextCommit(&chance)
        case 16: return try startAgain(&chance)
        case 17: return defect(&chance)
        case 18: return try disturb(&chance)
        case 19, 20: return failBroker(&chance)
        default: return try restore(&chance)
        }
    }

    /// Somebody starts the shop a second time, or its broker; or, where no lock holds, one of its
    /// services.
    private func startAgain(_ chance: inout SeededRandom) throws -> (String?, String) {
        let services = shop.services
        let service = services[chance.below(services.count)]
        if chance.once(in: 4) {
            guard shop.broker.isUp else { return (nil, "") }
            guard !shop.broker.startsTwice else {
                throw violated("two brokers work on the same files")
            }
            return ("a second broker on the files", "the broker is started twice, in vain")
        }
        guard chance.once(in: 2) else {
            guard service.isUp else { return (nil, "") }
            service.workTwice()
            return (
                "a second process on a log", "a second process works on the log of \(service.name)"
            )
        }
        do throws(DataFolder.Failure) {
            _ = try DataFolder(path: folder.path) {}
        } catch { return ("a second start", "the shop is started a second time, in vain") }
        throw violated("the shop was started twice on one folder")
    }

    /// Where strangers come no log is put back, so they come to a part of the shops only.
    private func disturb(_ chance: inout SeededRandom) throws -> (String?, String) {
        guard settings.seed.isMultiple(of: 4) else { return try restore(&chance) }
        guard shop.broker.isUp, losses.logs.isEmpty else { return (nil, "") }
        wasDisturbed = true
        let services = shop.services
        let log = services[chance.below(services.count)].logName
        let other = services[chance.below(services.count)].logName
        shop.broker.disturb(log, and: other, &chance)
        return ("a stranger publishes", "a stranger publishes to the stream of \(log)")
    }

    private func failBroker(_ chance: inout SeededRandom) -> (String?, String) {
        let calls = BrokerDisk.Call.allCases
        let call = calls[chance.below(calls.count)]
        let codes = [EIO, ENOSPC, EMFILE, EACCES]
        let others = chance.below(chance.once(in: 2) ? 3 : 40)
        shop.broker.fail(call, with: codes[chance.below(codes.count)], after: others)
        return (
            "a call of the broker fails",
            "the broker will fail to \(call.rawValue), after \(others) times"
        )
    }

    /// A build that cannot apply some messages runs for a while; the next one can.
    private func defect(_ chance: inout SeededRandom) -> (String?, String) {
        let services = shop.services
        let service = services[chance.below(services.count)]
        guard service.defect == nil else { return (nil, "") }
        let kind = Defect.Kind.allCases[chance.below(Defect.Kind.allCases.count)]
        service.defect = Defect(kind: kind, part: UInt64(chance.below(3)))
        end(after: (kind == .dies ? 600 : 50) + chance.below(300)) {
            service.crash()
            service.defect = nil
        }
        return (
            "a build \(kind.rawValue) a message",
            "\(service.name) runs a build that \(kind.rawValue) a third of its messages"
        )
    }

    private func kill(_ process: any SimulatedProcess) -> (String?, String) {
        guard process.isUp else { return (nil, "") }
        process.crash()
        return ("a process is killed", "is killed")
    }

    /// Minutes, while the others work.
    private func outage(of process: any SimulatedProcess, _ chance: inout SeededRandom)
        -> (String?, String)
    {
        let (steps, parts) = (100 + chance.below(700), 4)
        away[process.name] = outcome.steps + steps
        process.crash()
        for part in 1...parts {
            let time = Duration.seconds(10 + chance.below(60))
            end(after: steps * part / (parts + 1)) { [runtime = shop.runtime] in
                runtime.advance(by: time)
            }
        }
        return ("a process is away", "is away for \(steps) steps")
    }

    /// Of what a process that is down has not synced, any part goes.
    func losePower(_ process: any SimulatedProcess) throws {
        // The rows are not synced at all: a gateway whose machine loses power begins anew.
        if process === shop.gateway { return try shop.view.loseEverything() }
        if process === shop.broker { return try shop.broker.losePower(&random) }
        try process.machine?.losePower()
    }

    /// The broker loses all, or goes back to what it was.
    private func forgetful(_ chance: inout SeededRandom) throws -> (String?, String) {
        let broker = shop.broker
        switch chance.below(5) {
        case 4:
            broker.crash()
            try broker.damageFile(&chance)
            // An operator looks before it starts again.
            _ = SegmentInspection(folder: broker.folder, isInUse: false)
            return ("a file of the broker is damaged", "the broker dies, and a file is damaged")
        case 0:
            broker.crash()
            try broker.loseEverything()
            return ("the broker loses everything", "the broker loses everything")
        case 1:
            broker.crash()
            guard try broker.takeOldFiles() else {
                return ("a process is killed", "the broker is killed")
            }
            return ("the broker has old files", "the broker has old files")
        default:
            guard broker.isUp else { return (nil, "") }
            try broker.keepFiles()
            return (nil, "")
        }
    }

    private func cut(_ process: any SimulatedProcess, _ chance: inout SeededRandom)
        -> (String?, String)
    {
        let others = shop.processes.filter { $0 !== process }
        let other = others[chance.below(others.count)]
        let isOneWay = chance.once(in: 2)
        var ways = [(process.name, other.name)]
        if !isOneWay { ways.append((other.name, process.name)) }
        for (from, to) in ways { shop.network.cut(from, to) }
        end(after: 20 + chance.below(300)) { [network = shop.network] in
            for (from, to) in ways { network.heal(from, to) }
        }
        return (
            isOneWay ? "a way is cut" : "both ways are cut",
            "does not reach \(other.name)" + (isOneWay ? "" : ", nor is it reached")
        )
    }

    private func fillDisk(of process: any SimulatedProcess, _ chance: inout SeededRandom)
        -> (String?, String)
    {
        guard let machine = process.machine else { return (nil, "") }
        machine.isFull = true
        end(after: 10 + chance.below(200)) { machine.isFull = false }
        return ("a disk is full", "its disk is full")
    }

    private func slowDisk(of process: any SimulatedProcess, _ chance: inout SeededRandom)
        -> (String?, String)
    {
        guard let machine = process.machine else { return (nil, "") }
        let time = Duration.milliseconds(20 + chance.below(400))
        machine.onSync { [runtime = shop.runtime] in runtime.advance(by: time) }
        end(after: 10 + chance.below(100)) { machine.onSync {} }
        return ("a disk is slow", "each sync takes \(time)")
    }

    private func setClock(of process: any SimulatedProcess, _ chance: inout SeededRandom)
        -> (String?, String)
    {
        guard let clock = shop.clocks[process.name] else { return (nil, "") }
        let drift = chance.below(401) - 200
        let offset = Duration.milliseconds(chance.below(6001) - 3000)
        clock.drift(drift)
        clock.set(offset)
        return ("a clock is set", "its clock is set \(offset) off, and gains \(drift) us a second")
    }

    private func failNextCommit(_ chance: inout SeededRandom) -> (String?, String) {
        let moment: EventLog.CommitMoment = chance.once(in: 2) ? .before : .after
        let services = shop.services
        services[chance.below(services.count)].failsNextCommit = moment
        return ("a commit fails", "a commit will fail (\(moment))")
    }

    private func end(after steps: Int, _ end: @escaping () -> Void) {
        endings.append((outcome.steps + steps, end))
    }

    /// Ends what has lasted long enough.
    func endFaults() {
        guard !endings.isEmpty else { return }
        let step = outcome.steps
        for ending in endings where ending.step <= step { ending.end() }
        endings.removeAll { $0.step <= step }
    }
}
