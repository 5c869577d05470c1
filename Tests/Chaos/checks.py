"""What a campaign proves. Each check is a function of the history alone: it gives what it found
right, as a sentence, and everything that is wrong.

`python3 selftest.py` feeds them histories that are false."""

import json
from collections import Counter

from load import SCARCE

# Of one kind of fault so many are named; the rest is counted.
NAMED = 5


def acknowledged_once(history):
    """Each acknowledged order is there once, under the id that was told and as it was asked for."""
    wrong = []
    placed = Counter(order["id"] for order in history["orders"]["placed"])
    by_id = {order["id"]: order for order in history["orders"]["placed"]}
    shown = Counter(row[0] for row in history["listed"])
    acknowledged = _asked(history, "order", "acknowledged")
    for order in acknowledged:
        name = f"{order['key']} ({order['id']})"
        if len(order["ids"]) != 1:
            wrong.append(f"{order['key']} was told several ids: {', '.join(order['ids'])}")
        if placed[order["id"]] != 1:
            wrong.append(f"{name} was acknowledged and is on record {placed[order['id']]} times")
            continue
        if shown[order["id"]] != 1:
            wrong.append(f"{name} was acknowledged and is listed {shown[order['id']]} times")
        kept = by_id[order["id"]]
        for what in ("reference", "currency", "total", "lines"):
            if kept[what] != order[what]:
                wrong.append(f"{name}: {what} is {kept[what]} and was {order[what]}")
    told = {order["key"]: order["id"] for order in acknowledged}
    for answer in history["doubled"]:
        known = told.get(answer["twice"])
        if known and answer["status"] == 201 and answer["id"] and answer["id"] != known:
            wrong.append(f"{answer['twice']}, sent twice, is both {known} and {answer['id']}")
    return f"each of {len(acknowledged)} acknowledged orders exists exactly once", wrong


def nothing_else(history):
    """What was refused, or nobody asked for, is not there; no reference is there twice."""
    wrong = []
    placed = history["orders"]["placed"]
    for reference, count in Counter(order["reference"] for order in placed).items():
        if count != 1:
            wrong.append(f"reference {reference} is on record {count} times")
    asked = _asked(history, "order", "acknowledged")
    known = {order["id"] for order in asked}
    for order in placed:
        if order["id"] not in known:
            wrong.append(f"order {order['id']} ({order['reference']}) is on record, and nobody "
                         "was told of it")
    rows = Counter(row[0] for row in history["listed"])
    for order, count in rows.items():
        if count != 1 or order not in known:
            wrong.append(f"order {order} is listed {count} times, asked for: {order in known}")
    taken = {order["reference"] for order in asked}
    refused = _asked(history, "order", "refused")
    for order in refused:
        is_expected = order["status"] == 422 and order["code"] == "invalid-body"
        is_expected |= order["code"] == "reference-taken" and order["reference"] in taken
        if not is_expected:
            wrong.append(f"{order['key']} was refused: {order['status']} {order['code']}")
    for request in history["asked"]:
        if request["state"] == "open":
            wrong.append(f"{request['key']} was never answered for good")
        if request["kind"] == "receipt" and request["state"] == "refused":
            wrong.append(f"{request['key']} was refused: {request['status']} {request['code']}")
    return f"no other order exists, no reference twice; {len(refused)} were refused", wrong


def reads_saw_writes(history):
    """Whoever placed an order and asked for it with its token was not told that it is not there."""
    return "reads saw what was acknowledged", list(history["misread"])


def sagas_ended(history):
    """Every order has one end, its checkout is closed, and the shop counts none as open."""
    wrong = []
    log = history["orders"]
    ends = Counter(order for order, _, _ in log["ends"])
    started, closed = Counter(log["started"]), Counter(log["closed"])
    for order in log["placed"]:
        name = order["id"]
        if ends[name] != 1:
            wrong.append(f"order {name} has {ends[name]} ends")
        if started[name] != 1 or closed[name] != 1:
            wrong.append(f"the checkout of {name} began {started[name]} times and was closed "
                         f"{closed[name]} times")
    status_of = {order: end for order, end, _ in log["ends"]}
    for order, _, status in history["listed"]:
        if status != status_of.get(order):
            wrong.append(f"order {order} is shown as {status}, its log says "
                         f"{status_of.get(order)}")
    if history["status"].get("sagas", {}).get("open") != 0:
        wrong.append(f"the shop counts {history['status'].get('sagas')} open sagas")
    counts = Counter(end for _, end, _ in log["ends"])
    told = ", ".join(f"{count} {end}" for end, count in sorted(counts.items())) or "none"
    return f"every saga ended: {told}", wrong


