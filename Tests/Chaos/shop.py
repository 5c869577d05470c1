"""A shop of real processes: what runs, how it is started again, hit and stopped."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

from schedule import PARTS

# What is started has to say that it is ready within so many seconds.
START = 60.0
# What is told to end has so long.
END = 60.0
# Between two attempts to start what cannot be started just now.
AGAIN = 0.5


class Failed(Exception):
    """Something of the campaign's own cannot go on; the text says what."""


class Process:
    """A process of ours, its output in two files; killed by the kernel should we end first."""

    def __init__(self, command, log, environment=None, pipe=False):
        self.log = log
        # In a session of its own: a terminal's Ctrl-C is for us alone.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--"] + command, env=environment,
            stdin=subprocess.PIPE if pipe else subprocess.DEVNULL,
            stdout=open(f"{log}.out", "wb"), stderr=open(f"{log}.err", "wb"),
            start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    @property
    def code(self):
        """Its exit code, negative where a signal ended it; None while it runs."""
        return self.process.poll()

    @property
    def output(self):
        with open(f"{self.log}.out", encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def complaints(self):
        with open(f"{self.log}.err", encoding="utf-8", errors="replace") as file:
            return file.read()

    def signal(self, number):
        if self.code is None:
            self.process.send_signal(number)

    def end(self, number):
        """Tells it to end. Its exit code, or None where it had to be killed."""
        self.signal(number)
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class Shop:
    """`shopctl up` on a folder; its broker below it, or by itself behind a proxy."""

    def __init__(self, shopctl, folder, data, is_apart, clocks):
        self.shopctl, self.folder, self.data = shopctl, folder, data
        self.is_apart = is_apart
        self.clocks = clocks
        ports = Ports()
        self.gateway, self.door = ports.take(), ports.take()
        self.broker_port, self.broker_door = ports.take(), ports.take()
        self.up = self.broker = self.proxy = None
        self.runs = 0
        # When what does not run is to be started; None where it runs or is left.
        self.up_due = self.broker_due = None
        self.is_up_ready = False
        self.given_up = []

    # Where clients go: through the proxy. Whoever only looks goes straight.
    @property
    def url(self):
        return f"http://127.0.0.1:{self.gateway}"

    def start(self):
        """Starts all of it, and waits until it is ready."""
        links = [f"client:{self.door}:{self.gateway}"]
        if self.is_apart:
            links.append(f"broker:{self.broker_door}:{self.broker_port}")
        here = os.path.dirname(os.path.abspath(__file__))
        self.proxy = Process(
            [sys.executable, os.path.join(here, "proxy.py")] + links,
            os.path.join(self.folder, "proxy"), pipe=True)
        self._wait("the proxy is ready", lambda: self.proxy.output.endswith("\n"))
        if self.is_apart:
            self._start_broker()
            self._wait("the broker is ready", lambda: self.broker.output.endswith("\n"))
        self._start_up()
        self._wait("the shop is ready", self._look_at_up)

    def _wait(self, what, is_so):
        limit = time.monotonic() + START
        while not is_so():
            for process in (self.proxy, self.broker, self.up):
                if process is not None and process.code is not None:
                    raise Failed(f"not so: {what}; it ended with {process.code}: "
                                 f"{_last(process.complaints)}")
            if time.monotonic() > limit:
                raise Failed(f"not within {START:.0f} s: {what}; see {self.folder}")
            time.sleep(0.02)

    def _environment(self):
        environment = dict(os.environ)
        if self.clocks.library:
            # What stands before the C library already, as for a sanitizer, stays there.
            others = environment.get("LD_PRELOAD")
            environment["LD_PRELOAD"] = ":".join(filter(None, [self.clocks.library, others]))
            environment["KASSA_CHAOS_CLOCK"] = self.clocks.folder
        return environment

    def _run(self, name, arguments):
        self.runs += 1
        log = os.path.join(self.folder, f"{name}-{self.runs}")
        return Process([self.shopctl] + arguments, log, self._environment())

    def _start_broker(self):
        self.broker_due = None
        self.broker = self._run("broker", [
            "serve", "broker", "--shop", "--json", "--data", self.data,
            "--port", str(self.broker_port)])

    def _start_up(self):
        self.up_due = None
        self.is_up_ready = False
        arguments = ["up", "--json", "--data", self.data, "--port", str(self.gateway),
                     "--pay-within", "20"]
        if self.is_apart:
            # The login stands in the address, as for any broker of one's own.
            with open(os.path.join(self.data, "secret"), "rb") as file:
                secret = file.read().hex()
            arguments += ["--broker", f"nats://{secret}@127.0.0.1:{self.broker_door}"]
        self.up = self._run("up", arguments)

    def _look_at_up(self):
        """Whether `up` has said that all is ready."""
        if not self.is_up_ready:
            self.is_up_ready = self.up.output.endswith("\n")
        return self.is_up_ready

    def tick(self, now):
        """Starts again what nobody else does: the supervisor, and a broker without one."""
        if self.up_due is not None:
            if now >= self.up_due:
                self._start_up()
        elif self.up.code is not None:
            self.up_due = now + AGAIN
        elif not self.is_up_ready:
            self._look_at_up()
        if self.is_apart:
            if self.broker_due is not None:
                if now >= self.broker_due:
                    self._start_broker()
            elif self.broker.code is not None:
                self.broker_due = now + 0.1

    def last_complaint(self):
        return _last(self.up.complaints) or f"exit code {self.up.code}"

    def parts(self):
        """Each part's process that runs now."""
        found = {}
        if self.is_apart and self.broker.code is None:
            found["broker"] = self.broker.pid
        if self.up is None or self.up.code is not None:
            return found
        for pid, words in children(self.up.pid):
            if len(words) > 2 and words[1] == "serve" and words[2] in PARTS:
                found[words[2]] = pid
        return found

    def misbehave(self, order):
        """Tells the proxy."""
        try:
            self.proxy.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.proxy.process.stdin.flush()
        except OSError as error:
            raise Failed(f"the proxy has ended: {error}; {self.proxy.complaints}") from error

    def doubled(self):
        """What requests that the proxy sent twice were answered the second time."""
        lines = (json.loads(line) for line in self.proxy.output.splitlines())
        return [line for line in lines if "twice" in line]

    def tell(self, *arguments, limit=600):
        """Runs a command of the program: its exit code, and all it says."""
        try:
            done = subprocess.run(
                [self.shopctl, *arguments], capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return None, f"it has not ended within {limit} s"
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """Ends it as Ctrl-C does. What went wrong, if anything."""
        wrong = []
        if (code := self.up.end(signal.SIGINT)) != 0:
            wrong.append(f"up ended with {code}: {_last(self.up.complaints)}")
        if self.is_apart and (code := self.broker.end(signal.SIGTERM)) != 0:
            wrong.append(f"the broker ended with {code}: {_last(self.broker.complaints)}")
        return wrong

    def kill(self):
        """Ends all that is left, without asking."""
        left = list(self.parts().values()) if self.up else []
        for process in (self.up, self.broker, self.proxy):
            if process is not None and process.code is None:
                process.process.kill()
                process.process.wait()
        for pid in left:
            hit(pid, signal.SIGKILL)


class Clocks:
    """The clocks of all parts, where a library can be put in front of the C library's."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "clocks")
        os.mkdir(self.folder)
        self.library, self.why = None, ""
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock.c")
        path = os.path.join(folder, "clock.so")
        compiler = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
        if compiler is None:
            self.why = "there is no C compiler"
            return
        made = subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", path, source],
            capture_output=True, text=True)
        if made.returncode != 0:
            self.why = _last(made.stderr)
            return
        self.library = path
        for part in PARTS:
            self.set(part, 0)

    def set(self, part, ahead):
        path = os.path.join(self.folder, part)
        # In place: processes have this very file in their memory.
        mode = "r+b" if os.path.exists(path) else "wb"
        with open(path, mode) as file:
            file.write(int(ahead).to_bytes(8, "little", signed=True))


class Ports:
    """Ports that nobody has, below those that the system gives to clients: what is killed must
    find its own again."""

    def __init__(self):
        self.free = list(range(20000, 32000))
        random.shuffle(self.free)

    def take(self):
        while self.free:
            port = self.free.pop()
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise Failed("there is no free port")


def children(parent):
    """The processes below one, with their command lines."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # Behind the name, which may hold anything: state, parent.
                rest = file.read().rpartition(b")")[2].split()
            if int(rest[1]) != parent or rest[0] == b"Z":
                continue
            with open(f"/proc/{name}/cmdline", "rb") as file:
                line = file.read().decode("utf-8", "replace")
            yield int(name), line.split("\0")
        except OSError:
            continue


def hit(pid, number):
    """Sends a signal; whether there was a process to get it."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def _last(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
