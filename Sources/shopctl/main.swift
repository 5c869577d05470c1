import Arguments
import EventSourcing
import Glibc

/// `shopctl`: runs the shop, places orders, and proves its history.
signal(SIGPIPE, SIG_IGN)

do throws(UsageError) {
    switch try ShopCommand.all.parse(Array(CommandLine.arguments.dropFirst())) {
    case .help(let text):
        print(text)
        exit(Terminal.flush(0))
    case .run(let invocation): exit(Terminal.flush(ShopCommand.run(invocation)))
    }
} catch {
    Terminal.complain(error.description)
    exit(UsageError.exitCode)
}
