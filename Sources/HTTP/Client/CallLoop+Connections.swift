import Glibc
import Net

extension CallLoop {
    /// Between attempts to reach a place that no connection leads to.
    private static let pause = Duration.milliseconds(20)
    /// The same where there is one, which serves as well.
    private static let longPause = Duration.seconds(1)

    func handle(_ events: Epoll.Interest, _ connection: CallConnection) {
        guard connection.connectsUntil == nil else {
            finishConnecting(connection)
            return
        }
        // What came before the connection broke is read first.
        if !events.isDisjoint(with: [.readable, .failed]), !receive(connection) { return }
        if connection.isBlocked, events.contains(.writable) { flush(connection) }
        touch(connection.route)
    }

    /// Sends what was put to the connection's output; what of it must wait goes back in front.
    func flush(_ connection: CallConnection) {
        let result = connection.write()
        if case .done = result {
            watch(connection)
            return
        }
        connection.takeBack { connection.route.waiting.prepend($0) }
        guard case .failed(let code) = result else {
            watch(connection)
            return
        }
        // The peer may have answered before it stopped reading.
        while receive(connection) {}
        end(connection, SystemError(call: "send", code: code).description)
    }

    private func watch(_ connection: CallConnection) {
        let interest: Epoll.Interest =
            connection.isBlocked ? [.readable, .writable] : .readable
        guard interest != connection.interest else { return }
        do {
            try epoll.change(connection.socket.number, interest, token: connection.id)
            connection.interest = interest
        } catch {
            end(connection, error.description)
        }
    }

    /// One read a turn: what is left keeps the socket ready.
    ///
    /// - Returns: False where there is nothing to read, or the connection has ended.
    private func receive(_ connection: CallConnection) -> Bool {
        let count = Socket.receive(connection.socket.number, scratch)
        if Socket.isRetryable(count) { return false }
        guard count >= 0 else {
            let code = Int32(truncatingIfNeeded: -count)
            end(connection, SystemError(call: "recv", code: code).description)
            return false
        }
        do {
            if count == 0 {
                try takeLastAnswer(connection)
                end(connection, "it closed the connection before its answer was whole")
                return false
            }
            connection.parser.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            return try takeAnswers(connection)
        } catch {
            end(connection, "what it answered cannot be read: \(error.detail)")
            return false
        }
    }

    /// The answer whose end is the close of the connection.
    private func takeLastAnswer(_ connection: CallConnection) throws(MessageError) {
        guard let oldest = connection.sent.first else { return }
        connection.parser.answersHead = oldest.isHead
        let response: HTTPResponse
        do {
            response = try connection.parser.close()
        } catch {
            if error == .truncated { return }
            throw error
        }
        answer(connection, response)
    }

    /// - Returns: Whether the connection is still open.
    private func takeAnswers(_ connection: CallConnection) throws(MessageError) -> Bool {
        while let oldest = connection.sent.first {
            connection.parser.answersHead = oldest.isHead
            guard let response = try connection.parser.next() else { return true }
            let isLast = connection.parser.endsConnection || !oldest.keepsAlive
            connection.parser.startNext()
            answer(connection, response)
            // What was answered before it was all sent has no place on the connection either.
            if isLast || (connection.sent.isEmpty && connection.hasOutput) {
                end(connection, "it closed the connection after an earlier answer")
                return false
            }
        }
        if connection.parser.hasUnread {
            end(connection, "it sent what nobody asked for")
            return false
        }
        connection.idleSince = now
        look(at: now + options.idleTimeout)
        return true
    }

    private func answer(_ connection: CallConnection, _ response: HTTPResponse) {
        connection.hasAnswered = true
        connection.sent.popFirst()?.call?.settle(.success(response))
    }

    /// Closes the connection. What was sent on it and not answered fails.
    func end(_ connection: CallConnection, _ reason: String) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        connection.socket.close()
        let route = connection.route
        route.connections.removeAll { $0 === connection }
        if !connection.hasAnswered {
            // One after the other may be taken in and dropped: that is no reason to hurry.
            pauseOpening(route)
        } else if route.connections.isEmpty {
            route.opensAgainAt = nil
        }
        touch(route)
        while let sent = connection.sent.popFirst() {
            sent.call?.settle(.failure(.unanswered("\(route.account.name): \(reason)")))
        }
    }

    private func pauseOpening(_ route: CallRoute) {
        let again =
            now + (route.connections.isEmpty ? CallLoop.pause : CallLoop.longPause)
        route.opensAgainAt = again
        look(at: again)
    }

    /// Begins to connect to the place's addresses in turn, at the one that was reached last.
    func open(_ route: CallRoute) {
        if route.addresses.isEmpty {
            let place = route.account.place
            route.addresses = Socket.resolve(place.host, port: place.port, numeric: false)
            (route.preferred, route.failed, route.reason) = (0, 0, "the host has no address")
        }
        while route.failed < route.addresses.count {
            let number = (route.preferred + route.failed) % route.addresses.count
            do {
                try connect(route, route.addresses[number])
                return
            } catch {
                route.reason = error.description
                route.failed += 1
            }
        }
        // They are looked up anew next time.
        route.addresses = []
        // Those that wait can go over another connection, if there is one.
        guard route.connections.isEmpty else {
            pauseOpening(route)
            return
        }
        while let call = route.waiting.popFirst() {
            call.settle(.failure(.notSent("\(route.account.name): \(route.reason)")))
        }
    }

    private func connect(_ route: CallRoute, _ address: Socket.Address) throws(SystemError) {
        let socket = try Socket.startConnecting(address)
        Socket.disableDelay(socket.number)
        let until = Moment.now() + options.connectTimeout
        let connection = CallConnection(
            id: nextID, route: route, socket: socket, limits: options.message, now: now,
            connectsUntil: until)
        try epoll.add(socket.number, connection.interest, token: connection.id)
        nextID += 1
        connections[connection.id] = connection
        route.connections.append(connection)
        look(at: until)
    }

    private func finishConnecting(_ connection: CallConnection) {
        let route = connection.route
        do {
            try Socket.checkConnected(connection.socket)
        } catch {
            stopConnecting(connection, error.description)
            return
        }
        route.preferred = (route.preferred + route.failed) % max(1, route.addresses.count)
        route.failed = 0
        connection.connectsUntil = nil
        connection.idleSince = now
        look(at: now + options.idleTimeout)
        watch(connection)
        touch(route)
    }

    func giveUpConnecting(_ connection: CallConnection) {
        stopConnecting(connection, "not connected within \(options.connectTimeout)")
    }

    /// Goes on with the next address.
    private func stopConnecting(_ connection: CallConnection, _ reason: String) {
        let route = connection.route
        connections[connection.id] = nil
        connection.socket.close()
        route.connections.removeAll { $0 === connection }
        (route.reason, route.failed) = (reason, route.failed + 1)
        open(route)
    }
}