def ended_as_they_had_to(history):
    """What went wrong in the shop ended no order: those that ended otherwise than well are the ones
    whose customer, carrier or goods had it so. Only a clock that is ahead may use up a customer's
    time."""
    wrong, reasons = [], Counter()
    ends = {order: (end, reason) for order, end, reason in history["orders"]["ends"]}
    cancelled = set(history["orders"]["cancel-requested"])
    for order in _asked(history, "order", "acknowledged"):
        end, reason = ends.get(order["id"], ("", ""))
        # How many were wanted is of no interest here.
        reasons[f"{end}: {reason.partition(' (')[0]}" if reason else end] += 1
        allowed = _ends_allowed(order)
        if order["id"] in cancelled:
            allowed |= {"cancelled"}
        if history["clocksWereAhead"]:
            allowed |= {"expired"}
        if end not in allowed:
            wrong.append(f"{order['key']} ({order['id']}, {order['token']}, {order['shipping']}) "
                         f"is {end or 'open'}: {reason}")
    told = ", ".join(f"{count} {why}" for why, count in reasons.most_common())
    return f"no order ended for a fault of the shop: {told or 'none'}", wrong


def _ends_allowed(order):
    """What the built-in provider and carrier, and the stock, may make of an order."""
    is_scarce = any(sku == SCARCE for sku, _ in order["lines"])
    allowed = {"rejected"} if is_scarce else set()
    if order["token"] in ("tok_declined", "tok_insufficient_funds"):
        return allowed | {"rejected"}
    if order["token"] in ("tok_timeout", "tok_late"):
        return allowed | {"expired"}
    return allowed | {"rejected" if order["shipping"] == "ship_refused" else "completed"}


def cancellations_kept(history):
    """A cancellation that was taken is on record, and its order was cancelled unless too late."""
    wrong = []
    kept = set(history["orders"]["cancel-requested"])
    taken = _asked(history, "cancellation", "acknowledged")
    for request in taken:
        if not kept.issuperset(request["ids"]):
            wrong.append(f"{request['key']} was acknowledged and is not on record")
    for request in _asked(history, "cancellation", "refused"):
        if request["status"] != 409:
            wrong.append(f"{request['key']} was refused: {request['status']} {request['code']}")
    return f"each of {len(taken)} acknowledged cancellations is on record", wrong


def nothing_parked(history):
    wrong = [f"{part['part']}: {part['parkedMessages']} messages are parked"
             for part in history["status"].get("parts", []) if part.get("parkedMessages")]
    wrong += [f"the log of {part['part']} is halted"
              for part in history["status"].get("parts", []) if part.get("logHalted")]
    return "no message is parked, no log is halted", wrong


def money_balances(history):
    """What completed orders come to was captured, order by order, and nothing else."""
    wrong = []
    completed = {order for order, end, _ in history["orders"]["ends"] if end == "completed"}
    due, captured = Counter(), Counter()
    wanted = {}
    for order in history["orders"]["placed"]:
        if order["id"] in completed:
            due[order["currency"]] += order["total"]
            wanted[order["id"]] = (order["total"], order["currency"])
    seen = Counter()
    for order, minor, currency in history["payments"]["captured"]:
        captured[currency] += minor
        seen[order] += 1
        if order not in wanted:
            wrong.append(f"{minor} {currency} were captured for {order}, which is not completed")
        elif (minor, currency) != wanted[order]:
            wrong.append(f"{minor} {currency} were captured for {order}, which comes to "
                         f"{wanted[order][0]} {wanted[order][1]}")
    wrong += [f"order {order} is completed and was captured {seen[order]} times"
              for order in wanted if seen[order] != 1]
    for currency in sorted(set(due) | set(captured)):
        if due[currency] != captured[currency]:
            wrong.append(f"completed orders come to {due[currency]} {currency}, captured were "
                         f"{captured[currency]}")
    voided = set(history["payments"]["voided"])
    wrong += [f"the authorization of {order} was neither captured nor voided"
              for order in set(history["payments"]["authorized"]) - voided - set(wanted)]
    wrong += [f"order {order} was captured and voided" for order in voided & set(seen)]
    told = ", ".join(f"{minor // 100}.{minor % 100:02} {currency}"
                     for currency, minor in sorted(captured.items()))
    return f"captured equals what completed orders come to: {told or 'nothing'}", wrong


