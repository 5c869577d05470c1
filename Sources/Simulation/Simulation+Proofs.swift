import EventSourcing
import EventStore
import Messaging

extension Simulation {
    /// What anybody was told of a log's tree is proved to be the beginning of what the log is now,
    /// and events are proved to be in it.
    func checkProofs() throws {
        try checkTrees(asReadBy: shop.orders)
        try checkTrees(asReadBy: shop.payments)
        try checkTrees(asReadBy: shop.deliveries)
        try checkTrees(asReadBy: shop.notifications)
        for service in shop.services {
            guard let log = service.log, log.head > .start else { continue }
            let leaves = try records(service.path).map(\.leaf)
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
            guard let log = shop.log(source.log),
                let path = shop.services.first(where: { $0.logName == source.log })?.path
            else { continue }
            let leaves = try records(path).map(\.leaf)
            let proof = MerkleTree.consistencyProof(from: read.treeSize, to: log.tree.size) {
                leaves[Int($0)]
            }
            let isProved =
                proof?.verify(fromRoot: read.treeRoot, toRoot: log.tree.root) ?? false
            guard isProved else {
                throw violated(
                    "\(reader.name) was told of a tree of \(read.treeSize) events of \(source.log) "
                        + "that it does not begin with")
            }
        }
    }
}
