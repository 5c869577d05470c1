import Glibc

/// The Date field's value, made once a second (RFC 9110, 5.6.7).
struct HTTPDate {
    private var second: Int64 = -1
    private var text = ""

    mutating func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        let current = Int64(time.tv_sec)
        if current != second {
            second = current
            text = HTTPDate.format(current)
        }
        return text
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    static func format(_ unixSeconds: Int64) -> String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        var parts = tm()
        var seconds = time_t(unixSeconds)
        gmtime_r(&seconds, &parts)
        let day = days[Int(parts.tm_wday)]
        let month = months[Int(parts.tm_mon)]
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(day), \(two(parts.tm_mday)) \(month) \(Int(parts.tm_year) + 1900) \(clock) GMT"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
