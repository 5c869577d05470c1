import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging

/// A mistake that is planted in the simulated shop, to see that runs find it. None of them is in
/// production's code: they lie in what stands around it.
package enum Mistake: String, CaseIterable, Sendable {
    /// The orders service is said to have accepted an order before it has decided.
    case acknowledgedBeforeCommit
    /// Requests are decided anew when they are repeated.
    case keyForgotten
    /// The tokens of reads do not arrive: they are answered from whatever rows there are.
    case staleRead
    /// Commits are answered before they are synced.
    case syncLeftOut
    /// What a commit writes is published before it is durable.
    case publishedBeforeCommit
    /// A checkpoint is written before what it stands for is applied.
    case checkpointBeforeEffects
    /// A process that dies forgets its timers.
    case timerLost
    /// A service starts from an older snapshot than it believes.
    case oldSnapshot
    /// A reader does not see that messages are missing before the one it has.
    case gapsPassedOver
    /// A relay leaves a message out, and says nothing of it in the next one.
    case relaySkips
    /// A reader takes what comes for the epoch that it is in.
    case epochNotChecked
    /// A feed leaves out the last message of a page.
    case feedSkips
    /// Of several lines of one SKU only one is reserved.
    case linesNotSummed
    /// A deadline passes whether or not the participant was up and has read the request.
    case deadlineIgnoresWatermark
    /// An outcome of an attempt that was given up is taken for that of the one under way.
    case givenUpOutcomeTaken
    /// Stock of an order that came to nothing stays reserved.
    case releaseForgotten
    /// A compensation is sent once, and not again where it was lost.
    case compensationSentOnce
    /// A capture that is tried again is another one.
    case capturedTwice
    /// A capture takes a penny more than was ordered.
    case capturedTooMuch
    /// What comes of an authorization after it was given up is not voided.
    case lateAuthorizationForgotten
    /// A parcel is said to be handed over that is not.
    case parcelForgotten
    /// The rows lack what some messages said.
    case rowsForgotten
}

extension Mistake {
    /// What a service gets instead of a message; `checkpoint` is where it has read to.
    func altered(_ message: Message, for reader: String, at checkpoint: Checkpoint)
        -> Message
    {
        switch self {
        case .gapsPassedOver where message.previous > checkpoint.position:
            return message.with(previous: checkpoint.position)
        case .epochNotChecked: return message.with(epoch: checkpoint.epoch)
        case .rowsForgotten where reader == "gateway" && message.identity.position.value % 9 == 0,
            .releaseForgotten where message.asks("release"):
            return message.with(type: EventType("nothing.known"))
        case .linesNotSummed:
            guard let (step, request) = try? Checkout.request(in: message.type, message.data),
                case .reserve(let lines) = request
            else { return message }
            // No line is of more than three pieces.
            let single = lines.compactMap {
                StockLine(sku: $0.sku, quantity: min($0.quantity, SimulatedUsers.mostPieces))
            }
            return message.with(event: CheckoutProgress.Event.requested(step, .reserve(single)))
        default: return message
        }
    }

    /// What a reader gets instead of bulletins.
    func altered(_ received: [Received], for reader: String, at checkpoint: Checkpoint)
        -> [Received]
    {
        var read = checkpoint
        return received.map { received in
            guard let bulletin = try? Bulletin(received.carried) else { return received }
            switch bulletin {
            case .event(let message):
                let changed = altered(message, for: reader, at: read)
                read.position = max(read.position, message.identity.position)
                return changed === message
                    ? received : Received(Bulletin.event(changed).brokerMessage)
            case .watermark(let watermark) where self == .epochNotChecked:
                let changed = watermark.with(epoch: checkpoint.epoch)
                return Received(Bulletin.watermark(changed).brokerMessage)
            case .watermark: return received
            }
        }
    }

    /// What a reader gets instead of a page of a feed.
    func altered(_ page: FeedPage, for reader: String, at checkpoint: Checkpoint) -> FeedPage {
        var read = checkpoint
        if self != .epochNotChecked { read.position = .start }
        var messages = page.messages.map { altered($0, for: reader, at: read) }
        if self == .feedSkips, !messages.isEmpty { messages.removeLast() }
        return FeedPage(
            after: page.after, messages: messages, through: page.through,
            epoch: self == .epochNotChecked ? checkpoint.epoch : page.epoch,
            leaf: page.leaf, hasMore: page.hasMore)
    }
}

extension Mistake {
    /// What a relay publishes that leaves out the message at `index`, where another one of its
    /// channel follows.
    static func skipping(_ index: Int, of messages: [BrokerMessage]) -> [BrokerMessage] {
        guard messages.indices.contains(index), let left = event(messages[index]),
            let next = messages.indices.first(where: {
                $0 > index && event(messages[$0])?.source == left.source
            }), let follower = event(messages[next])
        else { return messages }
        var rest = messages
        rest[next] = Bulletin.event(follower.with(previous: left.previous)).brokerMessage
        rest.remove(at: index)
        return rest
    }

    private static func event(_ message: BrokerMessage) -> Message? {
        guard case .event(let message)? = try? Bulletin(message) else { return nil }
        return message
    }
}

extension Watermark {
    fileprivate func with(epoch: Epoch) -> Watermark {
        Watermark(
            log: log, channel: channel, epoch: epoch, through: through, leaf: leaf, last: last,
            asOf: asOf, upSince: upSince, treeSize: treeSize, treeRoot: treeRoot, read: read)
    }

    /// Says that its log's owner is up, and has read all.
    func pretending(at now: Timestamp) -> Watermark {
        Watermark(
            log: log, channel: channel, epoch: epoch, through: through, leaf: leaf, last: last,
            asOf: now, upSince: .epoch, treeSize: treeSize, treeRoot: treeRoot,
            read: read.mapValues { ReadMark($0.epoch, Position($0.position.value + 1_000_000)) })
    }
}

extension Message {
    /// The same, said of another attempt at its step.
    func with(step: StepReference, insteadOf old: StepReference) -> Message {
        func text(_ step: StepReference) -> String {
            var json = JSONWriter()
            step.encode(to: &json)
            return json.text
        }
        let changed = String(decoding: data, as: UTF8.self)
            .replacingOccurrences(of: text(old), with: text(step))
        return with(data: Array(changed.utf8))
    }

    fileprivate func asks(_ name: String) -> Bool {
        type.name == "checkout.step-requested"
            && String(decoding: data, as: UTF8.self).contains("\"do\":\"\(name)\"")
    }

    fileprivate func with(
        epoch: Epoch? = nil, previous: Position? = nil, type: EventType? = nil,
        data: [UInt8]? = nil
    ) -> Message {
        Message(
            identity: EventIdentity(
                log: identity.log, epoch: epoch ?? identity.epoch, position: identity.position),
            channel: channel, previous: previous ?? self.previous,
            stream: stream, version: version, type: type ?? self.type, recordedAt: recordedAt,
            metadata: metadata, data: data ?? self.data, leaf: leaf)
    }

    fileprivate func with(event: some StoredEvent) -> Message {
        var json = JSONWriter()
        event.encode(to: &json)
        return with(data: json.bytes)
    }
}
