package import EventSourcing
package import HTTP
package import Messaging
package import Projections
import Synchronization
package import Telemetry

/// The shop's front door: takes commands over HTTP, and answers reads from the read store.
///
/// It starts no threads and opens no sockets; what reads files it has its host do aside. Reads that
/// wait are let go by the projection, and by whoever calls `Freshness.expire` several times a
/// second.
package final class Gateway: Sendable {
    let runtime: any Runtime
    let readStore: ReadStore
    let freshness: Freshness
    let orders: any OrdersClient
    let stock: any StockClient
    let projections: any ProjectionsClient
    let desk: any OperatorClient
    let readiness: @Sendable () -> Readiness
    /// How long a read waits for what its token names.
    let readLimit: Duration
    let cursors: CursorSeal
    let feeds: [LogName: any Feed]
    let readings: @Sendable () -> ShopReadings
    let aside: Aside
    let asideForMetrics: Aside
    let intakeRefusal: @Sendable () -> IntakeRefusal?
    private let tracer: Tracer
    private let log: RequestLog?
    let meter = RequestMeter()
    /// Bytes of orders that are being placed, as they came.
    let placing = Atomic<Int>(0)
    /// What the rows' sums have shown last; nil before they were asked for.
    let verification = Mutex<Verification?>(nil)

    /// Does work later, on another thread; false where too much waits already.
    package typealias Aside = @Sendable (@escaping @Sendable () -> Void) -> Bool

    /// - Parameters:
    ///   - cursorKey: 32 bytes that cursors are sealed under; with another key, those given before
    ///     are refused.
    ///   - feeds: of each service whose events are shown.
    ///   - readings: what there is to measure; called by `asideForMetrics`.
    ///   - aside: takes what reads many rows or a log.
    ///   - asideForMetrics: takes `/metrics`, which must wait for none of that.
    ///   - intakeRefusal: why no new order and no goods are taken; nil where they are. Asked with
    ///     each of them, so it must not block.
    ///   - tracer: told of each request.
    ///   - log: told of those that fail.
    package init(
        runtime: any Runtime, readStore: ReadStore, freshness: Freshness,
        orders: any OrdersClient, stock: any StockClient, desk: any OperatorClient,
        projections: any ProjectionsClient,
        cursorKey: [UInt8], readLimit: Duration = .seconds(2), feeds: [LogName: any Feed],
        readings: @escaping @Sendable () -> ShopReadings, aside: @escaping Aside,
        asideForMetrics: @escaping Aside,
        intakeRefusal: @escaping @Sendable () -> IntakeRefusal? = { nil }, tracer: Tracer = .off,
        log: RequestLog? = nil,
        readiness: @escaping @Sendable () -> Readiness
    ) {
        self.runtime = runtime
        self.readStore = readStore
        self.freshness = freshness
        self.orders = orders
        self.stock = stock
        cursors = CursorSeal(key: cursorKey)
        self.projections = projections
        self.desk = desk
        self.readLimit = readLimit
        self.feeds = feeds
        self.readings = readings
        self.aside = aside
        self.asideForMetrics = asideForMetrics
        self.intakeRefusal = intakeRefusal
        self.tracer = tracer
        self.log = log
        self.readiness = readiness
    }

    /// All routes; give its `handle` and `renderError` to the server.
    package var router: Router {
        var router = Router(renderError: renderError, observe: meter.watch)
        addOrders(to: &router)
        addReads(to: &router)
        addWatching(to: &router)
        addProjectionRoutes(to: &router)
        addOperatorRoutes(to: &router)
        addConsole(to: &router)
        return router
    }

    private func addOrders(to router: inout Router) {
        add(.post, "/v1/orders", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.placeOrder(exchange)
        }
        add(.get, "/v1/orders/{id}", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showOrder(exchange)
        }
        add(.get, "/v1/orders/{id}/timeline", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.showTimeline(exchange)
        }
        add(.post, "/v1/orders/{id}/cancellation", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.cancelOrder(exchange)
        }
        add(.post, "/v1/stock/{sku}/receipts", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.receiveStock(exchange)
        }
    }

    private func addReads(to router: inout Router) {
        add(.get, "/v1/orders", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.listOrders(exchange)
        }
        add(.get, "/v1/customers/{id}/orders", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.listOrdersOfCustomer(exchange)
        }
        add(.get, "/v1/payments/{id}", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showPayment(exchange)
        }
        add(.get, "/v1/deliveries/{id}", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showDelivery(exchange)
        }
        add(.get, "/v1/notifications", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showNotifications(exchange)
        }
        add(.get, "/v1/stock/{sku}", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showStock(exchange)
        }
        add(.get, "/v1/reports/revenue", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showRevenue(exchange)
        }
        add(.get, "/v1/reports/orders", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showOrdersByStatus(exchange)
        }
    }

    private func addWatching(to router: inout Router) {
        add(.get, "/v1/events", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showEvents(exchange)
        }
        add(.get, "/v1/status", to: &router) { gateway, exchange throws(RequestError) in
            gateway.showStatus(exchange)
        }
        add(.get, "/v1/accounts", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showAccounts(exchange)
        }
        add(.get, "/metrics", to: &router) { gateway, exchange throws(RequestError) in
            gateway.showMetrics(exchange)
        }
        add(.get, "/livez", to: &router) { gateway, exchange throws(RequestError) in
            gateway.showLiveness(exchange)
        }
        add(.get, "/readyz", to: &router) { gateway, exchange throws(RequestError) in
            gateway.showReadiness(exchange)
        }
    }

    /// Makes the answer for what fails below the routes.
    package var renderError: ErrorRenderer {
        { [runtime] status, detail in
            let trace = TraceContext(fresh: runtime)
            var response = Problem(status, Self.code(status), detail)
                .response(instance: "", traceID: trace.traceID)
            response.headers["traceparent"] = trace.header
            if status == 503 { response.headers["Retry-After"] = "1" }
            return response
        }
    }

    /// `Not Found` is `not-found`.
    private static func code(_ status: HTTPStatus) -> String {
        let name = status.reason.utf8.map { $0 == 0x20 ? 0x2D : $0 | 0x20 }
        return name.isEmpty ? "error" : String(decoding: name, as: UTF8.self)
    }

    func add(
        _ method: HTTPMethod, _ pattern: String, to router: inout Router,
        _ handler: @escaping @Sendable (Gateway, Exchange) throws(RequestError) -> Void
    ) {
        router.on(method, pattern) { request, responder in
            let exchange = Exchange(
                request, responder, self.runtime, self.meter, self.tracer, self.log)
            do throws(RequestError) {
                try handler(self, exchange)
            } catch { exchange.fail(error.problem) }
        }
    }
}
