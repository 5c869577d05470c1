import EventSourcing

extension JSONWriter {
    mutating func member(_ name: StaticString, _ reference: StepReference) {
        member(name) { reference.encode(to: &$0) }
    }

    mutating func member(_ name: StaticString, _ money: Money) {
        member(name) { money.encode(to: &$0) }
    }

    mutating func member(_ name: StaticString, _ lines: [StockLine]) {
        member(name) { json in
            json.array { json in for line in lines { line.encode(to: &json) } }
        }
    }

    /// Writes the member `withinMicroseconds`, where there is a time.
    mutating func member(within time: Duration?) {
        if let time { member("withinMicroseconds", time.microseconds) }
    }

    /// Writes the members `outcome` and, for a refusal, `reason`.
    mutating func members(_ outcome: StepOutcome) {
        switch outcome {
        case .done: member("outcome", "done")
        case .refused(let reason):
            member("outcome", "refused")
            member("reason", reason)
        }
    }
}

extension JSONObject {
    func identifier<ID: TextIdentifier>(_ name: String, _ type: ID.Type) throws(JSONError) -> ID {
        guard let id = ID(try string(name)) else { throw error(name, ID.rule) }
        return id
    }

    func optionalIdentifier<ID: TextIdentifier>(
        _ name: String, _ type: ID.Type
    ) throws(JSONError) -> ID? {
        guard let text = try optionalString(name) else { return nil }
        guard let id = ID(text) else { throw error(name, ID.rule) }
        return id
    }

    /// Zero or more.
    func count(_ name: String) throws(JSONError) -> Int {
        guard let count = Int(exactly: try integer(name)), count >= 0 else {
            throw error(name, "must not be negative")
        }
        return count
    }

    func currency(_ name: String) throws(JSONError) -> Currency {
        guard let currency = Currency(try string(name)) else {
            throw error(name, "must be a currency's code of ISO 4217")
        }
        return currency
    }

    /// An amount of money that is not negative.
    func amount(_ name: String) throws(JSONError) -> Money {
        let money = try Money(try object(name))
        guard money.minor >= 0 else { throw error(name, "must not be negative") }
        return money
    }

    func reference(_ name: String) throws(JSONError) -> StepReference {
        let reference = try StepReference(try object(name))
        // The saga counts attempts up by one: a stored count at the edge must not overflow there.
        guard reference.attempt <= 1_000_000_000 else {
            throw error(name, "has an attempt beyond 1000000000")
        }
        return reference
    }

    func optionalReference(_ name: String) throws(JSONError) -> StepReference? {
        self[name] == nil ? nil : try reference(name)
    }

    func stockLines(_ name: String) throws(JSONError) -> [StockLine] {
        var lines: [StockLine] = []
        for line in try objects(name) { lines.append(try StockLine(line)) }
        return lines
    }

    /// Reads what `member(within:)` writes.
    func within() throws(JSONError) -> Duration? {
        guard self["withinMicroseconds"] != nil else { return nil }
        let time = try integer("withinMicroseconds")
        guard time > 0 else { throw error("withinMicroseconds", "must be positive") }
        return .microseconds(time)
    }

    /// Reads the members `outcome` and `reason`.
    func outcome() throws(JSONError) -> StepOutcome {
        switch try string("outcome") {
        case "done": .done
        case "refused": .refused(try string("reason"))
        default: throw error("outcome", "must be done or refused")
        }
    }
}

extension RawRepresentable<String> {
    /// The event's stored name; every one of ours has schema version 1 so far.
    ///
    /// - Throws: `.unknownType` and `.unknownSchema`.
    static func stored(_ type: EventType) throws(UnreadableEvent) -> Self {
        guard let name = Self(rawValue: type.name) else { throw .unknownType(type) }
        guard type.schema == 1 else { throw .unknownSchema(type) }
        return name
    }
}
