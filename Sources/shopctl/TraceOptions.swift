import Arguments
import Glibc
import Telemetry

/// Who is told of spans: whom the options name, else whom the variables of the environment name
/// that all programs with OpenTelemetry read.
enum TraceOptions {
    static let to = Option.value(
        "trace-to", "URL",
        "tell a collector of OpenTelemetry, over OTLP/HTTP, what each request leads to, "
            + "http://HOST:4318; without it nobody, unless the environment names one")
    static let sample = Option.value(
        "trace-sample", "SHARE",
        "of how many requests, 0 to 1, where the client did not decide; all without")

    static let all = [to, sample]

    private static let usual = "OTEL_EXPORTER_OTLP_ENDPOINT"
    private static let exact = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    private static let share = "OTEL_TRACES_SAMPLER_ARG"

    /// Nil where nobody is told.
    static func settings(_ invocation: Invocation) throws(UsageError) -> TracingSettings? {
        guard let url = try url(invocation) else {
            guard invocation.optionalText("trace-sample") == nil else {
                throw invocation.error(.needs("--trace-sample", "--trace-to"))
            }
            return nil
        }
        return TracingSettings(url, share: try share(invocation))
    }

    /// The same as a command line, for a part that runs by itself: the environment it has anyway.
    static func arguments(_ invocation: Invocation) -> [String] {
        all.flatMap { option in
            invocation.optionalText(option.name).map { ["--\(option.name)", $0] } ?? []
        }
    }

    private static func url(_ invocation: Invocation) throws(UsageError) -> CollectorURL? {
        if let text = invocation.optionalText("trace-to") {
            return try url(text, of: "--trace-to", invocation)
        }
        if let text = variable(exact) {
            // This one is taken as it is: without a path it means the root.
            return try url(text, of: exact, path: "/", invocation)
        }
        guard var text = variable(usual) else { return nil }
        while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
        return try url(text + CollectorURL.usualPath, of: usual, invocation)
    }

    private static func url(
        _ text: String, of name: String, path: String = CollectorURL.usualPath,
        _ invocation: Invocation
    ) throws(UsageError) -> CollectorURL {
        do throws(CollectorURL.Malformed) { return try CollectorURL(text, path: path) } catch {
            throw invocation.invalid(name, text, expected: "http://HOST:PORT (\(error))")
        }
    }

    private static func share(_ invocation: Invocation) throws(UsageError) -> Double {
        if let text = invocation.optionalText("trace-sample") {
            return try number(text, of: "--trace-sample", invocation)
        }
        return try variable(share).map { (text) throws(UsageError) in
            try number(text, of: share, invocation)
        } ?? 1
    }

    /// Digits with a point or without: `Double` reads much else.
    private static func number(_ text: String, of name: String, _ invocation: Invocation)
        throws(UsageError) -> Double
    {
        let isPlain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".")
        }
        guard isPlain, let number = Double(text), (0...1).contains(number) else {
            throw invocation.invalid(name, text, expected: "a number from 0 to 1")
        }
        return number
    }

    /// An empty one counts as none.
    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
