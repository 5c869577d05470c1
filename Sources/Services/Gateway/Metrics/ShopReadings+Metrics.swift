import EventSourcing
import HTTP
import Messaging
import Projections
import Telemetry

extension ShopReadings {
    func write(to text: inout MetricsText) {
        if let build {
            text.family("kassa_build_info", .gauge, "1; the labels say which build runs.")
            text.sample(
                [
                    "version": build.version, "configuration": build.configuration,
                    "store_format": "\(build.storeFormat)",
                ], true)
        }
        if let server { write(server, to: &text) }
        writeLogs(to: &text)
        writeServices(to: &text)
        writeParts(to: &text)
        writeLags(to: &text)
        writeStreams(to: &text)
        writeProjections(to: &text)
        text.family("kassa_mails_sent_total", .counter, "Mails handed over.")
        text.sample([:], mailsSent)
        text.family(
            "kassa_mails_failed_total", .counter, "Mails not handed over; each is tried again.")
        text.sample([:], mailsFailed)
        if let disk { write(disk, to: &text) }
        writeLoad(to: &text)
        writeQueues(to: &text)
        if !spans.isEmpty { writeSpans(to: &text) }
        if let process { write(process, to: &text) }
    }

    private func write(_ disk: Disk, to text: inout MetricsText) {
        text.family("kassa_disk_free_bytes", .gauge, "Free on the disk of the shop's folder.")
        text.sample([:], disk.free)
        text.family(
            "kassa_disk_reserve_bytes", .gauge, "Kept on that disk for when the rest is full.")
        text.sample([:], disk.reserve)
    }

    private func writeLoad(to text: inout MetricsText) {
        text.family(
            "kassa_backlog_seconds", .gauge,
            "The longest that a reader of a log takes for what waits for it.")
        text.sample([:], load.backlog)
        text.family(
            "kassa_intake_stopped", .gauge,
            "1 where new orders and goods are refused: the disk is nearly full, or too much waits.")
        text.sample([:], load.isIntakeStopped || disk?.isIntakeStopped == true)
    }

    private func writeQueues(to text: inout MetricsText) {
        guard !queues.isEmpty else { return }
        text.family("kassa_gateway_waiting", .gauge, "What waits in a queue of the gateway.")
        for queue in queues { text.sample(["queue": queue.name], queue.waiting) }
    }

    private func write(_ server: HTTPServerStatistics, to text: inout MetricsText) {
        text.family("kassa_http_connections_open", .gauge, "Clients' connections that are open.")
        text.sample([:], server.openConnections)
        text.family(
            "kassa_http_received_bytes", .gauge,
            "Bytes that have come of requests which are not whole yet.")
        text.sample([:], server.receivedBytes)
        text.family(
            "kassa_http_unsent_bytes", .gauge, "Bytes of answers that clients have not taken.")
        text.sample([:], server.unsentBytes)
        text.family("kassa_http_connections_accepted_total", .counter, "Connections taken.")
        text.sample([:], server.acceptedConnections)
        text.family(
            "kassa_http_connections_refused_total", .counter,
            "Connections turned away with 503, as there were too many.")
        text.sample([:], server.refusedConnections)
        text.family(
            "kassa_http_requests_refused_total", .counter,
            "Requests that came to no route: malformed, too large or too slow.")
        text.sample([:], server.refusedRequests)
        text.family(
            "kassa_http_requests_timed_out_total", .counter,
            "Requests answered with 504, as their route did not answer in time.")
        text.sample([:], server.timedOutRequests)
    }

    private func writeLogs(to text: inout MetricsText) {
        text.family(
            "kassa_log_head_position", .gauge, "Position of a log's newest event: how many it has.")
        for service in services {
            if let log = service.log { text.sample(["log": service.name], log.head.value) }
        }
        text.family(
            "kassa_log_published_position", .gauge, "Up to where all of a log is published.")
        for service in services {
            if let position = service.published {
                text.sample(["log": service.name], position.value)
            }
        }
        text.family(
            "kassa_log_halted", .gauge, "1 where a log writes no more until an operator acts.")
        for service in services {
            if let log = service.log { text.sample(["log": service.name], log.isHalted) }
        }
    }

    private func writeServices(to text: inout MetricsText) {
        text.family("kassa_service_up", .gauge, "1 where a service has its log open.")
        for service in services { text.sample(["service": service.name], service.isUp) }
        text.family(
            "kassa_service_inputs_waiting", .gauge,
            "Commands, messages and results of calls that wait for a service's writer.")
        for service in services { text.sample(["service": service.name], service.inputs) }
        text.family(
            "kassa_service_commands_refused_total", .counter,
            "Commands refused, as too many waited for a service's writer already.")
        for service in services { text.sample(["service": service.name], service.refused) }
        text.family(
            "kassa_service_calls_waiting", .gauge,
            "Calls to the outside that have no result on record yet.")
        for service in services {
            if let calls = service.calls { text.sample(["service": service.name], calls) }
        }
        text.family(
            "kassa_service_parked_messages", .gauge,
            "Messages that could not be applied, and those that wait behind them.")
        for service in services {
            if let parked = service.parked { text.sample(["service": service.name], parked) }
        }
        writeOperators(to: &text)
        if let openCheckouts {
            text.family("kassa_checkouts_open", .gauge, "Orders whose checkout has not ended.")
            text.sample([:], openCheckouts)
        }
        if let waitingCheckouts {
            text.family(
                "kassa_checkouts_waiting", .gauge, "Placed orders whose checkout has not begun.")
            text.sample([:], waitingCheckouts)
        }
    }

