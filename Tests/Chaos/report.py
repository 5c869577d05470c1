"""The figures of a campaign, and how they are shown."""

import bisect
from collections import Counter

PERCENTILES = (50, 90, 99, 100)


def percentiles(values):
    """In milliseconds, rounded; nothing where there are none."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {f"p{share}" if share < 100 else "max":
            round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))], 1)
            for share in PERCENTILES}


def figures(load, director, latest, ended):
    """What was asked, what was done to the shop, and how it took it.

    - latest: each service's newest recorded time.
    - ended: when the faults ended, by the wall's clock."""
    orders = load.orders
    acknowledged = [order for order in orders if order.state == "acknowledged"]
    unknown = [order for order in orders if order.was_unknown]
    done = [fault for fault in director.done if not fault.left_out]
    return {
        "orders": {
            "asked": len(orders),
            "acknowledged": len(acknowledged),
            "refused": dict(Counter(f"{order.status} {order.code}"
                                    for order in orders if order.state == "refused")),
            "unknown": len(unknown),
            "unknownResolved": sum(order.state != "open" for order in unknown),
            "unknownWerePlaced": sum(order.was_replayed for order in unknown),
            "neverAnswered": sum(order.state == "open" for order in orders),
        },
        "cancellations": sum(one.state == "acknowledged" for one in load.cancellations),
        "receipts": sum(one.state == "acknowledged" for one in load.receipts),
        "reads": load.reads,
        "readsToldToWait": load.late_reads,
        "askedAgainFor": dict(sorted(load.problems.items())),
        # From the request that was answered, and from an order's first one.
        "latencyMilliseconds": percentiles(
            order.answered - order.last_sent for order in acknowledged),
        "untilAcknowledgedMilliseconds": percentiles(
            order.answered - order.first_sent for order in acknowledged),
        "longestWithoutOrder": _longest_gap(acknowledged, director.begin_at, ended),
        "faults": _by_kind(done, acknowledged, ended),
        "leftOut": dict(Counter(f"{fault.fault.kind}: {fault.left_out}"
                                for fault in director.done if fault.left_out)),
        "newestRecordedAt": latest,
    }


def _longest_gap(acknowledged, began, ended):
    """Between two orders that were accepted, while faults went on; in seconds from their begin."""
    times = sorted(order.answered for order in acknowledged if began <= order.answered <= ended)
    gaps = [(later - sooner, sooner) for sooner, later in zip(times, times[1:])]
    longest, since = max(gaps, default=(0.0, began))
    return {"seconds": round(longest, 2), "fromSecond": round(since - began, 2)}


def _by_kind(done, acknowledged, ended):
    """Of each kind how often, the longest time without an accepted order while one lasted and
    until the next one, and how long after its end that came."""
    accepted = sorted((order.answered, order.last_sent) for order in acknowledged)
    times = [answered for answered, _ in accepted]
    found = {}
    for fault in done:
        kind = found.setdefault(fault.fault.kind, {"count": 0, "gaps": [], "recoveries": []})
        kind["count"] += 1
        end = fault.ended or ended
        first = max(0, bisect.bisect_left(times, fault.began) - 1)
        # The first order that was asked for once the fault was over, and accepted.
        last = bisect.bisect_left(times, end)
        while last < len(accepted) and accepted[last][1] < end:
            last += 1
        if last == len(accepted):
            continue
        stretch = times[first:last + 1]
        gaps = [later - sooner for sooner, later in zip(stretch, stretch[1:])]
        kind["gaps"].append(max(gaps, default=0.0))
        kind["recoveries"].append(accepted[last][0] - end)
    return {
        name: {
            "count": kind["count"],
            "longestWithoutOrderSeconds": round(max(kind["gaps"], default=0.0), 2),
            "recoverySeconds": {
                "median": round(_median(kind["recoveries"]), 2),
                "max": round(max(kind["recoveries"], default=0.0), 2),
            },
        } for name, kind in sorted(found.items())
    }


def _median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def lines(result):
    """The result as a person reads it."""
    found, orders = result["figures"], result["figures"]["orders"]
    refused = ", ".join(f"{count} {why}" for why, count in sorted(orders["refused"].items()))
    yield (f"{orders['asked']} orders asked for: {orders['acknowledged']} acknowledged, "
           f"{sum(orders['refused'].values())} refused ({refused or 'none'})")
    yield (f"{orders['unknown']} with a lost answer, {orders['unknownResolved']} of them resolved, "
           f"{orders['unknownWerePlaced']} had been placed")
    yield (f"{found['cancellations']} cancellations, {found['receipts']} receipts, "
           f"{found['reads']} reads with a token, {found['readsToldToWait']} told to wait")
    yield (f"placing {_shown(found['latencyMilliseconds'])}; with repetitions "
           f"{_shown(found['untilAcknowledgedMilliseconds'])}")
    gap = found["longestWithoutOrder"]
    yield f"longest without an order {gap['seconds']} s, from second {gap['fromSecond']}"
    yield ""
    yield f"{'FAULT':20}{'COUNT':>6}{'LONGEST WITHOUT ORDER':>24}{'RECOVERY, MEDIAN / MAX':>26}"
    for name, kind in found["faults"].items():
        recovery = kind["recoverySeconds"]
        yield (f"{name:20}{kind['count']:6}{kind['longestWithoutOrderSeconds']:22.2f} s"
               f"{recovery['median']:16.2f} / {recovery['max']:.2f} s")
    for why, count in found["leftOut"].items():
        yield f"left out: {why} ({count} times)"
    yield ""
    yield f"quiet again {result['quietAfterSeconds']:.1f} s after the last fault"
    for check in result["checks"]:
        mark = "proved  " if not check["wrong"] else "VIOLATED"
        yield f"{mark}  {check['name']}: {check['says'] if not check['wrong'] else ''}"
        yield from (f"            {one}" for one in check["wrong"])


def _shown(shares):
    return " / ".join(f"{name} {value} ms" for name, value in shares.items()) or "none"
