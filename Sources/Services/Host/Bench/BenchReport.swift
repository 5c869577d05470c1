import EventSourcing
import Foundation

/// What a measurement found: figures with their units, in sections, and on which machine.
package struct BenchReport: Sendable {
    /// What a figure should reach.
    package struct Bounds: Sendable {
        package let floor: Double?
        package let target: Double?
        /// Whether less is better.
        package let isCeiling: Bool

        static func atLeast(_ floor: Double, target: Double? = nil) -> Bounds {
            Bounds(floor: floor, target: target, isCeiling: false)
        }

        /// A target alone.
        static func towards(_ target: Double) -> Bounds {
            Bounds(floor: nil, target: target, isCeiling: false)
        }

        static func atMost(_ floor: Double, target: Double? = nil) -> Bounds {
            Bounds(floor: floor, target: target, isCeiling: true)
        }

        fileprivate func isMet(_ bound: Double, by value: Double) -> Bool {
            isCeiling ? value <= bound : value >= bound
        }

        /// `floor 2000: met; target 5000: not met`
        package func text(for value: Double) -> String {
            func said(_ name: String, _ bound: Double) -> String {
                "\(name) \(Figure.rounded(bound)): \(isMet(bound, by: value) ? "met" : "not met")"
            }
            return [floor.map { said("floor", $0) }, target.map { said("target", $0) }]
                .compactMap(\.self).joined(separator: "; ")
        }
    }

    package struct Figure: Sendable {
        package let name: String
        package let value: Double
        package let unit: String
        package let bounds: Bounds?
        /// The value with its unit, rounded for people.
        package var text: String { "\(Self.rounded(value)) \(unit)" }

        fileprivate static func rounded(_ value: Double) -> String {
            let size = abs(value)
            let digits = size >= 100 || size == size.rounded() ? 0 : size >= 10 ? 1 : 2
            return String(format: "%.\(digits)f", value)
        }
    }

    /// How long something took, over many times, in milliseconds.
    package struct Spread: Sendable {
        package let name: String
        package let count: Int
        package let p50: Double
        package let p99: Double
        package let p999: Double
        package let greatest: Double

        /// The cells behind the name: p50, p99, p99.9 and the greatest.
        package var texts: [String] {
            [p50, p99, p999, greatest].map { String(format: $0 >= 100 ? "%.0f" : "%.2f", $0) }
        }
    }

    package struct Section: Sendable {
        /// Empty for the first, where there is but one.
        package let title: String
        package fileprivate(set) var figures: [Figure] = []
        package fileprivate(set) var spreads: [Spread] = []
        /// What else is to be known of the figures.
        package fileprivate(set) var notes: [String] = []
    }

    package private(set) var sections: [Section] = []
    package let machine = Machine.read()

    /// What is added from here on belongs to a new section.
    mutating func begin(_ title: String) { sections.append(Section(title: title)) }

    mutating func add(_ name: String, _ value: Double, _ unit: String, _ bounds: Bounds? = nil) {
        change { $0.figures.append(Figure(name: name, value: value, unit: unit, bounds: bounds)) }
    }

    mutating func add(_ name: String, _ latencies: Latencies) {
        change { $0.spreads.append(latencies.spread(name)) }
    }

    mutating func note(_ text: String) { change { $0.notes.append(text) } }

    private mutating func change(_ body: (inout Section) -> Void) {
        if sections.isEmpty { begin("") }
        body(&sections[sections.count - 1])
    }
}

extension BenchReport {
    /// One object: `kind`, `machine`, `figures`, `latencies` and `notes`, each with its section.
    ///
    /// - Parameter kind: what was measured, `shop`.
    package func json(kind: String) -> String {
        var json = JSONWriter(reserving: 4096)
        json.object { json in
            json.member("kind", kind)
            json.member("machine") { machine.encode(to: &$0) }
            json.member("figures") { json in
                list(\.figures, &json) { figure, section, json in
                    json.member("section", section)
                    figure.encode(to: &json)
                }
            }
            json.member("latencies") { json in
                list(\.spreads, &json) { spread, section, json in
                    json.member("section", section)
                    spread.encode(to: &json)
                }
            }
            json.member("notes") { json in
                json.array { json in
                    for note in sections.flatMap(\.notes) { json.value(note) }
                }
            }
        }
        return json.text
    }

    private func list<Row>(
        _ rows: (Section) -> [Row], _ json: inout JSONWriter,
        _ body: (Row, String, inout JSONWriter) -> Void
    ) {
        json.array { json in
            for section in sections {
                for row in rows(section) { json.object { body(row, section.title, &$0) } }
            }
        }
    }
}

extension BenchReport.Figure {
    fileprivate func encode(to json: inout JSONWriter) {
        json.member("name", name)
        json.member("value") { $0.decimal(value) }
        json.member("unit", unit)
        guard let bounds else { return }
        if let floor = bounds.floor {
            json.member("floor") { $0.decimal(floor) }
            json.member("isFloorMet", bounds.isMet(floor, by: value))
        }
        if let target = bounds.target {
            json.member("target") { $0.decimal(target) }
            json.member("isTargetMet", bounds.isMet(target, by: value))
        }
    }
}

extension BenchReport.Spread {
    fileprivate func encode(to json: inout JSONWriter) {
        json.member("name", name)
        json.member("unit", "ms")
        json.member("count", Int64(count))
        json.member("p50") { $0.decimal(p50) }
        json.member("p99") { $0.decimal(p99) }
        json.member("p999") { $0.decimal(p999) }
        json.member("max") { $0.decimal(greatest) }
    }
}

extension JSONWriter {
    /// A number with three digits behind the point; what is no number becomes 0.
    fileprivate mutating func decimal(_ value: Double) {
        raw(String(format: "%.3f", value.isFinite ? value : 0).utf8)
    }
}
