import Glibc

/// How glibc hands out memory.
enum Allocator {
    private static let variable = "GLIBC_TUNABLES"
    /// Of each size up to 1 KB a thread keeps so many freed blocks for itself. Beyond seven, as
    /// many as glibc allows without being told, they go to lists that threads share and that are
    /// searched: messages are freed by the hundred.
    private static let settings = "glibc.malloc.tcache_count=64"

    /// Begins the program anew with settings for a shop, as glibc reads them only then; goes on
    /// where somebody has made their own, or where it cannot.
    static func tune() {
        guard getenv(variable) == nil else { return }
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0,
            setenv(variable, settings, 0) == 0
        else { return }
        execv(path, CommandLine.unsafeArgv)
    }
}
