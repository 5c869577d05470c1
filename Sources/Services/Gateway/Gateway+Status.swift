import EventSourcing
import HTTP
import Messaging

extension Gateway {
    /// How the shop and each of its parts do, for a person or a program that looks after it.
    func showStatus(_ exchange: Exchange) {
        later(exchange, on: asideForMetrics) { gateway in
            let now = gateway.runtime.now()
            var json = JSONWriter(reserving: 4000)
            json.object { json in
                json.member("status", gateway.isReady ? "ready" : "not-ready")
                json.member("at", now.description)
                gateway.readings().show(in: &json, at: now)
            }
            exchange.respond(200, headers: ["Cache-Control": "no-store"], json: json)
        }
    }
}

extension ShopReadings {
    /// Appends its members to the object that is being written.
    fileprivate func show(in json: inout JSONWriter, at now: Timestamp) {
        json.member("parts") { json in
            json.array { json in
                for part in parts {
                    let service = services.first { $0.name == part.part }
                    json.object { json in part.show(in: &json, service, at: now) }
                }
            }
        }
        json.member("consumers") { json in
            json.array { json in
                for lag in lags {
                    json.object { json in
                        json.member("consumer", lag.consumer)
                        json.member("source", lag.source.description)
                        json.member("position", lag.position)
                        json.member("behindEvents", lag.events)
                        json.member("behindMilliseconds", lag.time.microseconds / 1000)
                    }
                }
            }
        }
        json.member("sagas") { json in
            json.object { json in
                if let openCheckouts { json.member("open", openCheckouts) }
                if let waitingCheckouts { json.member("waiting", waitingCheckouts) }
            }
        }
        json.member("streams") { json in
            json.array { json in
                for stream in streams {
                    json.object { json in
                        json.member("stream", stream.stream)
                        json.member("messages", stream.messages)
                        json.member("bytes", stream.bytes)
                    }
                }
            }
        }
        json.member(
            "intakeStopped", load.isIntakeStopped || disk?.isIntakeStopped == true)
    }
}

extension ShopReadings.Part {
    fileprivate func show(
        in json: inout JSONWriter, _ service: ShopReadings.Service?, at now: Timestamp
    ) {
        json.member("part", part)
        json.member("state", state)
        if !instance.isEmpty {
            json.member("instance", instance)
            json.member("version", version)
            json.member("process", process)
            json.member("startedAt", startedAt.description)
            json.member("upMilliseconds", max(0, (now - startedAt).microseconds / 1000))
        }
        if let address { json.member("address", address) }
        if let residentBytes { json.member("residentBytes", residentBytes) }
        if let log = service?.log {
            json.member("logHead", log.head.value)
            json.member("logHalted", log.isHalted)
        }
        if let service {
            json.member("inputsWaiting", service.inputs)
            if let calls = service.calls { json.member("callsWaiting", calls) }
            if let parked = service.parked { json.member("parkedMessages", parked) }
        }
        guard let calls else { return }
        json.member("calls") { json in
            json.object { json in
                json.member("breaker", calls.breaker)
                json.member("made", calls.made)
                json.member("failed", calls.failed)
                json.member("repeated", calls.repeated)
            }
        }
    }
}
