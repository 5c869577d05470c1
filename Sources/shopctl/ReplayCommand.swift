import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl replay --verify`: folds every log afresh and compares it with what the shop has in use.
enum ReplayCommand {
    static let command = Command(
        "replay", "prove the history: fold every log afresh and compare",
        options: [
            ShopCommand.data,
            .flag("verify", "compare with the live state and the read store, row by row"),
            ShopCommand.json,
        ],
        example: "shopctl replay --verify")

    /// - Returns: 1 where anything differs.
    static func run(_ invocation: Invocation) throws -> Int32 {
        guard invocation.flag("verify") else {
            throw UsageError(
                command: invocation.path.joined(separator: " "),
                .missingOption("verify", placeholder: ""))
        }
        let data = try invocation.text("data")
        let scratch = "\(data)/verify-\(getpid()).db"
        defer { for suffix in ["", "-wal", "-shm"] { unlink(scratch + suffix) } }
        let audit = try Audit(data: data, scratch: scratch) {
            Terminal.progress("replaying \($0)")
        }
        Terminal.endProgress()
        invocation.flag("json") ? printJSON(audit) : printText(audit)
        return audit.isClean ? 0 : 1
    }

    private static func printText(_ audit: Audit) {
        for (place, unit, count) in audit.counts { print("  \(place): \(count) \(unit)") }
        for (log, size, root) in audit.roots {
            print(Terminal.dim("  \(log): tree of \(size) leaves, root \(root)"))
        }
        for finding in audit.findings {
            print("\(Terminal.red("differs")) \(finding.place): \(finding.what)")
        }
        if audit.isClean {
            print("\(Terminal.green("verified")): the replay equals the live state, row by row")
        } else {
            print(
                "\(Terminal.red("\(audit.findingCount) differences")); do not trust what "
                    + "is named; restore a backup, or build the read store anew with "
                    + "shopctl projections rebuild orders"
            )
        }
    }

    private static func printJSON(_ audit: Audit) {
        var json = JSONWriter()
        json.object { json in
            json.member("verified", audit.isClean)
            json.member("differences", Int64(audit.findingCount))
            json.member("findings") { json in
                json.array { json in
                    for finding in audit.findings {
                        json.object { json in
                            json.member("place", finding.place)
                            json.member("what", finding.what)
                        }
                    }
                }
            }
            json.member("counts") { json in
                json.array { json in
                    for (place, unit, count) in audit.counts {
                        json.object { json in
                            json.member("place", place)
                            json.member("unit", unit)
                            json.member("count", Int64(count))
                        }
                    }
                }
            }
            json.member("trees") { json in
                json.array { json in
                    for (log, size, root) in audit.roots {
                        json.object { json in
                            json.member("log", log)
                            json.member("size", size)
                            json.member("root", root)
                        }
                    }
                }
            }
        }
        print(json.text)
    }
}
