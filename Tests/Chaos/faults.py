"""Carries out the faults of a schedule, and takes them back."""

import json
import os
import shutil
import signal
import time
from dataclasses import dataclass

from disk import MEBIBYTE
from shop import hit


@dataclass
class Done:
    """A fault that was carried out, by the wall's clock; `ended` is `began` where nothing lasts."""

    fault: object
    began: float
    ended: float = 0.0
    left_out: str = ""


class Director:
    """Has what is due happen. Belongs to one thread, the one that starts the processes."""

    def __init__(self, shop, disk, clocks, without, path, tell):
        self.shop, self.disk, self.clocks = shop, disk, clocks
        self.without = without
        self.path, self.tell = path, tell
        self.done = []
        self.running = {}
        # How many faults hold a process; it goes on when none does.
        self.frozen = {}
        self.filling = {}
        self.shifts = {}
        self.begin_at = 0.0

    # MARK: The log of faults

    def note(self, what, **more):
        """A line of the log, with its time."""
        now = time.time()
        line = {"at": stamp(now), "second": round(now - self.begin_at, 3), "what": what, **more}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _began(self, fault, hits):
        self.note("begins", fault=fault.number, kind=fault.kind, lasts=fault.lasts,
                  of=fault.what, hits=hits)
        self.tell(f"{time.time() - self.begin_at:7.1f} s  {fault.number:3}  {fault.shown()}")

    # MARK: The course of things

    def begin(self, fault):
        """Carries a fault out, or leaves it out and says why."""
        why = self._missing(fault)
        done = Done(fault, time.time())
        self.done.append(done)
        hits = None
        if not why:
            hits = getattr(self, "_" + fault.kind.split("-")[0])(fault)
            if hits == {}:
                why = "nothing of it runs just now"
        if why:
            done.left_out, done.ended = why, done.began
            self.note("left out", fault=fault.number, kind=fault.kind, why=why)
            return
        self._began(fault, hits)
        if fault.lasts:
            self.running[fault.number] = done
        else:
            done.ended = time.time()

    def tick(self):
        """Ends what is over, and keeps up what has to be."""
        for done in list(self.running.values()):
            if time.time() >= done.began + done.fault.lasts:
                self.end(done)
        for left in self.filling.values():
            if left is not None:
                self.disk.fill(left)

    def end(self, done):
        fault = self.running.pop(done.fault.number).fault
        if fault.kind == "freeze":
            self._thaw(fault)
        elif fault.kind == "disk-full":
            del self.filling[fault.number]
            if not self.filling:
                self.disk.empty()
        elif fault.kind == "clock":
            part = fault.what["part"]
            self.shifts[part].remove(fault.what["ahead-seconds"])
            self._set_clock(part)
        else:
            self.shop.misbehave({"end": fault.number})
        done.ended = time.time()
        self.note("ends", fault=fault.number, kind=fault.kind)

    def end_all(self):
        for done in list(self.running.values()):
            self.end(done)

    def _missing(self, fault):
        """Why a fault is left out; nothing where it is not."""
        if fault.kind in self.without:
            return "as told"
        if fault.kind == "disk-full" and not self.disk.is_mounted:
            return "no disk is mounted"
        if fault.kind == "clock" and not self.clocks.library:
            return "no clock can be set"
        if fault.kind.startswith("broker-") and not fault.kind.startswith("broker-store"):
            return "" if self.shop.is_apart else "the broker is below up, behind no proxy"
        return ""

    # MARK: The kinds, by the first word of their names. Each gives what it hit.

    def _kill(self, fault):
        running = self.shop.parts()
        if fault.kind == "kill-supervisor":
            if self.shop.up.code is not None:
                return {}
            pid = self.shop.up.pid
            self.shop.up.signal(signal.SIGKILL)
            self.shop.up.process.wait()
            self.shop.up_due = time.monotonic() + fault.what["restart-after"]
            return {"up": pid}
        victims = {part: running[part] for part in fault.what["parts"] if part in running}
        for pid in victims.values():
            hit(pid, signal.SIGKILL)
        return victims

    def _freeze(self, fault):
        pid = self.shop.parts().get(fault.what["part"])
        if pid is None or not hit(pid, signal.SIGSTOP):
            return {}
        self.frozen[pid] = self.frozen.get(pid, set()) | {fault.number}
        return {fault.what["part"]: pid}

    def _thaw(self, fault):
        for pid, holders in list(self.frozen.items()):
            holders.discard(fault.number)
            if not holders:
                del self.frozen[pid]
                hit(pid, signal.SIGCONT)

    def _disk(self, fault):
        left = fault.what["left-mib"] * MEBIBYTE
        self.disk.fill(left)
        # Who is greedy takes at once what others give back, the shop's reserve as well.
        self.filling[fault.number] = left if fault.what["greedy"] else None
        return {"free": self.disk.free()}

    def _clock(self, fault):
        part, ahead = fault.what["part"], fault.what["ahead-seconds"]
        self.shifts.setdefault(part, []).append(ahead)
        self._set_clock(part)
        return {part: self.shop.parts().get(part, 0)}

    def _set_clock(self, part):
        """The newest shift counts: together they could exceed a day, which keys are known for."""
        self.clocks.set(part, self.shifts[part][-1] if self.shifts[part] else 0)

    def _broker(self, fault):
        if not fault.kind.startswith("broker-store"):
            parts = fault.what["parts"]
            return self._link(fault, "broker", None if parts == "all" else parts)
        pid = self.shop.parts().get("broker", 0)
        if fault.kind == "broker-store" and pid:
            hit(pid, signal.SIGKILL)
        folder = os.path.join(self.shop.data, "broker")
        removed = [name for name in os.listdir(folder) if name.startswith("kassa-")]
        for name in removed:
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        return {"broker": pid, "streams": len(removed)}

    def _client(self, fault):
        return self._link(fault, "client", None)

    def _link(self, fault, link, parts):
        mode = fault.kind.partition("-")[2]
        order = {"begin": fault.number, "link": link, "mode": mode, "parts": parts}
        if "ms" in fault.what:
            order["ms"] = fault.what["ms"]
        self.shop.misbehave(order)
        return {"link": link, "parts": parts or "all"}


def stamp(seconds):
    """A time as the shop writes it."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"
