import Glibc
import Telemetry

extension TelemetryResource {
    /// Of this process.
    ///
    /// - Parameter instance: tells this run from the next.
    static func own(instance: String) -> TelemetryResource {
        var name = [CChar](repeating: 0, count: 256)
        // A longer name is cut, and may lack its end.
        let isNamed = gethostname(&name, name.count - 1) == 0
        let host = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return TelemetryResource(
            version: Build.version, instance: instance, process: Int64(getpid()),
            host: isNamed ? String(decoding: host, as: UTF8.self) : "unknown")
    }
}
