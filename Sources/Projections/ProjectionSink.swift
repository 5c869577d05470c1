package import EventSourcing
package import EventStore
package import Messaging

/// A projection's engine as couriers see it: on the engine's own thread, with a clock that is
/// passed in.
package struct ProjectionSink: BulletinSink {
    private let engine: ProjectionEngine
    private let runtime: any Runtime

    package init(_ engine: ProjectionEngine, runtime: any Runtime) {
        self.engine = engine
        self.runtime = runtime
    }

    package func checkpoint(of source: Source) -> EngineOutput<NoAnswer> {
        if engine.isBroken { return .unavailable("the projection recovers") }
        return .at(engine.checkpoint(of: source))
    }

    package func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
        engine.take(received, of: source, at: runtime.now())
    }

    package func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        engine.take(page, of: source, at: runtime.now())
    }

    package func rewind(
        _ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest
    ) -> EngineOutput<NoAnswer> {
        engine.rewind(source, epoch, position, leaf, at: runtime.now())
    }
}
