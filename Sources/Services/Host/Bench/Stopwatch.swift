import CPlatform
import Glibc

/// Clocks of a measurement, in seconds.
enum Stopwatch {
    static func wall() -> Double { seconds(CLOCK_MONOTONIC) }
    /// The processor time of the whole process.
    static func processor() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Where the processor's time goes: samples of what the running threads work at, see
/// `kassa_stage.h`. One at a time in a process.
struct StageSampler {
    /// The stages in the order of an order's way, as reports name them.
    private static let names: [(stage: kassa_stage, name: String)] = [
        (KASSA_STAGE_PARSE, "parse"), (KASSA_STAGE_DECIDE, "decide"),
        (KASSA_STAGE_ENCODE, "encode"), (KASSA_STAGE_APPEND, "append"),
        (KASSA_STAGE_COMMIT, "commit"), (KASSA_STAGE_RELAY, "relay"),
        (KASSA_STAGE_BROKER, "broker"), (KASSA_STAGE_CONSUME, "consume"),
        (KASSA_STAGE_PROJECT, "project"), (KASSA_STAGE_REPLY, "reply"),
        (KASSA_STAGE_CALLS, "calls"), (KASSA_STAGE_OTHER, "other"),
        (KASSA_STAGE_CLIENTS, "load generator"),
    ]

    private let before: [UInt64]
    private let processor: Double
    private let stage: kassa_stage
    /// Whether threads are sampled by their own time, not at the kernel's ticks.
    let isPrecise: Bool

    /// Begins to sample; what the calling thread does until the end is the load generator's.
    init() {
        stage = kassa_stage_enter(KASSA_STAGE_CLIENTS)
        before = Self.counts()
        processor = Stopwatch.processor()
        isPrecise = kassa_sampler_start() == 1
    }

    /// Ends sampling.
    ///
    /// - Returns: seconds of the process's processor time, shared out by stage, and how many
    ///   samples tell so.
    func end() -> (stages: [(name: String, seconds: Double)], all: Double, samples: Int) {
        kassa_sampler_stop()
        kassa_stage_leave(stage)
        let spent = Stopwatch.processor() - processor
        let counts = zip(Self.counts(), before).map { $0 &- $1 }
        let samples = counts.reduce(0, +)
        let stages = Self.names.map { stage, name in
            let part = Double(counts[Int(stage.rawValue)]) / Double(max(1, samples))
            return (name, part * spent)
        }
        return (stages, spent, Int(samples))
    }

    private static func counts() -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: Int(KASSA_STAGE_COUNT.rawValue))
        kassa_sampler_read(&counts)
        return counts
    }
}
