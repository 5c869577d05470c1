import CPlatform
import Glibc
import Net

extension Reactor {
    /// Accepted in one turn, so that a flood of connections does not starve those that are open.
    private static let acceptBatch = 64
    private static let acceptPause = Duration.milliseconds(100)

    func accept() {
        for _ in 0..<Reactor.acceptBatch {
            guard let listener else { return }
            var peer = [CChar](repeating: 0, count: Int(KASSA_PEER_CAPACITY))
            let fd = kassa_accept(listener.number, &peer, peer.count)
            switch fd {
            case 0...: admit(Descriptor(owning: fd), text(peer))
            case -EAGAIN: return
            case -ECONNABORTED, -EINTR, -EPROTO: continue
            default:
                pauseAccepting()
                return
            }
        }
    }

    func watchListener() {
        acceptsAgainAt = nil
        guard let listener else { return }
        do {
            try epoll.add(listener.number, .readable, token: Reactor.listenerToken)
        } catch {
            acceptsAgainAt = now + Reactor.acceptPause
        }
    }

    /// EMFILE, ENFILE, ENOBUFS, ENOMEM: the queue stays full and the listener ready.
    private func pauseAccepting() {
        guard let listener else { return }
        epoll.remove(listener.number)
        acceptsAgainAt = now + Reactor.acceptPause
    }

    private func admit(_ socket: Descriptor, _ peer: String) {
        guard connections.count < limits.connections else {
            refuse(socket)
            return
        }
        Socket.disableDelay(socket.number)
        let id = nextID
        nextID += 1
        do {
            try epoll.add(socket.number, .readable, token: id)
        } catch {
            // Out of kernel memory for one more: the client sees a close and may try again.
            return
        }
        connections[id] = Connection(
            id: id, peer: peer, socket: socket, limits: limits.message, now: now)
        statistics.add(statistics.accepted)
        statistics.add(statistics.open)
    }

    /// One attempt to say why, and no more: this client gets no memory of ours.
    private func refuse(_ socket: Descriptor) {
        statistics.add(statistics.refused)
        let refusal = renderError(503, "The server has as many connections as it can hold.")
        let context = ResponseWriter.Context(
            isHead: false, version: .http11, closes: true, date: date.now())
        var bytes: [UInt8] = []
        ResponseWriter.write(refusal, context, to: &bytes)
        _ = bytes.withUnsafeBytes { Socket.send(socket.number, $0) }
        shutdown(socket.number, Int32(SHUT_WR))
        // Unread input would make the close a reset, which can overtake the answer.
        _ = Socket.receive(socket.number, scratch)
    }

    private func text(_ bytes: [CChar]) -> String {
        String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
