import Foundation
import Testing

/// A clock that a test sets, for one process: a small library in front of the C library's.
final class SetClock: Sendable {
    private let folder: Folder

    /// Nil where there is no C compiler.
    init?() throws {
        folder = try Folder()
        try Self.source.write(
            toFile: "\(folder.path)/clock.c", atomically: true, encoding: .utf8)
        let built = try? Shopctl.run([
            "clang", "-shared", "-fPIC", "-O1", "-o", "\(folder.path)/clock.so",
            "\(folder.path)/clock.c",
        ])
        guard built?.code == 0 else { return nil }
        try set(back: 0)
    }

    /// Runs a command by this clock.
    var prefix: [String] {
        // What stands before the C library already, as for a sanitizer, stays there.
        let others = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { ":\($0)" } ?? ""
        return [
            "env", "LD_PRELOAD=\(folder.path)/clock.so\(others)",
            "KASSA_TEST_CLOCK=\(folder.path)/offset",
        ]
    }

    /// From now on the process's clock is behind the machine's.
    func set(back seconds: Int64) throws {
        let bytes = withUnsafeBytes(of: -seconds) { Array($0) }
        // The process has the file itself in its memory.
        if let file = FileHandle(forUpdatingAtPath: "\(folder.path)/offset") {
            try file.write(contentsOf: Data(bytes))
            try file.close()
        } else if !FileManager.default.createFile(
            atPath: "\(folder.path)/offset", contents: Data(bytes))
        {
            throw Failure("no file for the clock")
        }
    }

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *offset;

        __attribute__((constructor)) static void begin(void) {
            const char *path = getenv("KASSA_TEST_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return;
            void *page = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
            if (page != MAP_FAILED) offset = page;
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = (int)syscall(SYS_clock_gettime, clock, time);
            if (offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                time->tv_sec += *offset;
            return result;
        }

        """
}
