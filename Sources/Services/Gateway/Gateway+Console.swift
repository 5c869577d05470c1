import CConsole
import HTTP
import Projections

extension Gateway {
    /// The operator's console: a page, and what it loads. All of it is part of the program.
    func addConsole(to router: inout Router) {
        let files = ConsoleFile.all
        guard let page = files.first else { return }
        add(.get, "/console", to: &router) { _, exchange throws(RequestError) in
            page.show(to: exchange)
        }
        add(.get, "/console/{file}", to: &router) { _, exchange throws(RequestError) in
            let name = exchange.request.parameters["file"] ?? ""
            // By bytes: names that are equal as Unicode has it are not the same name.
            guard let file = files.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw RequestError(
                    Problem(404, "not-found", "The console has no such file."))
            }
            file.show(to: exchange)
        }
    }
}

/// A file of the console, and what it is sent with.
private struct ConsoleFile: Sendable {
    /// The page loads from here alone, runs no script but its own files, and is shown in no frame.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        + "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    let name: String
    private let bytes: [UInt8]
    private let type: String
    private let entityTag: String

    /// The page itself is the first.
    static var all: [ConsoleFile] {
        (0..<kassa_console_count()).compactMap { ConsoleFile(kassa_console_at($0)) }
    }

    private init?(_ file: kassa_console_file) {
        guard let name = file.name, let type = file.type else { return nil }
        self.name = String(cString: name)
        self.type = String(cString: type)
        bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.length))
        let digits = Array("0123456789abcdef".utf8)
        let digest = Fingerprint.of([bytes]).prefix(16).flatMap { byte in
            [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        entityTag = "\"\(String(decoding: digest, as: UTF8.self))\""
    }

    /// A browser asks each time whether it has the newest: a new build is seen at once.
    func show(to exchange: Exchange) {
        let headers: HTTPHeaders = [
            "Cache-Control": "no-cache",
            "Content-Security-Policy": Self.policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        ]
        exchange.respond(entityTag, headers, type: type) { bytes }
    }
}
