/// Scripts run as they are, and stop at the first failure.
enum Scripts {
    static func violations(_ path: String, _ text: String, isExecutable: Bool) -> [Violation] {
        var found: [Violation] = []
        if !text.hasPrefix("#!") {
            found.append(Violation(path, line: 1, "does not begin with #!"))
        }
        if !isExecutable { found.append(Violation(path, "lacks the run bit: chmod +x")) }
        if text.prefix(40).contains("bash"), !text.contains("\nset -euo pipefail\n") {
            found.append(Violation(path, "does not stop at failures: set -euo pipefail"))
        }
        return found
    }
}
