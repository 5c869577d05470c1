import FuzzChecks
import Glibc

/// The target that this process was started for: `KASSA_FUZZ` holds its name.
private let target: FuzzTarget = {
    let name = getenv("KASSA_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        print("KASSA_FUZZ is '\(name)'; it has to be one of \(known). Use scripts/fuzz.")
        exit(2)
    }
    return target
}()

/// Called by libFuzzer with one input after the other. A broken promise ends the process, and
/// libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    do throws(Broken) {
        try target.check(Array(UnsafeBufferPointer(start: data, count: count)))
    } catch {
        let text = Array("\nbroken: \(error)\n".utf8)
        _ = write(STDERR_FILENO, text, text.count)
        abort()
    }
    return 0
}
