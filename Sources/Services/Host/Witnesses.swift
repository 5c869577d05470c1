import EventSourcing
import EventStore
import Foundation
import Messaging

/// What the readers of the logs have of them: the checkpoints in the other files of a shop.
///
/// A log that ends before what its readers have has lost events: the file is older than they are,
/// or what was beside it is gone.
struct Witnesses {
    enum Verdict: Hashable {
        /// The log holds all that is known of it.
        case good
        /// There is nothing of the log, and others have read so far.
        case gone(String)
        /// The log holds less than others, or something else.
        case behind(String)
    }

    private var checkpoints: [[String: Checkpoint]] = []
    /// Why one of them could not be heard, which another time may be.
    private(set) var failure: StoreError?

    /// Knows of nothing.
    init() {}

    /// Knows what was told: each a reader's checkpoints by source name.
    init(told checkpoints: [[String: Checkpoint]]) { self.checkpoints = checkpoints }

    /// Reads them now; what is compared with them later may have grown.
    ///
    /// A damaged file is no witness; whoever opens it says what is wrong with it. One that could
    /// not be read for now is a `failure`.
    ///
    /// - Parameter isInUse: whether somebody may be writing the files.
    init(data: String, isInUse: Bool) {
        let readers =
            Wiring.logs.map { DataFolder.log($0.value, in: data) }
            + [DataFolder.readStore(in: data)]
        for path in readers where FileManager.default.fileExists(atPath: path) {
            do throws(StoreError) {
                checkpoints.append(try CheckpointTable.look(path: path, isInUse: isInUse))
            } catch {
                if error.isFailedRead { failure = failure ?? error }
            }
        }
    }

    /// The newest epoch of a log that anybody has read of.
    func newestEpoch(of log: LogName) -> Epoch {
        checkpoints.flatMap { table in
            table.filter { $0.key.hasPrefix("\(log)/") }.map(\.value.epoch)
        }.max() ?? .first
    }

    /// - Parameters:
    ///   - queries: of the log; nil where there is none.
    ///   - published: what the broker says was published, where it was asked.
    /// - Throws: where the log could not be read for now.
    func verdict(on log: LogName, _ queries: LogQueries?, published: Checkpoint? = nil)
        throws(StoreError) -> Verdict
    {
        let known =
            checkpoints.flatMap { table in
                table.filter { $0.key.hasPrefix("\(log)/") }.map(\.value)
            } + (published.map { [$0] } ?? [])
        let furthest = known.map(\.position).max() ?? .start
        guard let queries else {
            return furthest > .start ? .gone("others have read it up to \(furthest)") : .good
        }
        for checkpoint in known {
            do throws(StoreError) {
                let verdict = try LogFeed.compare(checkpoint, with: queries)
                if case .refused(let why) = verdict { return .behind(why) }
            } catch {
                if error.isFailedRead { throw error }
            }
        }
        return .good
    }
}
