"""Do the checks find anything? A true history passes all of them; then one thing at a time is made
false, and the check whose business it is must say so. `scripts/chaos --self-test` runs it.

What a seed decides is checked too: the same seed, the same faults."""

import copy
import json
import sys

import checks
import report
from evidence import unquiet
from schedule import KINDS, schedule


def true_history():
    """A small shop in which all is right: two completed orders, one rejected, one cancelled."""
    ends = ("completed", "completed", "rejected", "cancelled")
    placed = [
        {"id": f"id-{number}", "reference": f"reference-{number}", "currency": currency,
         "total": 1000 + number, "lines": [["mug", 2], ["cup", 1]]}
        for number, currency in enumerate(("GBP", "EUR", "GBP", "GBP"))]
    asked = [
        {"kind": "order", "key": f"order-{number}", "state": "acknowledged", "id": order["id"],
         "ids": [order["id"]], "status": 201, "code": "", "quantity": 0, "sku": "",
         "token": "tok_declined" if number == 2 else "tok_ok", "shipping": "ship_ok", **{
             name: order[name] for name in ("reference", "currency", "total", "lines")}}
        for number, order in enumerate(placed)]
    bare = {"id": "", "ids": [], "reference": "", "currency": "", "total": 0, "lines": [],
            "quantity": 0, "sku": "", "status": 201, "code": ""}
    asked += [
        bare | {"kind": "order", "key": "order-4", "state": "refused", "status": 422,
                "code": "invalid-body"},
        bare | {"kind": "order", "key": "order-5", "state": "refused", "status": 409,
                "code": "reference-taken", "reference": "reference-1"},
        bare | {"kind": "receipt", "key": "receipt-0", "state": "acknowledged", "sku": "mug",
                "quantity": 10, "reference": "receipt-0"},
        bare | {"kind": "receipt", "key": "receipt-1", "state": "acknowledged", "sku": "cup",
                "quantity": 5, "reference": "receipt-1"},
        bare | {"kind": "cancellation", "key": "cancel-order-3", "state": "acknowledged",
                "id": "id-3", "ids": ["id-3"], "status": 202},
    ]
    names = [order["id"] for order in placed]
    return {
        "asked": asked,
        "doubled": [{"twice": "order-0", "status": 201, "id": "id-0"}],
        "misread": [],
        "unquiet": [],
        "status": {"sagas": {"open": 0}, "parts": [{"part": "orders", "parkedMessages": 0}]},
        "accounts": {"balanced": True, "ordersOutOfBalance": 0, "alarms": []},
        "orders": {
            "placed": placed, "ends": [[name, end, ""] for name, end in zip(names, ends)],
            "cancel-requested": ["id-3"], "started": list(names), "closed": list(names)},
        "payments": {
            "captured": [["id-0", 1000, "GBP"], ["id-1", 1001, "EUR"]],
            "authorized": ["id-0", "id-1", "id-3"], "voided": ["id-3"]},
        "deliveries": {
            "received": [["mug", 10, "receipt-0"], ["cup", 5, "receipt-1"]],
            "handed-over": ["id-0", "id-1"]},
        "listed": [[name, f"reference-{number}", end]
                   for number, (name, end) in enumerate(zip(names, ends))],
        "stock": {"mug": [6, 0], "cup": [3, 0]},
        "commands": {"rebuild": [0, "{}"], "replay": [0, "verified"],
                     "doctor": [0, json.dumps({"checks": []})]},
        "differences": 0,
        "clocksWereAhead": False,
        "stop": [],
    }


def _order(history, number):
    return history["asked"][number]


