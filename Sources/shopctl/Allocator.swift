import Foundation
import Glibc

/// What hands out memory to a shop, and how.
enum Allocator {
    private static let tunables = "GLIBC_TUNABLES"
    /// For glibc's own allocator: of each size up to 1 KB a thread keeps so many freed blocks for
    /// itself. Beyond seven, as many as glibc allows without being told, they go to lists that
    /// threads share and that are searched: messages are freed by the hundred.
    private static let settings = "glibc.malloc.tcache_count=64"
    private static let preloaded = "LD_PRELOAD"
    /// Where it is installed it takes glibc's place: a seventh less of an order's processor time.
    private static let library = "libjemalloc.so.2"

    /// Begins the program anew with settings for a shop, as they are only read then; goes on
    /// where somebody has made their own, or where it cannot.
    static func tune() {
        guard getenv(tunables) == nil else {
            // The programs that this one starts decide for themselves.
            if let path = jemalloc, let found = getenv(preloaded), String(cString: found) == path {
                unsetenv(preloaded)
                unsetenv(tunables)
            }
            return
        }
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0,
            setenv(tunables, settings, 0) == 0
        else { return }
        if !isSanitized, let jemalloc { setenv(preloaded, jemalloc, 0) }
        execv(path, CommandLine.unsafeArgv)
        unsetenv(preloaded)
    }

    /// The library's path, beside the C library that this program uses; nil where it is not there.
    private static var jemalloc: String? {
        let libc = "/libc.so.6"
        guard
            let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8),
            let line = maps.split(separator: "\n").first(where: { $0.hasSuffix(libc) }),
            let start = line.firstIndex(of: "/")
        else { return nil }
        let path = "\(line[start...].dropLast(libc.count))/\(library)"
        return access(path, R_OK) == 0 ? path : nil
    }

    /// A sanitizer brings an allocator of its own, and must come first.
    private static var isSanitized: Bool {
        dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
    }
}
