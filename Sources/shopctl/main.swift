import Arguments
import EventSourcing
import Glibc

/// `shopctl`: runs the shop, places orders, and proves its history.
signal(SIGPIPE, SIG_IGN)

// What is opened next would be taken for a standard stream that is closed, and written into.
for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
    _ = open("/dev/null", O_RDWR)
}

/// What the process is to end with. All that it took is given back by then, so that what is left is
/// a leak.
@inline(never)
func outcome() -> Int32 {
    do throws(UsageError) {
        switch try ShopCommand.all.parse(Array(CommandLine.arguments.dropFirst())) {
        case .help(let text):
            print(text)
            return Terminal.flush(0)
        case .run(let invocation): return Terminal.flush(ShopCommand.run(invocation))
        }
    } catch {
        Terminal.complain(error.description)
        return UsageError.exitCode
    }
}

exit(outcome())
