import EventStore
import Import

/// The orders of a file, one after the other.
final class ImportSource {
    private let content: ImportContent
    private let expected: Digest
    private var reader = RetailReader()
    private var assembler: OrderAssembler
    private var isAtEnd = false
    /// The very last order, where two come with the file's end.
    private var last: ImportedOrder?

    /// What a first reading finds out, and the digest of what was read.
    static func plan(
        _ file: ImportFile, limit: Int?, progress: (ImportPlan) -> Void
    ) throws -> (plan: ImportPlan, digest: Digest) {
        do {
            let content = try file.content()
            var plan = ImportPlan(limit: limit)
            var reader = RetailReader()
            while let piece = try content.next() {
                reader.append(piece)
                while let line = try reader.next() { try plan.add(line) }
                progress(plan)
            }
            if let line = try reader.close() { try plan.add(line) }
            try plan.check()
            return (plan, content.digest)
        } catch let error as ImportError {
            throw CommandFailure("\(file.path): \(error)")
        }
    }

    /// - Parameter digest: of what the plan was made of.
    init(_ file: ImportFile, _ plan: ImportPlan, digest: Digest) throws {
        content = try file.content()
        assembler = OrderAssembler(plan)
        expected = digest
    }

    /// Nil behind the last.
    ///
    /// - Throws: where the file cannot be read, or is not what it was.
    func next() throws -> ImportedOrder? {
        while !isAtEnd {
            while let line = try reader.next() {
                if let order = try assembler.add(line) { return order }
            }
            if let piece = try content.next() {
                reader.append(piece)
                continue
            }
            isAtEnd = true
            let line = try reader.close()
            let order = if let line { try assembler.add(line) } else { nil as ImportedOrder? }
            last = try assembler.close()
            guard content.digest == expected else {
                throw CommandFailure(
                    "\(content.path) changed while it was imported; what was placed stays")
            }
            if let order { return order }
        }
        defer { last = nil }
        return last
    }
}