FALSEHOODS = [
    # What is made false, the check that must see it, and how it is made.
    ("an acknowledged order is not on record", "acknowledged once",
     lambda h: h["orders"]["placed"].pop(0)),
    ("an acknowledged order is not listed", "acknowledged once", lambda h: h["listed"].pop(0)),
    ("an order is on record twice", "acknowledged once",
     lambda h: h["orders"]["placed"].append(dict(h["orders"]["placed"][0]))),
    ("an order is listed twice", "acknowledged once",
     lambda h: h["listed"].append(list(h["listed"][0]))),
    ("a key was told two ids", "acknowledged once",
     lambda h: _order(h, 0)["ids"].append("id-9")),
    ("a doubled request got another id", "acknowledged once",
     lambda h: h["doubled"].append({"twice": "order-1", "status": 201, "id": "id-0"})),
    ("an order has another total", "acknowledged once",
     lambda h: h["orders"]["placed"][0].update(total=1)),
    ("an order lost a line", "acknowledged once",
     lambda h: h["orders"]["placed"][0].update(lines=[["mug", 2]])),
    ("a reference is on record twice", "nothing else",
     lambda h: h["orders"]["placed"][1].update(reference="reference-0")),
    ("an order is there that nobody asked for", "nothing else",
     lambda h: h["orders"]["placed"].append(h["orders"]["placed"][0] | {
         "id": "id-9", "reference": "reference-9"})),
    ("an order is listed that nobody asked for", "nothing else",
     lambda h: h["listed"].append(["id-9", "", "completed"])),
    ("an order was refused without reason", "nothing else",
     lambda h: _order(h, 4).update(code="idempotency-key-reused")),
    ("a free reference was refused as taken", "nothing else",
     lambda h: _order(h, 5).update(reference="reference-5")),
    ("a request was never answered", "nothing else", lambda h: _order(h, 4).update(state="open")),
    ("goods were refused", "nothing else",
     lambda h: _order(h, 6).update(state="refused", status=409)),
    ("a read did not see its write", "reads saw writes",
     lambda h: h["misread"].append("order id-0: 404")),
    ("an order has no end", "sagas ended", lambda h: h["orders"]["ends"].pop(0)),
    ("an order has two ends", "sagas ended",
     lambda h: h["orders"]["ends"].append(["id-0", "cancelled", ""])),
    ("a checkout was not closed", "sagas ended", lambda h: h["orders"]["closed"].pop(0)),
    ("a checkout never began", "sagas ended", lambda h: h["orders"]["started"].pop(0)),
    ("an order is shown as it is not", "sagas ended",
     lambda h: h["listed"][0].__setitem__(2, "placed")),
    ("the shop counts an open saga", "sagas ended", lambda h: h["status"]["sagas"].update(open=1)),
    ("an order was rejected though its customer pays", "ended as they had to",
     lambda h: _order(h, 2).update(token="tok_ok")),
    ("an order expired for nobody's slowness", "ended as they had to",
     lambda h: h["orders"]["ends"][0].__setitem__(1, "expired")),
    ("an order was cancelled by nobody", "ended as they had to",
     lambda h: h["orders"]["cancel-requested"].clear()),
    ("an order was completed that was declined", "ended as they had to",
     lambda h: h["orders"]["ends"][2].__setitem__(1, "completed")),
    ("a cancellation is not on record", "cancellations kept",
     lambda h: h["orders"]["cancel-requested"].clear()),
    ("a cancellation was refused as unknown", "cancellations kept",
     lambda h: _order(h, 8).update(state="refused", status=404)),
    ("a message is parked", "nothing parked",
     lambda h: h["status"]["parts"][0].update(parkedMessages=1)),
    ("a log is halted", "nothing parked",
     lambda h: h["status"]["parts"][0].update(logHalted=True)),
    ("a completed order was not captured", "money balances",
     lambda h: h["payments"]["captured"].pop(0)),
    ("an order was captured twice", "money balances",
     lambda h: h["payments"]["captured"].append(["id-0", 1000, "GBP"])),
    ("a penny too much was captured", "money balances",
     lambda h: h["payments"]["captured"].__setitem__(0, ["id-0", 1001, "GBP"])),
    ("another currency was captured", "money balances",
     lambda h: h["payments"]["captured"].__setitem__(0, ["id-0", 1000, "EUR"])),
    ("a rejected order was captured", "money balances",
     lambda h: h["payments"]["captured"].append(["id-2", 1002, "GBP"])),
    ("a hold on a card was left", "money balances", lambda h: h["payments"]["voided"].clear()),
    ("what was captured was voided too", "money balances",
     lambda h: h["payments"]["voided"].append("id-0")),
    ("a stock line is gone", "stock balances", lambda h: h["deliveries"]["received"].pop(0)),
    ("a receipt counts twice", "stock balances",
     lambda h: h["deliveries"]["received"].append(["mug", 10, "receipt-0"])),
    ("a unit is missing on the shelf", "stock balances",
     lambda h: h["stock"].update(mug=[5, 0])),
    ("stock is still reserved", "stock balances", lambda h: h["stock"].update(mug=[6, 1])),
    ("a completed order was not handed over", "stock balances",
     lambda h: h["deliveries"]["handed-over"].pop(0)),
    ("a parcel was handed over twice", "stock balances",
     lambda h: h["deliveries"]["handed-over"].append("id-0")),
    ("a rejected order was handed over", "stock balances",
     lambda h: h["deliveries"]["handed-over"].append("id-2")),
    ("the shop's own books do not balance", "accounts balance",
     lambda h: h["accounts"].update(balanced=False)),
    ("the shop's books raise an alarm", "accounts balance",
     lambda h: h["accounts"]["alarms"].append({"book": "money", "code": "captured-differs"})),
    ("an order is out of balance in the shop's books", "accounts balance",
     lambda h: h["accounts"].update(ordersOutOfBalance=1)),
    ("a part is silent", "quiet again", lambda h: h["unquiet"].append("payments is silent")),
    ("the replay finds a difference", "rows equal replay",
     lambda h: h["commands"].update(replay=[1, "differs"])),
    ("the rows differ from those built anew", "rows equal replay",
     lambda h: h.update(differences=1)),
    ("nobody knows whether the rows differ", "rows equal replay",
     lambda h: h.update(differences=None)),
    ("the rebuild fails", "rows equal replay", lambda h: h["commands"].update(rebuild=[1, ""])),
    ("the doctor finds a problem", "rows equal replay",
     lambda h: h["commands"].update(doctor=[1, json.dumps({"checks": [
         {"name": "clock", "state": "problem", "finding": "behind"}]})])),
    ("the doctor says nothing", "rows equal replay",
     lambda h: h["commands"].update(doctor=[None, "it has not ended"])),
    ("the shop did not stop cleanly", "stopped cleanly",
     lambda h: h["stop"].append("up ended with None")),
]

