import Foundation
import Gateway
import Glibc

extension ShopReadings.Process {
    /// What `/proc` says of this process now; nil where there is no `/proc`.
    static func read() -> ShopReadings.Process? {
        // The name, in brackets, may hold anything: fields are counted from behind it (proc(5)).
        guard let text = text("/proc/self/stat"), let end = text.lastIndex(of: ")"),
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"),
            let booted = booted()
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ").map { Int64($0) }
        func field(_ number: Int) -> Int64? {
            fields.indices.contains(number - 3) ? fields[number - 3] : nil
        }
        guard let user = field(14), let system = field(15), let started = field(22),
            let virtual = field(23), let pages = field(24)
        else { return nil }
        let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ShopReadings.Process(
            residentBytes: pages * Int64(sysconf(Int32(_SC_PAGESIZE))), virtualBytes: virtual,
            cpuSeconds: Double(user + system) / ticks,
            // One of them was open to list them.
            openFiles: Int64(max(0, files.count - 1)),
            maximumFiles: Int64(clamping: limit.rlim_cur),
            startTime: Double(booted) + Double(started) / ticks)
    }

    /// When the machine was started, in seconds since 1970.
    private static func booted() -> Int64? {
        text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Int64($0.dropFirst(6)) }
    }

    /// Files of `/proc` have no size that could be asked for.
    private static func text(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
