import Arguments
import EventSourcing
import Host

/// `shopctl replay order`: an order's events, each with how its stream stood after it.
enum OrderReplayText {
    static func show(_ invocation: Invocation) throws {
        let moment = try invocation.time("at")
        let replay = try OrderReplay(
            order: try invocation.argument("id"), data: try invocation.text("data"), at: moment)
        var output = LineOutput.standard
        if invocation.flag("json") {
            try output.line(json(replay, at: moment))
        } else {
            for line in lines(replay, at: moment) { try output.line(line) }
        }
        try output.flush()
    }

    private static func lines(_ replay: OrderReplay, at moment: Timestamp?) -> [String] {
        var lines: [String] = []
        for step in replay.steps {
            let head = "\(step.recordedAt)  \(step.identity)"
            lines.append("\(Terminal.dim(head))  \(Terminal.bold(step.type))")
            lines.append("    \(step.stream.category): \(text(step.state))")
        }
        let when = moment.map { "at \($0)" } ?? "now"
        guard !replay.steps.isEmpty else {
            return ["order \(replay.id) \(when): not there yet; it begins at \(replay.begunAt)"]
        }
        lines.append("order \(Terminal.bold(replay.id)) \(when):")
        var table = Table([.text("STREAM"), .text("STATE")])
        for (category, state) in replay.states { table.add([category, text(state)]) }
        lines += table.lines.map { "  \($0)" }
        if replay.laterCount > 0 {
            lines.append(Terminal.dim("  \(replay.laterCount) events were recorded later"))
        }
        return lines
    }

    private static func text(_ state: OrderReplay.State) -> String {
        var text = state.phase
        for (name, value) in state.details {
            text += ", \(name) \(value)"
        }
        return text
    }

    private static func json(_ replay: OrderReplay, at moment: Timestamp?) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("order", replay.id)
            if let moment { json.member("at", moment.description) }
            json.member("begunAt", replay.begunAt.description)
            json.member("later", Int64(replay.laterCount))
            json.member("steps") { json in
                json.array { json in
                    for step in replay.steps { json.object { show(step, in: &$0) } }
                }
            }
            json.member("states") { json in
                json.array { json in
                    for (category, state) in replay.states {
                        json.object { json in
                            json.member("stream", category)
                            show(state, in: &json)
                        }
                    }
                }
            }
        }
        return json.text
    }

    private static func show(_ step: OrderReplay.Step, in json: inout JSONWriter) {
        json.member("id", step.identity.description)
        json.member("stream", step.stream.description)
        json.member("version", step.version.value)
        json.member("type", step.type)
        json.member("recordedAt", step.recordedAt.description)
        if let cause = step.cause { json.member("causationId", cause.description) }
        json.member("state") { json in json.object { show(step.state, in: &$0) } }
    }

    private static func show(_ state: OrderReplay.State, in json: inout JSONWriter) {
        json.member("phase", state.phase)
        for (name, value) in state.details {
            switch value {
            case .text(let text): json.member(name, text)
            case .count(let count): json.member(name, count)
            case .money(let money):
                json.member(name) { json in
                    json.object { json in
                        json.member("minor", money.minor)
                        json.member("currency", money.currency)
                        json.member("text", money.text)
                    }
                }
            }
        }
    }
}
