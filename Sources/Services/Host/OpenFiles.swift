import Glibc
import HTTP

/// How many files the process may have open, and how they are shared out.
package struct OpenFiles: Sendable {
    /// What the shop itself opens at most: logs, readers, segments, mails, and one for each thread
    /// that may open another.
    static let own = 192
    /// With fewer a shop does not start: it would serve too few, and run out in the middle of work.
    static let least = own + 64

    /// The most that may be open.
    let most: Int

    /// Raises the soft limit to the hard one.
    ///
    /// - Throws: where even that is too little for a shop.
    @discardableResult
    package static func prepare() throws(Shop.Failure) -> OpenFiles {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return OpenFiles(most: 1024) }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        let most = Int(clamping: limit.rlim_cur)
        guard most >= least else {
            throw .cannotStart(
                "at most \(most) files may be open, and a shop wants \(least); raise it with "
                    + "ulimit -n \(4 * least)")
        }
        return OpenFiles(most: most)
    }

    /// Clients' connections never take what the shop needs for its files.
    var limits: HTTPServerLimits {
        var limits = HTTPServerLimits()
        limits.connections = min(limits.connections, most - Self.own)
        return limits
    }
}
