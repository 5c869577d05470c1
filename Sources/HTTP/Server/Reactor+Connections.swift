import CPlatform
import Glibc
import Net

extension Reactor {
    func handle(_ events: Epoll.Interest, _ connection: Connection) {
        guard events.isDisjoint(with: .failed) else {
            close(connection)
            return
        }
        if events.contains(.readable), !read(connection) { return }
        takeRequests(connection)
        touched.append(connection)
    }

    /// One read a turn: what is left keeps the socket ready, and others get theirs in between.
    ///
    /// - Returns: False where the connection is closed.
    private func read(_ connection: Connection) -> Bool {
        let count = Socket.receive(connection.socket.number, scratch)
        if Socket.isRetryable(count) { return true }
        guard count >= 0 else {
            close(connection)
            return false
        }
        if count == 0 {
            connection.readClosed = true
        } else if connection.lingersUntil == nil {
            connection.parser.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        }
        return true
    }

    /// Takes the connection as far as it goes: requests to handlers, answers to the socket.
    func proceed(_ connection: Connection) {
        takeRequests(connection)
        answer(connection)
    }

    /// Sends what is answered, and takes the requests there is room for then.
    func answer(_ connection: Connection) {
        let stage = kassa_stage_enter(KASSA_STAGE_REPLY)
        defer { kassa_stage_leave(stage) }
        while connection.hasAnswers || connection.waitingOutput > 0 {
            connection.renderAnswers(limits, date: date.now())
            switch connection.writeOutput(now) {
            case .failed:
                close(connection)
                return
            case .blocked:
                account(connection, unsent: connection.unsent)
                if unsent > 2 * limits.unsent, connection.unsent > limits.fairUnsent {
                    return close(connection)
                }
                watch(connection)
                return
            case .done: break
            }
            takeRequests(connection)
        }
        finish(connection)
    }

    private func takeRequests(_ connection: Connection) {
        let stage = kassa_stage_enter(KASSA_STAGE_PARSE)
        defer { kassa_stage_leave(stage) }
        while connection.hasRoom(limits) {
            do {
                guard let output = try connection.parser.next() else { break }
                switch output {
                case .expectsContinue: connection.owesContinue = true
                case .request(let request): hand(request, connection)
                }
            } catch {
                refuse(connection, error.status, error.detail)
            }
        }
        connection.notePhase(now, took: false)
        account(connection, held: connection.parser.heldBytes)
        if received > limits.received, !connection.takesNoMore, connection.parser.phase != .between
        {
            refuse(connection, 503, "The server holds as much of unfinished requests as it can.")
            connection.parser = RequestParser(limits: limits.message, peer: connection.peer)
            account(connection, held: 0)
        }
    }

    private func account(_ connection: Connection, held bytes: Int) {
        let more = connection.accountedHeld.change(to: bytes)
        received += more
        statistics.add(statistics.received, Int64(more))
    }

    private func account(_ connection: Connection, unsent bytes: Int) {
        let more = connection.accountedUnsent.change(to: bytes)
        unsent += more
        statistics.add(statistics.unsent, Int64(more))
    }

    private func hand(_ request: HTTPRequest, _ connection: Connection) {
        connection.owesContinue = false
        connection.takesNoMore = !request.keepsAlive
        let number = connection.pipeline.admit(
            Pipeline.Entry(
                isHead: request.method == .head, version: request.version,
                keepsAlive: request.keepsAlive, since: now))
        connection.notePhase(now, took: true)
        let id = connection.id
        handler(
            request,
            Responder { [mailbox] response in
                mailbox.post(.answer(connection: id, request: number, response))
            })
        // Nearly all are answered by now, and need no further turn.
        if let response = mailbox.takeAnswer(connection: id, request: number) {
            connection.pipeline.answer(number, response)
        }
    }

    /// Answers what is no request, after those before it, and closes.
    private func refuse(_ connection: Connection, _ status: HTTPStatus, _ detail: String) {
        statistics.add(statistics.unreadable)
        connection.takesNoMore = true
        _ = connection.pipeline.admit(
            Pipeline.Entry(
                isHead: false, version: .http11, keepsAlive: false, since: now,
                response: renderError(status, detail)))
    }

    /// All output is written: closes where nothing is left to say, else waits for more.
    private func finish(_ connection: Connection) {
        account(connection, unsent: connection.unsent)
        let done = connection.pipeline.isEmpty
        if connection.readClosed && (done || connection.closesAfterOutput) {
            close(connection)
            return
        }
        if connection.lingersUntil == nil
            && (connection.closesAfterOutput || (done && connection.takesNoMore))
        {
            // Closing with input unread resets the connection, which can overtake the answer.
            connection.lingersUntil = now + limits.lingerTimeout
            shutdown(connection.socket.number, Int32(SHUT_WR))
        }
        watch(connection)
    }

    private func watch(_ connection: Connection) {
        var interest: Epoll.Interest = []
        if connection.waitingOutput > 0 { interest.insert(.writable) }
        let reads = connection.hasRoom(limits) || connection.lingersUntil != nil
        if reads && !connection.readClosed { interest.insert(.readable) }
        guard interest != connection.interest else { return }
        do {
            try epoll.change(connection.socket.number, interest, token: connection.id)
            connection.interest = interest
        } catch {
            close(connection)
        }
    }

    func checkTime(_ connection: Connection) {
        if let end = connection.lingersUntil {
            if now >= end { close(connection) }
            return
        }
        let isHeavy = unsent > limits.unsent && connection.unsent > limits.fairUnsent
        if connection.hasStalled(now, limits.writeStallTimeout)
            || (isHeavy && connection.isStuck(now))
        {
            close(connection)
            return
        }
        if let since = connection.pipeline.waitingSince, now >= since + limits.answerTimeout {
            let late = renderError(504, "No answer in time; whether it took effect is unknown.")
            connection.pipeline.answer(connection.pipeline.oldest, late)
            statistics.add(statistics.late)
            proceed(connection)
            return
        }
        // While we do not read, the client is not to blame for what does not arrive.
        guard connection.hasRoom(limits) else { return }
        let quiet = connection.pipeline.isEmpty && connection.waitingOutput == 0
        switch connection.parser.phase {
        case .between:
            if quiet, now >= connection.phaseSince + limits.idleTimeout { close(connection) }
        case .head:
            guard now >= connection.phaseSince + limits.headerTimeout else { return }
            refuse(connection, 408, "The header section did not arrive in time.")
            proceed(connection)
        case .body:
            guard now >= connection.phaseSince + limits.bodyTimeout else { return }
            refuse(connection, 408, "The body did not arrive in time.")
            proceed(connection)
        }
    }

    /// Closing takes the socket out of epoll as well.
    func close(_ connection: Connection) {
        connection.socket.close()
        account(connection, held: 0)
        account(connection, unsent: 0)
        // A connection may be closed twice; it counts once.
        if connections.removeValue(forKey: connection.id) != nil {
            statistics.add(statistics.open, -1)
        }
    }
}
