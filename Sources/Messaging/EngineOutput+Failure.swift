extension EngineOutput where Answer: ServiceAnswer {
    /// Why a command was not carried out; nil where it was.
    var failure: String? {
        switch self {
        case .answer(let answer, _): answer.refusal
        case .keyReused: "the idempotency key was used for another request"
        case .unknown(let why), .unavailable(let why), .stopped(let why): why
        case .parked(.failure(.notFound(let why))), .parked(.failure(.invalid(let why))): why
        case .parked(.success(let report)): report.stop?.reason
        case .taken, .at, .gap, .foreign, .done: nil
        }
    }
}
