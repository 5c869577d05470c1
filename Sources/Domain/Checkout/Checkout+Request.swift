public import EventSourcing

extension Checkout {
    /// Reads what a published `checkout.step-requested` asks for; nil for every other message.
    ///
    /// - Throws: `unknownSchema` and `malformed`.
    public static func request(in type: EventType, _ data: some Collection<UInt8>)
        throws(UnreadableEvent) -> (StepReference, StepRequest)?
    {
        guard type.name == "checkout.step-requested" else { return nil }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: data)
        } catch { throw .malformed(type, error) }
        guard case .requested(let step, let request) = try CheckoutProgress.Event.decode(type, json)
        else { return nil }
        return (step, request)
    }
}
