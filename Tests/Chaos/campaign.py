"""A fault campaign against a shop of real processes: scripts/chaos calls this; see --help there.

    campaign.py SHOPCTL FOLDER [options as scripts/chaos has them]
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time

import checks
import evidence
import report
from disk import Disk
from faults import Director
from load import Load
from schedule import KINDS, schedule
from shop import Clocks, Failed, Shop, hit

# Once faults are over all has to be quiet within so many seconds.
QUIET = 300.0
# What was asked for has to be answered within so many seconds then.
ANSWERED = 120.0


class Progress:
    """A line that changes on a terminal; elsewhere a line for each fault."""

    def __init__(self):
        self.is_terminal = sys.stderr.isatty()
        self.shown_at = 0.0

    def tell(self, text):
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")
        print(text, file=sys.stderr, flush=True)

    def show(self, text):
        if self.is_terminal and time.monotonic() - self.shown_at > 0.2:
            self.shown_at = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{text[:100]}")
            sys.stderr.flush()

    def clear(self):
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class Campaign:
    def __init__(self, options, progress):
        self.options, self.progress = options, progress
        self.seconds = options.minutes * 60
        folder = options.folder
        self.disk = Disk(folder, int(self.seconds * options.rate))
        self.clocks = Clocks(folder)
        self.shop = Shop(options.shopctl, folder, os.path.join(self.disk.place, "shop"),
                         options.broker == "apart", self.clocks)
        self.load = Load(self.shop.door, options.seed, options.rate)
        self.director = Director(
            self.shop, self.disk, self.clocks, options.without,
            os.path.join(folder, "faults.jsonl"), self._tell_fault)

    def _tell_fault(self, text):
        if not self.progress.is_terminal:
            self.progress.tell(text)

    def run(self):
        """The result; its `violations` are none where all is proved."""
        if not self.disk.is_mounted:
            self.progress.tell(f"no disk can be mounted here ({self.disk.why}): full disks are "
                               "left out; run this as root for them")
        if not self.clocks.library:
            self.progress.tell(f"clocks are left alone: {self.clocks.why}")
        self.shop.start()
        if why := self.load.begin():
            raise Failed(why)
        self._hurt(schedule(self.options.seed, self.seconds))
        return self._prove()

    def _hurt(self, due):
        due = list(due)
        count = len(due)
        self.director.begin_at = time.time()
        begin = time.monotonic()
        while (second := time.monotonic() - begin) < self.seconds:
            while due and due[0].at <= second:
                self.director.begin(due.pop(0))
            self.director.tick()
            self.shop.tick(time.monotonic())
            running = ", ".join(done.fault.kind for done in self.director.running.values())
            self.progress.show(
                f"{second:6.0f} of {self.seconds:.0f} s, fault {count - len(due)} of {count}, "
                f"{len(self.load.taken)} orders  {running}")
            time.sleep(0.02)
        self.director.end_all()
        self.ended = time.time()
        self.director.note("peace")

    # MARK: The end

    def _prove(self):
        self.progress.show("faults are over: waiting until all is quiet")
        began = time.monotonic()
        is_answered = self._until(ANSWERED, lambda: self.load.settle(0.01))
        self.load.end()
        unquiet, status = ["the shop does not answer"], {}

        def is_quiet():
            nonlocal unquiet, status
            try:
                code, status = evidence.ask(f"{self.shop.url}/v1/status", limit=5)
                unquiet = evidence.unquiet(status) if code == 200 else [f"status: {code} {status}"]
            except evidence.Unreadable as error:
                unquiet = [f"{error}; up: {self.shop.last_complaint()}"]
            return not unquiet

        is_quiet_now = self._until(QUIET, is_quiet)
        quiet_after = time.monotonic() - began
        self.director.note("quiet" if is_quiet_now else "not quiet", unquiet=unquiet)
        if not is_answered:
            unquiet = unquiet + [f"{len(self.load.open())} requests have no answer"]
        if not is_quiet_now and not status:
            # Nothing more can be asked of it.
            return self._result([("quiet again", "", unquiet)], {}, quiet_after)
        try:
            history = self._history(unquiet, status)
        except evidence.Unreadable as error:
            return self._result([("quiet again", "", unquiet + [str(error)])], {}, quiet_after)
        with open(os.path.join(self.options.folder, "history.json"), "w",
                  encoding="utf-8") as file:
            json.dump(history, file)
        return self._result(checks.judge(history), history["latest"], quiet_after)

    def _until(self, limit, is_so):
        def look():
            self.shop.tick(time.monotonic())
            return is_so()
        return evidence.wait(limit, look)

    def _history(self, unquiet, status):
        shop = self.shop
        code, said = shop.tell("status", "--url", shop.url)
        if code != 0 and not unquiet:
            unquiet = [f"shopctl status ended with {code}: {said[-600:]}"]
        history = evidence.history(shop, self.load, unquiet, status)
        commands = history["commands"] = {}
        code, said = shop.tell("projections", "rebuild", "orders", "--json", "--url", shop.url)
        commands["rebuild"] = [code, said]
        history["differences"] = None
        if code == 0:
            history["differences"] = json.loads(said).get("lastRebuild", {}).get("differences")
        history["clocksWereAhead"] = any(
            done.fault.kind == "clock" and not done.left_out
            and done.fault.what["ahead-seconds"] > 0 for done in self.director.done)
        history["stop"] = shop.stop()
        commands["replay"] = shop.tell("replay", "--verify", "--data", shop.data)
        commands["doctor"] = shop.tell(
            "doctor", "--data", shop.data, "--port", str(shop.gateway), "--json")
        return history

    def _result(self, judged, latest, quiet_after):
        options = self.options
        return {
            "seed": options.seed, "minutes": options.minutes, "rate": options.rate,
            "broker": options.broker,
            "disk": self.disk.kind or "none",
            "violations": sum(len(wrong) for _, _, wrong in judged),
            "quietAfterSeconds": round(quiet_after, 1),
            "checks": [{"name": name, "says": says, "wrong": checks.briefly(wrong)}
                       for name, says, wrong in judged],
            "figures": report.figures(self.load, self.director, latest, self.ended),
        }

    def close(self):
        """Ends what runs, and gives the disk back. Nothing of it may fail."""
        self.progress.clear()
        for pid in self.director.frozen:
            hit(pid, signal.SIGKILL)
        self.shop.kill()


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("shopctl")
    parser.add_argument("folder")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--broker", choices=("apart", "below"), required=True)
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for kind in options.without:
        if kind not in KINDS:
            print(f"scripts/chaos: --without {kind}: known are {', '.join(KINDS)}.",
                  file=sys.stderr)
            sys.exit(2)
    return options


def show(result, options):
    if options.json:
        print(json.dumps(result))
        return
    for line in report.lines(result):
        print(line)


def interrupt(number, frame):
    raise KeyboardInterrupt


def main():
    options = arguments()
    os.mkdir(options.folder, 0o700)
    # Whoever ends us has all of it ended.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    progress = Progress()
    try:
        campaign = Campaign(options, progress)
    except (Failed, OSError) as error:
        progress.tell(f"scripts/chaos: {error}; see {options.folder}")
        return 1
    code, is_kept = 1, True
    try:
        result = campaign.run()
        campaign.close()
        show(result, options)
        code = 1 if result["violations"] else 0
        is_kept = options.keep or code == 1
    except Failed as error:
        campaign.close()
        progress.tell(f"scripts/chaos: {error}")
    except KeyboardInterrupt:
        campaign.close()
        progress.tell("scripts/chaos: interrupted")
        code, is_kept = 130, options.keep
    finally:
        campaign.close()
        if is_kept:
            campaign.disk.keep()
            progress.tell(
                f"seed {options.seed}; the log of faults is {options.folder}/faults.jsonl, what "
                f"all processes said is beside it, the shop in {campaign.shop.data}")
        else:
            campaign.disk.unmount()
            shutil.rmtree(options.folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
