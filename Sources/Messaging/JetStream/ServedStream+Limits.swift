/// What a stream may hold of messages and of each subject's; bytes and age are the log's affair.
extension ServedStream {
    /// Finds which messages each subject has, where that is limited.
    func findHeld() throws(BrokerError) {
        held = [:]
        guard configuration.maximumPerSubject > 0 else { return }
        var at = first
        while at <= last {
            let (messages, through) = try read(from: at, limit: 4096, wants: { _ in true })
            for message in messages {
                held[message.message.subject, default: []].append(message.sequence)
            }
            at = through + 1
        }
        crowdedSubjects = Set(held.keys)
    }

    /// The newest messages count towards their subjects' limits.
    func hold(_ stored: [BrokerMessage]) {
        guard configuration.maximumPerSubject > 0 else { return }
        var sequence = last - UInt64(stored.count)
        for message in stored {
            sequence += 1
            held[message.subject, default: []].append(sequence)
            crowdedSubjects.insert(message.subject)
        }
    }

    /// Takes out what is over the limits on messages.
    func enforceLimits() throws(BrokerError) {
        if configuration.maximumPerSubject > 0 {
            while let subject = crowdedSubjects.first {
                while let places = held[subject], places.count > configuration.maximumPerSubject {
                    var isDone = false
                    if places[0] >= first { isDone = try delete(places[0]) }
                    if !isDone { held[subject]?.removeFirst() }
                }
                crowdedSubjects.remove(subject)
            }
        }
        guard configuration.maximumMessages > 0 else { return }
        while count > configuration.maximumMessages {
            // Who counts what is before him has to know what goes.
            if consumers.values.contains(where: \.counts),
                let oldest = try message(at: first)
            {
                for consumer in consumers.values { consumer.forget(oldest) }
            }
            segments.trim(before: first + 1)
            refresh()
        }
    }

    /// A message does not count towards its subject's limit any more.
    func unhold(_ message: StoredMessage) {
        guard let at = held[message.message.subject]?.firstIndex(of: message.sequence) else {
            return
        }
        held[message.message.subject]?.remove(at: at)
    }

    /// What was over the limits when the process ended is so again.
    func enforceAfterOpening() throws(BrokerError) { try enforceLimits() }

    /// Takes out what is over the limits; what the disk refuses now is tried again.
    func keepLimits() {
        guard isOverLimits else { return }
        do throws(BrokerError) {
            try enforceLimits()
            try saveGaps()
            isOverLimits = false
        } catch { notices("stream \(name): \(error)") }
    }
}
