import CPlatform
import EventSourcing
import EventStore
import Foundation
import Glibc

/// What figures depend on besides the program, so that they can be compared.
package struct Machine: Sendable {
    let processor: String
    let cores: Int
    /// Whether SHA-256 runs on the processor's own instructions.
    let hasSHA: Bool
    let kernel: String
    let sqlite: String
    let build: String
    /// What hands out memory.
    let allocator: String

    static func read() -> Machine {
        let cpu = text("/proc/cpuinfo").split(separator: "\n")
            .first { $0.hasPrefix("model name") }?
            .split(separator: ":", maxSplits: 1).last
        return Machine(
            processor: cpu.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
            cores: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            hasSHA: kassa_sha256_has(KASSA_SHA256_SHA),
            kernel: text("/proc/sys/kernel/osrelease").trimmingCharacters(in: .newlines),
            sqlite: FileInspection.libraryVersion, build: Build.configuration,
            allocator: dlsym(nil, "mallctl") == nil ? "glibc's malloc" : "jemalloc")
    }

    /// One line for a person.
    package var line: String {
        "\(processor), \(cores) cores, SHA-256 \(hasSHA ? "in hardware" : "in software"), "
            + "Linux \(kernel), SQLite \(sqlite), \(allocator), "
            + "\(build) build"
    }

    func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("processor", processor)
            json.member("cores", Int64(cores))
            json.member("hasSHA", hasSHA)
            json.member("kernel", kernel)
            json.member("sqlite", sqlite)
            json.member("allocator", allocator)
            json.member("build", build)
        }
    }

    /// Files of `/proc` have no size that could be asked for; one that is not there is empty.
    static func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}

/// What this process holds now.
package struct ProcessState: Sendable {
    let residentBytes: Int64
    /// The most it has held since its start.
    let peakBytes: Int64
    let threads: Int64
    let descriptors: Int64

    static func read() -> ProcessState {
        var fields: [Substring: Int64] = [:]
        for line in Machine.text("/proc/self/status").split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, let number = Int64(words[1]) else { continue }
            fields[words[0]] = number
        }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return ProcessState(
            residentBytes: (fields["VmRSS:"] ?? 0) * 1024,
            peakBytes: (fields["VmHWM:"] ?? 0) * 1024, threads: fields["Threads:"] ?? 0,
            // One of them was open to list them.
            descriptors: Int64(max(0, files.count - 1)))
    }
}