    private func writeParts(to text: inout MetricsText) {
        text.family("kassa_part_up", .gauge, "1 where a part of the shop says that it is up.")
        for part in parts {
            text.sample(["part": part.part, "instance": part.instance], part.isUp)
        }
        text.family(
            "kassa_part_resident_memory_bytes", .gauge, "Resident memory of a part's process.")
        for part in parts {
            if let bytes = part.residentBytes {
                text.sample(["part": part.part, "instance": part.instance], bytes)
            }
        }
        let called = parts.compactMap { part in part.calls.map { (part, $0) } }
        guard !called.isEmpty else { return }
        text.family(
            "kassa_circuit_breaker_open", .gauge,
            "1 where calls to a part are held back, as it did not answer; 0.5 while one call tries."
        )
        for (part, calls) in called {
            let value: Double = ["open": 1.0, "half-open": 0.5][calls.breaker] ?? 0
            text.sample(["part": part.part, "instance": part.instance], value)
        }
        text.family("kassa_calls_total", .counter, "Calls from the gateway to a part.")
        for (part, calls) in called { text.sample(["part": part.part], calls.made) }
        text.family("kassa_calls_failed_total", .counter, "Calls that got no answer.")
        for (part, calls) in called { text.sample(["part": part.part], calls.failed) }
        text.family("kassa_calls_repeated_total", .counter, "Calls that were made once more.")
        for (part, calls) in called { text.sample(["part": part.part], calls.repeated) }
    }

    private func writeSpans(to text: inout MetricsText) {
        text.family(
            "kassa_trace_spans_exported_total", .counter, "Spans that the collector has taken.")
        for (part, counts) in spans { text.sample(["part": part], counts.exported) }
        text.family(
            "kassa_trace_spans_dropped_total", .counter,
            "Spans that no collector has: there was no room, it refused them, or gave no answer.")
        for (part, counts) in spans {
            for (reason, count) in counts.reasons {
                text.sample(["part": part, "reason": reason], count)
            }
        }
    }

    private func writeLags(to text: inout MetricsText) {
        text.family(
            "kassa_consumer_lag_events", .gauge,
            "Events of a source's log that a reader has not come past.")
        for lag in lags {
            text.sample(
                ["consumer": lag.consumer, "source": lag.source.description], lag.events)
        }
        text.family(
            "kassa_consumer_lag_seconds", .gauge,
            "Age of the moment up to which a reader has read all that its source recorded; a quiet "
                + "source says so once a second.")
        for lag in lags {
            text.sample(
                ["consumer": lag.consumer, "source": lag.source.description], lag.time.inSeconds)
        }
    }

    private func writeStreams(to text: inout MetricsText) {
        text.family(
            "kassa_broker_stream_messages", .gauge, "Messages that the broker holds of a stream.")
        for stream in streams { text.sample(["stream": stream.stream], stream.messages) }
        text.family(
            "kassa_broker_stream_bytes", .gauge, "Bytes of the broker's files for a stream.")
        for stream in streams { text.sample(["stream": stream.stream], stream.bytes) }
    }

    private func writeProjections(to text: inout MetricsText) {
        if let projectionLag {
            text.family(
                "kassa_projection_lag_seconds", .gauge,
                "How far the rows that reads are answered from are behind the slowest log.")
            text.sample([:], projectionLag.inSeconds)
        }
        text.family(
            "kassa_order_duration_seconds", .histogram,
            "From an order's placing to its end, by how it ended, of those that ended since the "
                + "gateway began.")
        for end in orderDurations.ends {
            text.histogram(
                "status", end.status, counts: end.counts, bounds: OrderDurations.bounds,
                sum: end.seconds)
        }
        text.family("kassa_projection_stale", .gauge, "1 where the rows are not to be trusted.")
        text.sample([:], isProjectionStale)
    }

    /// The names that Prometheus' own clients use.
    private func write(_ process: Process, to text: inout MetricsText) {
        text.family("process_resident_memory_bytes", .gauge, "Resident memory.")
        text.sample([:], process.residentBytes)
        text.family("process_virtual_memory_bytes", .gauge, "Virtual memory.")
        text.sample([:], process.virtualBytes)
        text.family("process_cpu_seconds_total", .counter, "Processor time, user and system.")
        text.sample([:], process.cpuSeconds)
        text.family("process_open_fds", .gauge, "Open file descriptors.")
        text.sample([:], process.openFiles)
        text.family("process_max_fds", .gauge, "The most file descriptors that may be open.")
        text.sample([:], process.maximumFiles)
        text.family(
            "process_start_time_seconds", .gauge, "When the process started, since 1970 in UTC.")
        text.sample([:], process.startTime)
    }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(microseconds) / 1e6 }
}
