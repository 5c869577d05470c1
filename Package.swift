// swift-tools-version: 6.2
import PackageDescription

/// The language mode and the checks that every target shares.
let checks: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// The targets are one program: what one calls in another is optimized as if it stood beside. That
/// nobody reads what is being changed is checked as it runs in debug builds, and by the sanitizers.
let settings =
    checks + [
        .unsafeFlags(
            ["-cross-module-optimization", "-enforce-exclusivity=unchecked"],
            .when(configuration: .release))
    ]

/// Tests call what is optimized; to optimize them as well would take most of a build's time.
let testSettings = checks + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

func target(_ name: String, path: String? = nil, uses: [String] = []) -> Target {
    .target(
        name: name, dependencies: uses.map { .byName(name: $0) }, path: path,
        swiftSettings: settings)
}

/// A service: one target each, and none imports another.
func service(_ name: String) -> Target {
    target(
        name, path: "Sources/Services/\(name)",
        uses: ["EventSourcing", "Domain", "SQLite", "EventStore", "Messaging"])
}

func tests(_ name: String, uses: [String]) -> Target {
    .testTarget(
        name: name, dependencies: uses.map { .byName(name: $0) }, swiftSettings: testSettings)
}

let package = Package(
    name: "kassa",
    products: [.executable(name: "shopctl", targets: ["shopctl"])],
    targets: [
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CPlatform"),
        .target(name: "CWriteAhead", dependencies: ["CSQLite"]),
        .target(name: "CSimulatedDisk", dependencies: ["CSQLite"]),
        // Its assets are embedded by its source, and built by nobody else.
        .target(name: "CConsole", exclude: ["assets"]),
        target("EventSourcing"),
        target("Arguments"),
        target("Domain", uses: ["EventSourcing"]),
        target("Import", uses: ["EventSourcing", "Domain"]),
        target("SQLite", uses: ["CSQLite", "CWriteAhead"]),
        target("EventStore", uses: ["SQLite", "EventSourcing", "CPlatform"]),
        target(
            "Messaging",
            uses: ["EventStore", "EventSourcing", "CPlatform", "NATS", "Net", "Telemetry"]),
        target(
            "Projections",
            uses: [
                "Domain", "EventStore", "Messaging", "SQLite", "EventSourcing", "CPlatform",
                "Telemetry",
            ]),
        target("Telemetry", uses: ["EventSourcing", "HTTP", "Net", "CPlatform"]),
        target("Net", uses: ["CPlatform"]),
        target("HTTP", uses: ["Net", "CPlatform"]),
        target("NATS", uses: ["Net", "CPlatform", "EventSourcing"]),
        service("Orders"),
        service("Payments"),
        service("Deliveries"),
        service("Notifications"),
        target(
            "Gateway", path: "Sources/Services/Gateway",
            uses: [
                "EventSourcing", "Domain", "Projections", "Messaging", "HTTP", "Telemetry",
                "CConsole",
            ]),
        target(
            "Host", path: "Sources/Services/Host",
            uses: [
                "Orders", "Payments", "Deliveries", "Notifications", "Gateway", "Messaging",
                "EventStore", "EventSourcing", "Domain", "HTTP", "Projections", "CPlatform",
                "NATS", "Net", "Telemetry",
            ]),
        .executableTarget(
            name: "shopctl",
            dependencies: [
                "Arguments", "Import", "Host", "HTTP", "Messaging", "EventStore", "Domain",
                "EventSourcing", "Simulation", "NATS", "Telemetry",
            ],
            swiftSettings: settings),
        target(
            "Simulation",
            uses: [
                "Host", "Gateway", "HTTP", "Orders", "Payments", "Deliveries", "Notifications",
                "Projections", "Messaging", "EventStore", "Domain", "EventSourcing", "SQLite",
                "CSQLite", "CSimulatedDisk",
            ]),
        target("TestKit", uses: ["Domain", "Messaging", "EventSourcing"]),
        target(
            "FuzzChecks", path: "Fuzz/Checks",
            uses: [
                "HTTP", "Messaging", "Projections", "Import", "Domain", "EventStore",
                "EventSourcing", "NATS", "Net",
            ]),
        tests("FuzzTests", uses: ["FuzzChecks"]),
        tests("EventSourcingTests", uses: ["EventSourcing"]),
        tests("ProofTests", uses: ["EventStore"]),
        tests("ArgumentsTests", uses: ["Arguments"]),
        tests(
            "ProjectionTests",
            uses: [
                "Projections", "Messaging", "EventStore", "EventSourcing", "Domain", "SQLite",
                "Simulation", "Deliveries", "TestKit",
            ]),
        tests("ImportTests", uses: ["Import", "Domain", "EventSourcing"]),
        tests("TidyTests", uses: []),
        tests("DomainTests", uses: ["Domain", "EventSourcing", "TestKit", "Simulation"]),
        tests(
            "BrokerTests",
            uses: ["Messaging", "TestKit", "Simulation", "NATS", "Net", "EventSourcing"]),
        tests("SimulationTests", uses: ["Simulation", "EventStore"]),
        tests("HTTPTests", uses: ["HTTP"]),
        tests("TelemetryTests", uses: ["Telemetry", "HTTP", "Net", "EventSourcing"]),
        tests("NATSTests", uses: ["NATS", "Net", "EventSourcing"]),
        tests(
            "JetStreamTests", uses: ["Messaging", "NATS", "Net", "EventSourcing", "TestKit"]),
        tests("EventStoreTests", uses: ["EventStore", "SQLite", "EventSourcing", "Simulation"]),
        tests(
            "GatewayTests",
            uses: [
                "Gateway", "HTTP", "Projections", "Messaging", "EventStore", "EventSourcing",
                "Domain", "SQLite", "Telemetry",
            ]),
        tests(
            "HostTests",
            uses: [
                "Host", "Gateway", "HTTP", "Domain", "EventStore", "EventSourcing", "Messaging",
                "NATS", "Telemetry",
            ]),
        tests(
            "ScenarioTests",
            uses: [
                "shopctl", "Host", "Orders", "HTTP", "EventStore", "EventSourcing", "Messaging",
                "NATS",
                "Net",
            ]),
        tests(
            "MessagingTests",
            uses: [
                "Messaging", "EventStore", "EventSourcing", "Domain", "Simulation", "Orders",
                "Payments", "Deliveries", "Notifications", "Projections", "SQLite", "TestKit",
                "Telemetry",
            ]),
    ]
)

// libFuzzer brings the main function, so the fuzzer links with it alone: scripts/fuzz sets this.
if Context.environment["KASSA_BUILDS_FUZZER"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzChecks"], path: "Fuzz/Entry",
            swiftSettings: settings))
}
