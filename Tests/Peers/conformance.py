"""Runs the conformance cases against a running NATS server with JetStream enabled.

    conformance.py nats://127.0.0.1:4222 [--only WORD] [--list] [--all] [--restart COMMAND]

`--only` takes the cases whose name holds the word, or of the topic of that name. `--all` adds the
parts that a server may leave out. `--restart` adds the cases of durability: the shell command has
to kill the server with SIGKILL and start it again on the same data and port. MAY_LOSE_ACKS=1 in the
environment allows for a server that loses the consumers' acknowledgements of the last moments.
"""

import argparse
import asyncio
import importlib
import logging
import sys

from suite import CASES, EXTRA, ORDINARY, RESTART, Context

TOPICS = [
    "core", "core_error", "stream", "stream_limit", "stream_read", "publish", "retention",
    "consumer", "deliver", "pull", "ack", "redelivery", "push", "restart",
]
LIMIT = 10.0
RESTART_LIMIT = 60.0


def arguments():
    parser = argparse.ArgumentParser(description="Conformance of a NATS server with JetStream.")
    parser.add_argument("url", nargs="?", default="nats://127.0.0.1:4222")
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--restart", metavar="COMMAND")
    return parser.parse_args()


def chosen(options):
    kinds = {ORDINARY}
    if options.all:
        kinds.add(EXTRA)
    if options.restart:
        kinds.add(RESTART)
    if options.list:
        kinds = {ORDINARY, EXTRA, RESTART}
    return [case for case in CASES
            if case.kind in kinds and (options.only in case.name or options.only == case.topic)]


async def failure(case, options):
    """Runs one case and gives what went wrong, or nothing."""
    context = Context(options.url, options.restart)
    limit = RESTART_LIMIT if case.kind == RESTART else LIMIT
    try:
        await asyncio.wait_for(case.run(context), limit)
        return None
    except asyncio.TimeoutError as error:
        return f"expected an answer in time, saw none ({type(error).__module__}: {error})"
    except Exception as error:
        return f"{error}" if type(error).__module__ == "suite" else f"{error!r}"
    finally:
        await context.close()


async def run(cases, options):
    failed = 0
    for case in cases:
        reason = await failure(case, options)
        failed += reason is not None
        line = f"ok {case.name}" if reason is None else f"FAILED {case.name}: {reason}"
        print(line, flush=True)
    print(f"{len(cases)} cases, {failed} failed")
    return 1 if failed or not cases else 0


def main():
    # A connection that a case lets the server close is no news.
    logging.disable(logging.CRITICAL)
    for topic in TOPICS:
        importlib.import_module(f"{topic}_cases")
    options = arguments()
    cases = chosen(options)
    if options.list:
        for case in cases:
            print(case.topic, case.kind, case.name)
        return 0
    return asyncio.run(run(cases, options))


if __name__ == "__main__":
    sys.exit(main())
