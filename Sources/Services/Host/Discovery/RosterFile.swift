import EventSourcing
import Foundation

/// Where a process of a shop remembers the homes of the others' logs, for a start while the broker
/// that would tell it is away.
///
/// It is a help and no more: one that cannot be read is as none, one that cannot be written stays
/// as it was, and what it says is given up when the processes themselves are heard.
package struct RosterFile: Sendable {
    private static let mostBytes = 1 << 20

    private let path: String

    package init(path: String) { self.path = path }

    /// The homes that were kept last.
    package func read() -> [Announcement] {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: Self.mostBytes),
            let json = try? JSONObject(try JSON(parsing: Array(data))),
            let homes = try? json.objects("homes")
        else { return [] }
        return homes.compactMap { try? Announcement($0) }
    }

    /// The file has all of them, or is as it was.
    package func keep(_ homes: [Announcement]) {
        var json = JSONWriter(reserving: 250 * homes.count + 20)
        json.object { json in
            json.member("homes") { json in
                json.array { json in
                    for home in homes { json.object { home.encodeMembers(to: &$0) } }
                }
            }
        }
        try? Data(json.bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