def stock_balances(history):
    """Received = on hand + handed over, of each SKU; nothing is reserved, each receipt counts."""
    wrong = []
    received, gone = Counter(), Counter()
    references = Counter()
    for sku, quantity, reference in history["deliveries"]["received"]:
        received[sku] += quantity
        references[reference] += 1
    for request in _asked(history, "receipt", "acknowledged"):
        if references[request["reference"]] != 1:
            wrong.append(f"{request['key']} was acknowledged and is on record "
                         f"{references[request['reference']]} times")
    wanted = Counter()
    for request in _asked(history, "receipt", "acknowledged"):
        wanted[request["sku"]] += request["quantity"]
    lines = {order["id"]: order["lines"] for order in history["orders"]["placed"]}
    parcels = Counter(history["deliveries"]["handed-over"])
    for order, count in parcels.items():
        if count != 1:
            wrong.append(f"order {order} was handed over {count} times")
        for sku, quantity in lines.get(order, []):
            gone[sku] += quantity * count
    completed = {order for order, end, _ in history["orders"]["ends"] if end == "completed"}
    wrong += [f"order {order} is completed and was not handed over"
              for order in completed if parcels[order] != 1]
    wrong += [f"order {order} was handed over and is not completed"
              for order in parcels if order not in completed]
    for sku in sorted(set(received) | set(history["stock"])):
        on_hand, reserved = history["stock"].get(sku, [0, 0])
        if received[sku] != wanted[sku]:
            wrong.append(f"{sku}: {received[sku]} were received, acknowledged {wanted[sku]}")
        if received[sku] != on_hand + gone[sku]:
            wrong.append(f"{sku}: {received[sku]} received, {on_hand} on hand and {gone[sku]} "
                         "handed over")
        if reserved:
            wrong.append(f"{sku}: {reserved} are still reserved")
    return (f"received {sum(received.values())} = on hand "
            f"{sum(row[0] for row in history['stock'].values())} + handed over "
            f"{sum(gone.values())}, nothing is reserved"), wrong


def accounts_balance(history):
    """What the shop itself says of its books, where it keeps any."""
    accounts = history["accounts"]
    if accounts is None:
        return "the shop keeps no accounts of its own", []
    wrong = [f"{alarm.get('book')}: {alarm.get('code')}: {alarm.get('detail')}"
             for alarm in accounts.get("alarms", [])]
    if accounts.get("balanced") is not True:
        wrong.append("the shop says that its books do not balance")
    if accounts.get("ordersOutOfBalance"):
        wrong.append(f"orders out of balance: {accounts['ordersOutOfBalance']}")
    return "the shop's own accounts balance", wrong


def quiet_again(history):
    """Every part came back, every reader has read all, no call is due."""
    return "all parts are up, no reader is behind", list(history["unquiet"])


def rows_equal_replay(history):
    """Rows built anew are the same, a fresh fold of all logs finds nothing, nor does the doctor."""
    wrong = []
    for name in ("rebuild", "replay"):
        code, said = history["commands"][name]
        if code != 0:
            wrong.append(f"{name} ended with {code}: {said[-600:]}")
    code, said = history["commands"]["doctor"]
    try:
        problems = [check for check in json.loads(said)["checks"] if check["state"] == "problem"]
    except (ValueError, KeyError, TypeError):
        problems = [{"name": f"doctor ended with {code}", "finding": said[-600:]}]
    # A clock that was ahead leaves times on record that the right clock has yet to come to.
    wrong += [f"doctor: {problem['name']}: {problem['finding']}" for problem in problems
              if not (problem["name"] == "clock" and history["clocksWereAhead"])]
    if history["commands"]["rebuild"][0] == 0 and history["differences"] != 0:
        wrong.append(f"the rows differ from those built anew in {history['differences']} places")
    return "rows built anew are the same, replay and doctor find nothing", wrong


def stopped_cleanly(history):
    return "the shop stopped cleanly", list(history["stop"])


CHECKS = (
    quiet_again, acknowledged_once, nothing_else, reads_saw_writes, sagas_ended,
    ended_as_they_had_to, cancellations_kept, nothing_parked, money_balances, stock_balances,
    accounts_balance, rows_equal_replay, stopped_cleanly,
)


def judge(history):
    """For each check its name, what it says, and what is wrong."""
    return [(check.__name__.replace("_", " "), *check(history)) for check in CHECKS]


def briefly(wrong):
    more = len(wrong) - NAMED
    return wrong[:NAMED] + ([f"and {more} more"] if more > 0 else [])


def _asked(history, kind, state):
    return [request for request in history["asked"]
            if request["kind"] == kind and request["state"] == state]
