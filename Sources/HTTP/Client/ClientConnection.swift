import Glibc
import Net

/// One connection of the client: blocking calls on a non-blocking socket, each with a deadline.
final class ClientConnection: Sendable {
    let socket: Descriptor
    private let place: String

    /// Tries the host's addresses in turn.
    init(host: String, port: UInt16, options: HTTPClient.Options) throws(HTTPClientError) {
        place = HTTPPlace(host: host, port: port).description
        let addresses = Socket.resolve(host, port: port, numeric: false)
        var failure = HTTPClientError.unknownHost(host)
        for address in addresses {
            do {
                socket = try ClientConnection.connect(address, place, options)
                Socket.disableDelay(socket.number)
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Ends it in both directions: the next read tells.
    func shutDown() { shutdown(socket.number, Int32(SHUT_RDWR)) }

    /// Quiet, as it should be between exchanges: neither closed nor with bytes nobody asked for.
    var isReusable: Bool {
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        return recv(socket.number, &byte, 1, flags) < 0 && errno == EAGAIN
    }

    func exchange(
        _ request: HTTPRequest, _ options: HTTPClient.Options
    ) throws(HTTPClientError) -> (response: HTTPResponse, keepsAlive: Bool) {
        let deadline = Moment.now() + options.answerTimeout
        var parser = ResponseParser(
            answersHead: request.method == .head, limits: options.message)
        // An answer may come before the request is all sent, such as a 413 and a close.
        var bytes: [UInt8] = []
        RequestWriter.write(request, host: place, to: &bytes)
        let sent = try send(bytes, deadline, options)
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        do {
            while true {
                if let response = try parser.next() {
                    return (response, sent && parser.keepsAlive && request.keepsAlive)
                }
                let count = try receive(&chunk, deadline, options)
                if count == 0 { return (try parser.close(), false) }
                parser.append(chunk[..<count])
            }
        } catch let error as MessageError {
            throw error == .truncated ? .closed(place) : .unreadable(place, error)
        } catch let error as HTTPClientError {
            throw error
        } catch {
            throw .unreachable(place, reason: "\(error)")
        }
    }

    private static func connect(
        _ address: Socket.Address, _ place: String, _ options: HTTPClient.Options
    ) throws(HTTPClientError) -> Descriptor {
        do throws(SystemError) {
            return try Socket.connect(address, until: .now() + options.connectTimeout)
        } catch {
            switch error.code {
            case ETIMEDOUT: throw .timedOut(place, waiting: options.connectTimeout)
            case ECONNREFUSED: throw .nothingListens(at: place, hint: options.hint)
            default: throw .unreachable(place, reason: "\(error)")
            }
        }
    }

    /// - Returns: False where the peer stopped reading; its answer may be there to read.
    private func send(
        _ bytes: [UInt8], _ deadline: Moment, _ options: HTTPClient.Options
    ) throws(HTTPClientError) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Socket.send(socket.number, UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            if count > 0 {
                sent += count
            } else if Socket.isRetryable(count) {
                guard Socket.wait(socket, Int16(POLLOUT), until: deadline) else {
                    throw .timedOut(place, waiting: options.answerTimeout)
                }
            } else {
                return false
            }
        }
        return true
    }

    private func receive(
        _ chunk: inout [UInt8], _ deadline: Moment, _ options: HTTPClient.Options
    ) throws(HTTPClientError) -> Int {
        while true {
            guard Socket.wait(socket, Int16(POLLIN), until: deadline) else {
                throw .timedOut(place, waiting: options.answerTimeout)
            }
            let count = chunk.withUnsafeMutableBytes { Socket.receive(socket.number, $0) }
            if Socket.isRetryable(count) { continue }
            guard count >= 0 else { throw .closed(place) }
            return count
        }
    }
}