STATUS = {
    "status": "ready", "intakeStopped": False, "sagas": {"open": 0},
    "parts": [{"part": "orders", "state": "up", "inputsWaiting": 0, "callsWaiting": 0}],
    "consumers": [{"consumer": "orders", "source": "payments/facts", "behindEvents": 0}],
}

UNQUIET = [
    ("a status says that the shop is not ready", lambda s: s.update(status="not-ready")),
    ("a part is silent", lambda s: s["parts"][0].update(state="silent")),
    ("a call is due", lambda s: s["parts"][0].update(callsWaiting=1)),
    ("an input waits", lambda s: s["parts"][0].update(inputsWaiting=1)),
    ("a reader is behind", lambda s: s["consumers"][0].update(behindEvents=1)),
    ("a saga is open", lambda s: s["sagas"].update(open=1)),
    ("nobody knows how many sagas are open", lambda s: s["sagas"].clear()),
    ("no orders are taken", lambda s: s.update(intakeStopped=True)),
]


def cases():
    """Each thing that must hold of the campaign itself: its name, and whether it does."""
    found = {name: wrong for name, _, wrong in checks.judge(true_history())}
    yield "a true history passes", not any(found.values())
    for name, check, falsify in FALSEHOODS:
        history = copy.deepcopy(true_history())
        falsify(history)
        found = {name: wrong for name, _, wrong in checks.judge(history)}
        yield f"found: {name}", bool(found[check])
    named = {check for _, check, _ in FALSEHOODS}
    yield "every check has a falsehood", named == set(found)
    yield "a quiet shop is quiet", unquiet(STATUS) == []
    for name, falsify in UNQUIET:
        status = copy.deepcopy(STATUS)
        falsify(status)
        yield f"found: {name}", bool(unquiet(status))
    yield "a clock that was ahead is no problem afterwards", _is_clock_forgiven()
    yield "the same seed gives the same faults", schedule(7, 600) == schedule(7, 600)
    yield "another seed gives others", schedule(7, 600) != schedule(8, 600)
    yield "a longer campaign begins alike", _begins_alike()
    kinds = {fault.kind for fault in schedule(7, 600)}
    yield "ten minutes see every kind of fault", kinds == set(KINDS)
    shares = report.percentiles([number / 1000 for number in range(1, 101)])
    yield "percentiles", shares == {"p50": 51.0, "p90": 91.0, "p99": 100.0, "max": 100.0}


def _is_clock_forgiven():
    history = true_history()
    history["clocksWereAhead"] = True
    history["commands"]["doctor"] = [1, json.dumps({"checks": [
        {"name": "clock", "state": "problem", "finding": "behind"}]})]
    return not checks.rows_equal_replay(history)[1]


def _begins_alike():
    """But for what the shorter one's end cuts off."""
    short, long = schedule(7, 60), schedule(7, 600)
    return [(fault.at, fault.kind) for fault in short] == [
        (fault.at, fault.kind) for fault in long[:len(short)]]


def main():
    failed = count = 0
    for name, is_so in cases():
        count += 1
        if not is_so:
            failed += 1
            print(f"FAILED {name}")
    print(f"{count} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
