import EventSourcing
import EventStore
import Messaging

extension Simulation {
    /// Somebody writes down what each log's owner says of its tree.
    func keepTrees() {
        for service in shop.services {
            guard let log = service.log else { continue }
            told.append((service.logName, log.tree.size, log.tree.root))
        }
    }

    /// What anybody was told of a log's tree is proved to be the beginning of what the log is now,
    /// and events are proved to be in it.
    func checkProofs() throws {
        try checkTrees(asReadBy: shop.orders)
        try checkTrees(asReadBy: shop.payments)
        try checkTrees(asReadBy: shop.deliveries)
        try checkTrees(asReadBy: shop.notifications)
        for (name, size, root) in told where !losses.logs.contains(name.value) {
            try checkBeginning(of: name, size, root, asToldTo: "an auditor")
        }
        for service in shop.services {
            guard let log = service.log, log.head > .start else { continue }
            let leaves = try leaves(of: service.logName)
            let index = Int64(random.below(leaves.count))
            let proof = MerkleTree.inclusionProof(of: index, size: log.tree.size) {
                leaves[Int($0)]
            }
            let leaf = leaves[Int(index)]
            guard proof?.verify(leaf: leaf, root: log.tree.root) == true else {
                throw violated("\(service.name): event \(index + 1) is not proved to be in its log")
            }
        }
    }

    private func checkTrees<Core>(asReadBy reader: SimulatedService<Core>) throws {
        guard let engine = reader.engine else { return }
        for source in Core.sources where !losses.logs.contains(source.log.value) {
            let read = engine.checkpoint(of: source)
            try checkBeginning(
                of: source.log, read.treeSize, read.treeRoot, asToldTo: reader.name)
        }
    }

    private func checkBeginning(
        of name: LogName, _ size: Int64, _ root: Digest, asToldTo reader: String
    ) throws {
        guard let log = shop.log(name) else { return }
        let leaves = try leaves(of: name)
        let proof = MerkleTree.consistencyProof(from: size, to: log.tree.size) { leaves[Int($0)] }
        guard proof?.verify(fromRoot: root, toRoot: log.tree.root) == true else {
            throw violated(
                "\(reader) was told of a tree of \(size) events of \(name) that it does not begin "
                    + "with")
        }
    }

    private func leaves(of name: LogName) throws -> [Digest] {
        let service = shop.services.first { $0.logName == name }
        return try service.map { try records($0.path).map(\.leaf) } ?? []
    }
}
