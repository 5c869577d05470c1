import CPlatform

/// What the thread works at, told from code that is inlined elsewhere; see `kassa_stage.h`.
@usableFromInline package struct Stage {
    private let before: kassa_stage

    /// From here on a decider is at work.
    @usableFromInline package static func decide() -> Stage {
        Stage(before: kassa_stage_enter(KASSA_STAGE_DECIDE))
    }

    /// From here on events are written as JSON.
    @usableFromInline package static func encode() -> Stage {
        Stage(before: kassa_stage_enter(KASSA_STAGE_ENCODE))
    }

    /// Goes on with what was worked at before.
    @usableFromInline package func leave() { kassa_stage_leave(before) }
}
