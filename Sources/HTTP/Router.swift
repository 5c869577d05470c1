/// What the placeholders of a pattern matched.
package struct PathParameters: Hashable, Sendable {
    /// The pattern's, in order; as many as values.
    var names: [String] = []
    var values: [String] = []

    /// The decoded segment under a placeholder's name, never empty; `nil` for an unknown name.
    package subscript(name: String) -> String? {
        for (at, value) in values.enumerated() where ASCII.same(names[at], name) { return value }
        return nil
    }
}

/// Sends requests to handlers by method and path.
///
///     var router = Router(renderError: problem)
///     router.on(.get, "/v1/orders/{id}") { request, responder in ... }
///     let server = try HTTPServer.start(handler: router.handle)
///
/// A literal segment wins over a placeholder. A placeholder matches one segment that is not
/// empty. HEAD goes to GET's handler where there is none of its own. An unknown path answers 404,
/// a known one with another method 405 with `Allow` (RFC 9110, 15.5.6).
package struct Router: Sendable {
    private struct Route {
        let method: HTTPMethod
        let pattern: String
        let names: [String]
        let handler: HTTPHandler
        let observer: (any RequestObserver)?
    }

    private struct Node {
        var literals: [(segment: String, node: Node)] = []
        var placeholder: [Node] = []
        var routes: [Route] = []
    }

    private var root = Node()
    private let renderError: ErrorRenderer
    private let observe: (@Sendable (String) -> any RequestObserver)?
    private let unknown: (any RequestObserver)?

    /// A router without routes.
    ///
    /// - Parameter observe: gives what watches the requests of a pattern; asked as routes are
    ///   added, and once with the empty text, for requests whose path matches none.
    package init(
        renderError: @escaping ErrorRenderer = { .text($0, $1) },
        observe: (@Sendable (String) -> any RequestObserver)? = nil
    ) {
        self.renderError = renderError
        self.observe = observe
        unknown = observe?("")
    }

    /// Adds a route. `pattern` starts with `/`; its segments are literals, already decoded, or
    /// placeholders such as `{id}`. A pattern without `/` or a route given twice is a mistake in
    /// the program and ends it; neither can come from a request.
    package mutating func on(
        _ method: HTTPMethod, _ pattern: String, _ handler: @escaping HTTPHandler
    ) {
        precondition(pattern.utf8.first == UInt8(ascii: "/"), "a pattern starts with '/'")
        let segments = pattern.utf8.count == 1 ? [] : Router.segments(pattern)
        let names = segments.compactMap(Router.placeholderName)
        let route = Route(
            method: method, pattern: pattern, names: names, handler: handler,
            observer: observe?(pattern))
        Router.insert(route, segments[...], &root)
    }

    /// Sends a request on; made to be given to the server.
    package func handle(_ request: HTTPRequest, _ responder: Responder) {
        var values: [String] = []
        guard let node = Router.find(request.path[...], root, &values),
            !ASCII.same(request.target, "*")
        else {
            let responder = Router.watch(responder, request, unknown)
            responder.respond(renderError(404, "There is nothing at this path."))
            return
        }
        let route =
            node.routes.first { $0.method == request.method }
            ?? (request.method == .head ? node.routes.first { $0.method == .get } : nil)
        let responder = Router.watch(
            responder, request, (route ?? node.routes.first)?.observer)
        guard let route else {
            var refusal = renderError(405, "\(request.method) is not possible at this path.")
            refusal.headers["Allow"] = Router.allowed(node.routes)
            responder.respond(refusal)
            return
        }
        var request = request
        request.route = route.pattern
        request.parameters = PathParameters(names: route.names, values: values)
        route.handler(request, responder)
    }

    private static func watch(
        _ responder: Responder, _ request: HTTPRequest, _ observer: (any RequestObserver)?
    ) -> Responder {
        observer.map { responder.observed(by: $0, request.method) } ?? responder
    }

    private static func segments(_ pattern: String) -> [String] {
        Array(pattern.utf8).dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false
        ).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func placeholderName(_ segment: String) -> String? {
        let bytes = Array(segment.utf8)
        guard bytes.count > 2, bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}")
        else { return nil }
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }

    private static func allowed(_ routes: [Route]) -> String {
        var methods = routes.map(\.method)
        if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
        return methods.map(\.name).sorted().joined(separator: ", ")
    }

    private static func insert(_ route: Route, _ rest: ArraySlice<String>, _ node: inout Node) {
        guard let segment = rest.first else {
            let repeated = node.routes.contains { $0.method == route.method }
            precondition(!repeated, "\(route.method) \(route.pattern) is given twice")
            node.routes.append(route)
            return
        }
        if placeholderName(segment) != nil {
            if node.placeholder.isEmpty { node.placeholder.append(Node()) }
            insert(route, rest.dropFirst(), &node.placeholder[0])
        } else if let at = node.literals.firstIndex(where: { ASCII.same($0.segment, segment) }) {
            insert(route, rest.dropFirst(), &node.literals[at].node)
        } else {
            var child = Node()
            insert(route, rest.dropFirst(), &child)
            node.literals.append((segment, child))
        }
    }

    /// Backtracks where a literal leads nowhere; its depth is bounded by that of the patterns.
    private static func find(
        _ rest: ArraySlice<String>, _ node: Node, _ values: inout [String]
    ) -> Node? {
        guard let segment = rest.first else { return node.routes.isEmpty ? nil : node }
        // By number: a copy of each node that is passed over would cost more than the search.
        for at in node.literals.indices where ASCII.same(node.literals[at].segment, segment) {
            if let found = find(rest.dropFirst(), node.literals[at].node, &values) { return found }
        }
        guard !segment.isEmpty, let child = node.placeholder.first else { return nil }
        values.append(segment)
        if let found = find(rest.dropFirst(), child, &values) { return found }
        values.removeLast()
        return nil
    }
}
