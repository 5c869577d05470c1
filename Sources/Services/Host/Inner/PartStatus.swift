package import EventSourcing
import Gateway
import Messaging
import Telemetry

/// What a process of a shop says when it is asked how it is.
package struct PartStatus: Sendable {
    struct Mails: Sendable {
        var sent: Int64 = 0
        var failed: Int64 = 0
    }

    let announcement: Announcement
    /// Nil for the broker and the gateway.
    var sight: ServiceSight?
    /// Whether it has what must be counted in files.
    var isCounted = false
    var disk = DiskWatch.Reading()
    var mails: Mails?
    /// What the broker holds of what it publishes, where that is known.
    var streams: [StreamHoldings] = []
    /// What became of its spans; nil where it tells none.
    var spans: SpanCounts?

    /// Of a process that says no more yet than its announcement.
    package init(_ announcement: Announcement) { self.announcement = announcement }

    /// One JSON object.
    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: 1000)
        json.object { json in
            announcement.encodeMembers(to: &json)
            if let sight { json.member("service") { sight.encode(to: &$0) } }
            json.member("isCounted", isCounted)
            json.member("diskFree", disk.free)
            json.member("diskHeld", disk.held)
            json.member("isIntakeStopped", disk.isStopped)
            if let mails {
                json.member("mailsSent", mails.sent)
                json.member("mailsFailed", mails.failed)
            }
            if let spans {
                json.member("spansExported", spans.exported)
                json.member("spansFull", spans.full)
                json.member("spansRefused", spans.refused)
                json.member("spansUnanswered", spans.unanswered)
            }
            json.member("streams") { json in
                json.array { json in
                    for stream in streams {
                        json.object { json in
                            json.member("stream", stream.stream)
                            json.member("messages", stream.messages)
                            json.member("bytes", stream.bytes)
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    /// Reads what `bytes` wrote; members it does not know are passed over.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        let json = try JSONObject(try JSON(parsing: bytes))
        announcement = try Announcement(json)
        if json["service"] != nil { sight = try ServiceSight(try json.object("service")) }
        isCounted = try json.flag("isCounted")
        disk = DiskWatch.Reading(
            free: try json.integer("diskFree"), held: try json.integer("diskHeld"),
            isStopped: try json.flag("isIntakeStopped"))
        if let sent = try json.optionalInteger("mailsSent") {
            mails = Mails(sent: sent, failed: try json.integer("mailsFailed"))
        }
        if let exported = try json.optionalInteger("spansExported") {
            spans = SpanCounts(
                exported: exported, full: try json.integer("spansFull"),
                refused: try json.integer("spansRefused"),
                unanswered: try json.integer("spansUnanswered"))
        }
        for stream in try json.objects("streams") {
            streams.append(
                StreamHoldings(
                    stream: try stream.string("stream"), messages: try stream.integer("messages"),
                    bytes: try stream.integer("bytes")))
        }
    }
}
