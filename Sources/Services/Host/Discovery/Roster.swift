import Domain
package import EventSourcing

/// Who is there, as far as was heard: the newest announcement of each process.
///
/// Silence removes nobody at once, as the broker that carries announcements may be what is gone:
/// one that is not heard is still called where it was, and a call tells. It is forgotten when
/// another has taken its place, when it says that it stops, or after an hour.
///
/// Where the homes were in an earlier run is remembered until they are heard: a process that starts
/// while nobody can be heard calls them there.
package struct Roster: Sendable {
    package struct Entry: Hashable, Sendable {
        package let announcement: Announcement
        package let heardAt: Timestamp
    }

    /// Whoever is silent for longer counts as lost where another is to be had.
    package static let patience = Duration.seconds(2)
    private static let memory = Duration.seconds(3600)
    /// The most that are remembered.
    private static let limit = 256

    private var entries: [String: Entry] = [:]
    /// Homes that were heard in an earlier run, and not in this one.
    private var remembered: [Announcement]

    /// - Parameter remembering: the homes of an earlier run.
    package init(remembering: [Announcement] = []) {
        remembered = Array(remembering.prefix(Self.limit))
    }

    /// All that are known, by part and then by instance.
    package var all: [Entry] {
        entries.values.sorted {
            ($0.announcement.part.rawValue, $0.announcement.instance)
                < ($1.announcement.part.rawValue, $1.announcement.instance)
        }
    }

    /// The homes of all shares that are known, whether they were heard or are remembered.
    package var homes: [Announcement] {
        all.map(\.announcement).filter { $0.part.log != nil } + remembered
    }

    /// Whether somebody who serves the part was heard.
    func hasHeard(_ part: ShopPart) -> Bool {
        entries.values.contains { $0.announcement.part == part }
    }

    func knows(_ instance: String) -> Bool {
        entries[instance] != nil || remembered.contains { $0.instance == instance }
    }

    /// Takes in what a home that is only remembered says of itself when it is called. It was not
    /// heard, and is taken for silent until it is.
    package mutating func find(_ announcement: Announcement, at now: Timestamp) {
        guard remembered.contains(where: { $0.isSamePlace(announcement) }) else { return }
        hear(announcement, at: now + (.zero - Self.patience))
    }

    /// Takes in what was heard.
    package mutating func hear(_ announcement: Announcement, at now: Timestamp) {
        entries = entries.filter { now - $0.value.heardAt < Self.memory }
        // A part that has other shares now has none of those before, and a place is one process's.
        remembered.removeAll {
            $0.instance == announcement.instance || $0.isSameShare(announcement)
                || $0.part == announcement.part && $0.shards != announcement.shards
                || $0.host == announcement.host && $0.port == announcement.port
        }
        guard announcement.health != .stopping else {
            entries[announcement.instance] = nil
            return
        }
        // Another run of the same share takes the place of one that is silent; two that speak are
        // both kept. Where one is heard from, no earlier run can be.
        for (instance, entry) in entries
        where instance != announcement.instance
            && (entry.announcement.isSamePlace(announcement)
                || entry.announcement.isSameShare(announcement)
                    && now - entry.heardAt >= Self.patience)
        {
            entries[instance] = nil
        }
        guard entries[announcement.instance] != nil || entries.count < Self.limit else { return }
        entries[announcement.instance] = Entry(announcement: announcement, heardAt: now)
    }

    /// The home of a key: the process that owns the key's share. Of several that say so one that
    /// works, and of these the one that has been there longest, as a second one is a mistake.
    package func home(of part: ShopPart, key: String) -> Announcement? {
        let isHome = { (known: Announcement) in
            known.part == part && Self.share(of: key, among: known.shards) == known.shard
        }
        let heard = entries.values.map(\.announcement).filter(isHome).min {
            ($0.health.rank, $0.startedAt, $0.instance)
                < ($1.health.rank, $1.startedAt, $1.instance)
        }
        return heard ?? remembered.first(where: isHome)
    }

    /// Another process than `announcement`'s that says it is the home of the same share, and was
    /// heard of late.
    package func rival(of announcement: Announcement, at now: Timestamp) -> Announcement? {
        entries.values.first {
            $0.announcement.instance != announcement.instance
                && $0.announcement.isSameShare(announcement) && now - $0.heardAt < Self.patience
        }?.announcement
    }

    /// Which of so many shares a key belongs to.
    private static func share(of key: String, among shards: Int) -> Int {
        shards == 1 ? 0 : Int(stableHash(key) % UInt64(shards))
    }
}

extension Announcement.Health {
    /// Whom to ask first.
    fileprivate var rank: Int {
        switch self {
        case .up: 0
        case .starting: 1
        case .halted, .stopping: 2
        }
    }
}

extension Announcement {
    fileprivate func isSameShare(_ other: Announcement) -> Bool {
        part == other.part && part != .gateway && shard == other.shard && shards == other.shards
    }

    fileprivate func isSamePlace(_ other: Announcement) -> Bool {
        part == other.part && host == other.host && port == other.port
    }
}
