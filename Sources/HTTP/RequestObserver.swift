import Net

/// Watches the requests of one route; both methods are called on the request's way and must be
/// cheap.
package protocol RequestObserver: Sendable {
    /// A request goes to its handler.
    func began(_ method: HTTPMethod)

    /// It is answered, from whatever thread; 500 where the handler dropped it. What the server
    /// answered in the handler's place, 504 after `answerTimeout`, is not seen here.
    func ended(_ method: HTTPMethod, _ status: HTTPStatus, after duration: Duration)
}

extension Responder {
    /// A responder that tells the observer of its answer before it passes it on.
    func observed(by observer: any RequestObserver, _ method: HTTPMethod) -> Responder {
        observer.began(method)
        let start = Moment.now()
        return Responder { response in
            let elapsed = Moment.now().nanoseconds - start.nanoseconds
            observer.ended(method, response?.status ?? 500, after: .nanoseconds(elapsed))
            // One that is dropped goes with this closure, and is then answered by its own end.
            if let response { self.respond(response) }
        }
    }
}
