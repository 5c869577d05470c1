"""Which faults happen when. All of it follows from the seed: no clock and no machine is asked."""

import random
from dataclasses import dataclass

SERVICES = ("orders", "payments", "deliveries", "notifications")
PARTS = ("broker",) + SERVICES + ("gateway",)

# How often each kind is in the bag that kinds are drawn from. A bag is drawn empty before it is
# filled again, so that a short run sees many kinds.
KINDS = {
    "kill": 3,
    "kill-several": 1,
    "kill-supervisor": 1,
    "freeze": 3,
    "disk-full": 2,
    "broker-store": 1,
    "broker-store-live": 1,
    "broker-cut": 1,
    "broker-delay": 1,
    "broker-stall": 2,
    "broker-half": 1,
    "client-cut": 1,
    "client-delay": 1,
    "client-stall": 1,
    "client-half": 1,
    "client-lost-answer": 1,
    "client-twice": 1,
    "clock": 3,
}

# Between two kills of one part, in seconds: what dies ten times in a row, each within ten seconds
# of its start, is started every 15 seconds alone, as it should be.
BETWEEN_KILLS = 5.0
# The first fault comes after so many seconds of peace.
PEACE = 3.0
# So long before the end nothing new begins.
LAST = 1.0


@dataclass(frozen=True)
class Fault:
    """One fault: `at` seconds after the campaign's begin, taken back after `lasts` seconds; 0 is
    for what is done at once."""

    number: int
    at: float
    kind: str
    lasts: float
    what: dict

    def shown(self):
        details = ", ".join(f"{name} {value}" for name, value in self.what.items())
        lasts = f", for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.kind}: {details}{lasts}" if details else f"{self.kind}{lasts}"


def schedule(seed, seconds):
    """The faults of a campaign of so many seconds, in the order of their begin.

    A longer campaign of the same seed begins in the same way."""
    chance = random.Random(f"kassa chaos {seed}")
    bag, killed, faults = [], {}, []
    at = PEACE
    while at < seconds - LAST:
        if not bag:
            bag = [kind for kind, count in KINDS.items() for _ in range(count)]
            chance.shuffle(bag)
        kind = bag.pop()
        lasts, what = _drawn(kind, at, chance, killed)
        if what is not None:
            lasts = round(min(lasts, max(0.5, seconds - at)), 2) if lasts else 0.0
            faults.append(Fault(len(faults) + 1, round(at, 2), kind, lasts, what))
        at += _gap(chance)
    return faults


def _gap(chance):
    """Faults follow each other quickly, so that they meet, and now and then there is a pause."""
    if chance.random() < 0.12:
        return chance.uniform(5.0, 10.0)
    return min(0.2 + chance.expovariate(1 / 2.2), 8.0)


def _span(chance, least, most):
    """Short ones more often than long ones."""
    return least * (most / least) ** chance.random()


def _drawn(kind, at, chance, killed):
    """How long a fault of that kind lasts, and what it hits; None where it would kill too often."""
    if kind == "kill":
        return 0, _victims(at, chance, killed, 1)
    if kind == "kill-several":
        return 0, _victims(at, chance, killed, chance.randint(2, len(PARTS)))
    if kind == "kill-supervisor":
        victims = _victims(at, chance, killed, len(PARTS))
        return 0, victims and {"restart-after": round(chance.uniform(0.0, 3.0), 2)}
    if kind == "freeze":
        return _span(chance, 1.0, 20.0), {"part": chance.choice(PARTS)}
    if kind == "disk-full":
        left = chance.choice((0, 4, 32))
        return _span(chance, 1.5, 6.0), {"left-mib": left, "greedy": chance.random() < 0.5}
    if kind == "broker-store":
        return 0, _victims(at, chance, killed, 1, ("broker",))
    if kind == "broker-store-live":
        return 0, {}
    if kind == "clock":
        hours = chance.choice((-1, 1)) * chance.uniform(1.0, 9.0)
        seconds = int(hours * 3600)
        return _span(chance, 3.0, 15.0), {"part": chance.choice(PARTS), "ahead-seconds": seconds}
    if kind == "broker-delay":
        return _span(chance, 1.0, 10.0), _whom(chance) | {"ms": [5, chance.choice((40, 200, 800))]}
    if kind == "client-delay":
        return _span(chance, 1.0, 8.0), {"ms": [5, chance.choice((40, 200, 800))]}
    if kind.startswith("broker-"):
        return _span(chance, 0.5, 12.0), _whom(chance)
    return _span(chance, 0.5, 6.0), {}


def _whom(chance):
    """Whose connections to the broker: everybody's, or those of some."""
    if chance.random() < 0.5:
        return {"parts": "all"}
    others = [part for part in PARTS if part != "broker"]
    return {"parts": sorted(chance.sample(others, chance.randint(1, 2)))}


def _victims(at, chance, killed, count, among=PARTS):
    """Parts that may be killed now, noted as killed; None where there are not enough."""
    free = [part for part in among if at - killed.get(part, -BETWEEN_KILLS) >= BETWEEN_KILLS]
    if len(free) < count:
        return None
    victims = sorted(chance.sample(free, count))
    for part in victims:
        killed[part] = at
    return {"parts": victims}
