package import EventSourcing
import Foundation

/// Which lines are asked for.
package struct LineQuestion: Sendable {
    package var service: String?
    package var level = LogLine.Level.debug
    package var since: Timestamp?
    /// The newest so many.
    package var limit = 200
    /// The order's own lines, and those of the requests that led to its events.
    package var order: String?
    package fileprivate(set) var correlations: Set<String> = []

    package init() {}

    package func wants(_ line: WrittenLine) -> Bool {
        guard line.level >= level, service.map({ $0 == line.service }) ?? true,
            since.map({ line.time >= $0 }) ?? true
        else { return false }
        guard let order else { return true }
        return line.order == order || line.correlation.map(correlations.contains) ?? false
    }
}

/// The lines that a shop's processes have kept, by time.
package struct LineHistory {
    /// How far a file was read.
    private struct Place {
        /// The file's first bytes, with the time of its first line: another file may get its
        /// number, once it is gone.
        var beginning: [UInt8]
        var offset: UInt64
    }

    private let folder: String
    private let data: String
    private var places: [String: Place] = [:]
    package private(set) var question: LineQuestion

    package init(in data: String, _ question: LineQuestion) {
        (self.data, self.question) = (data, question)
        folder = LineFile.folder(of: data)
    }

    /// The newest lines, oldest first; of an order its events are among them, as each is a line of
    /// the service that recorded it.
    ///
    /// - Throws: `OrderReplay.Failure` for an order that neither a line nor an event is of;
    ///   `Shop.Failure` where the folder holds no shop.
    package mutating func read() throws -> [WrittenLine] {
        var events: [WrittenLine] = []
        var unknown: OrderReplay.Failure?
        if let order = question.order {
            do {
                let replay = try OrderReplay(order: order, data: data)
                question.correlations = Set(replay.steps.compactMap(\.metadata?.correlation))
                events = replay.steps.map(WrittenLine.init).filter(question.wants)
            } catch let failure as OrderReplay.Failure { unknown = failure }
        }
        guard question.order != nil || FileManager.default.fileExists(atPath: folder) else {
            throw Shop.Failure.cannotStart("\(data) has no logs; is it a shop's folder? see --data")
        }
        var lines = more()
        if lines.isEmpty, let unknown { throw unknown }
        lines = Self.sorted(lines + events)
        return Array(lines.suffix(question.limit))
    }

    /// The lines that have come since.
    package mutating func more() -> [WrittenLine] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // The older file first: it may be the one whose lines were read last.
        let files = names.filter { $0.hasSuffix(LineFile.newer) }.sorted {
            ($0.hasSuffix(LineFile.older) ? 0 : 1, $0) < ($1.hasSuffix(LineFile.older) ? 0 : 1, $1)
        }
        var (lines, seen): ([WrittenLine], [String: Place]) = ([], [:])
        for name in files { read(name, &lines, &seen) }
        places = seen
        return Self.sorted(lines)
    }

    private func read(_ name: String, _ lines: inout [WrittenLine], _ seen: inout [String: Place]) {
        guard let file = FileHandle(forReadingAtPath: "\(folder)/\(name)") else { return }
        let beginning = (try? file.read(upToCount: 200)).map { Array($0) } ?? []
        guard beginning.contains(UInt8(ascii: "\n")) || beginning.count == 200 else { return }
        // A file that was turned over goes on under its other name.
        let start = places.values.first { beginning.starts(with: $0.beginning) }?.offset ?? 0
        try? file.seek(toOffset: start)
        let bytes = (try? file.readToEnd()).map { Array($0) } ?? []
        // What is being written now is whole next time.
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        for text in bytes[..<whole].split(separator: UInt8(ascii: "\n")) {
            if let line = WrittenLine(json: text), question.wants(line) { lines.append(line) }
        }
        seen[name] = Place(beginning: beginning, offset: start + UInt64(whole))
    }

    private static func sorted(_ lines: [WrittenLine]) -> [WrittenLine] {
        lines.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
    }
}

extension WrittenLine {
    /// An event, as a line of the service that recorded it.
    fileprivate init(_ step: OrderReplay.Step) {
        let details = step.state.details.map { ", \($0.name) \($0.value)" }.joined()
        self.init(
            LogLine(
                "\(step.type): \(step.stream.category) is \(step.state.phase)\(details)", .info,
                about: step.metadata, stream: step.stream, event: step.identity),
            of: step.identity.log.value, at: step.recordedAt)
    }
}
