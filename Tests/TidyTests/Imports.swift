/// Who may import whom: the layout in docs/ARCHITECTURE.md, read from top to bottom.
enum Layout {
    private static let services = ["Orders", "Payments", "Deliveries", "Notifications"]
    private static let serviceImports = [
        "EventSourcing", "Domain", "SQLite", "EventStore", "Messaging", "HTTP",
    ]

    /// The targets of the package that each target may import.
    static let imports: [String: Set<String>] = {
        var table: [String: Set<String>] = [
            "EventSourcing": [],
            "Arguments": [],
            "Domain": ["EventSourcing"],
            "Import": ["EventSourcing", "Domain"],
            "SQLite": ["CSQLite", "CWriteAhead"],
            "EventStore": ["SQLite", "EventSourcing", "CPlatform"],
            "Telemetry": ["EventSourcing", "HTTP", "Net", "CPlatform"],
            "Messaging": [
                "EventStore", "EventSourcing", "CPlatform", "NATS", "Net", "Telemetry",
            ],
            "Projections": [
                "Domain", "EventStore", "Messaging", "SQLite", "EventSourcing", "CPlatform",
                "Telemetry",
            ],
            "Net": ["CPlatform"],
            "HTTP": ["Net", "CPlatform"],
            "NATS": ["Net", "CPlatform", "EventSourcing"],
            "Gateway": [
                "Domain", "Projections", "Messaging", "HTTP", "EventSourcing", "Telemetry",
                "CConsole",
            ],
            "Host": Set(services).union([
                "Gateway", "Messaging", "EventStore", "EventSourcing", "Domain", "HTTP",
                "Projections", "CPlatform", "NATS", "Net", "Telemetry",
            ]),
            "Simulation": Set(services).union([
                "Host", "Gateway", "HTTP", "CSimulatedDisk", "CSQLite", "SQLite", "EventStore",
                "Messaging", "Projections", "Domain", "EventSourcing",
            ]),
            "shopctl": [
                "Arguments", "Import", "Host", "HTTP", "Messaging", "EventStore", "Domain",
                "EventSourcing", "Simulation", "NATS", "Telemetry",
            ],
            "TestKit": ["Domain", "Messaging", "EventSourcing", "Testing"],
        ]
        for service in services { table[service] = Set(serviceImports) }
        return table
    }()

    /// The targets that know of nothing but values: no system's module either.
    static let pure: Set<String> = ["EventSourcing", "Domain", "Arguments", "Import"]
    /// What comes with the toolchain, and the others may import.
    static let system: Set<String> = ["Glibc", "Foundation", "Synchronization", "Dispatch"]

    /// The target that a file under `Sources` belongs to.
    static func target(of path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" else { return nil }
        if parts[1] != "Services" { return String(parts[1]) }
        return parts.count > 3 ? String(parts[2]) : nil
    }

    /// The imports of a file under `Sources` that its target must not have.
    static func violations(_ path: String, _ source: SourceText) -> [Violation] {
        guard let target = target(of: path), let allowed = imports[target] else {
            return [Violation(path, "is in no target that the table of imports knows")]
        }
        let known = allowed.union(pure.contains(target) ? [] : system)
        return source.code.enumerated().compactMap { index, line in
            guard let module = imported(by: line), !known.contains(module) else { return nil }
            return Violation(path, line: index + 1, "\(target) must not import \(module)")
        }
    }

    /// The module that a line of code imports, whatever stands in front or behind.
    private static func imported(by line: String) -> String? {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        let words = line.split(whereSeparator: \.isWhitespace)
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({ $0.first == "@" || modifiers.contains($0) })
        else { return nil }
        let named = words[(keyword + 1)...].drop { kinds.contains($0) }.first
        return named?.split(separator: ".").first.map { String($0) }
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private",
    ]
}
