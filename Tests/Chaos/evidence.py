"""What a shop says of itself once it is quiet: its logs, lists and status. Judged in checks.py."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from load import SCARCE, SKUS

ENDS = ("order.completed", "order.cancelled", "order.rejected", "order.expired")


class Unreadable(Exception):
    """The shop does not say what is asked; the text names it."""


def ask(url, headers=None, limit=15):
    """Status and body of an answer."""
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=limit) as response:
            return response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            content = error.read()
        try:
            return error.code, json.loads(content or b"{}")
        except ValueError:
            return error.code, {}
    except (OSError, ValueError) as error:
        raise Unreadable(f"{url}: {error}") from error


def unquiet(status):
    """What a status tells that is not yet as it is in a quiet shop; nothing where all is."""
    found = []
    if status.get("status") != "ready":
        found.append(f"the shop is {status.get('status', 'silent')}")
    for part in status.get("parts", []):
        if part["state"] != "up":
            found.append(f"{part['part']} is {part['state']}")
        for what in ("inputsWaiting", "callsWaiting"):
            if part.get(what, 0):
                found.append(f"{part['part']}: {what} {part[what]}")
    for reader in status.get("consumers", []):
        if reader["behindEvents"]:
            found.append(f"{reader['consumer']} is {reader['behindEvents']} events behind "
                         f"{reader['source']}")
    if status.get("sagas", {}).get("open") != 0:
        found.append(f"open sagas: {status.get('sagas', {}).get('open')}")
    if status.get("intakeStopped"):
        found.append("new orders are refused")
    return found


def events(shop, service):
    """Every event on record in a service's log, oldest first."""
    command = [shop.shopctl, "events", "--service", service, "--data", shop.data, "--json",
               "--limit", "1000000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        for line in process.stdout:
            yield json.loads(line)
        complaints = process.stderr.read()
    if process.returncode != 0:
        raise Unreadable(f"the events of {service}: {complaints.strip()}")


def orders_log(shop, latest):
    """Placed orders, their ends, cancellations and checkouts: lists, so that doubles show."""
    found = {"placed": [], "ends": [], "cancel-requested": [], "started": [], "closed": []}
    for event in _noted(shop, "orders", latest):
        order, kind, data = event["stream"].partition("-")[2], event["type"], event["data"]
        if kind == "order.placed":
            total = sum(line["quantity"] * line["unitPrice"] for line in data["lines"])
            found["placed"].append({
                "id": order, "reference": data.get("reference", ""),
                "currency": data["currency"], "total": total,
                "lines": [[line["sku"], line["quantity"]] for line in data["lines"]]})
        elif kind in ENDS:
            found["ends"].append([order, kind.partition(".")[2], data.get("reason", "")])
        elif kind == "order.cancellation-requested":
            found["cancel-requested"].append(order)
        elif kind == "checkout.started":
            found["started"].append(order)
        elif kind in ("checkout.completed", "checkout.compensated"):
            found["closed"].append(order)
    return found


def payments_log(shop, latest):
    found = {"captured": [], "authorized": [], "voided": []}
    for event in _noted(shop, "payments", latest):
        order, kind = event["stream"].partition("-")[2], event["type"].partition(".")[2]
        if kind == "captured":
            amount = event["data"]["amount"]
            found["captured"].append([order, amount["minor"], amount["currency"]])
        elif kind in ("authorized", "voided"):
            found[kind].append(order)
    return found


def deliveries_log(shop, latest):
    found = {"received": [], "handed-over": []}
    for event in _noted(shop, "deliveries", latest):
        kind, data = event["type"], event["data"]
        if kind == "stock.received":
            found["received"].append([data["sku"], data["quantity"], data.get("reference", "")])
        elif kind == "delivery.handed-over":
            found["handed-over"].append(event["stream"].partition("-")[2])
    return found


def _noted(shop, service, latest):
    """The events, and in `latest` the time of the newest."""
    for event in events(shop, service):
        latest[service] = event["recordedAt"]
        yield event


def listed(shop):
    """All orders that the shop lists, page by page."""
    found, path = [], "/v1/orders?limit=500"
    while path:
        status, body = ask(shop.url + path)
        if status != 200:
            raise Unreadable(f"{path}: {status} {body}")
        found += [[order["id"], order.get("reference", ""), order["status"]]
                  for order in body["orders"]]
        path = body.get("next") and "/v1/orders?limit=500&cursor=" + urllib.parse.quote(
            body["next"], safe="")
    return found


def stock(shop):
    found = {}
    for sku in SKUS + (SCARCE,):
        status, body = ask(f"{shop.url}/v1/stock/{sku}")
        if status != 200:
            raise Unreadable(f"the stock of {sku}: {status} {body}")
        found[sku] = [body["onHand"], body["reserved"]]
    return found


def history(shop, load, quiet, status):
    """All that the checks look at, of a shop that runs and was left in peace.

    Members that only a stopped shop has are added by whoever stops it."""
    latest = {}
    accounts_status, accounts = ask(f"{shop.url}/v1/accounts")
    found = {
        "asked": [_asked(request)
                  for request in load.orders + load.receipts + load.cancellations],
        "doubled": shop.doubled(),
        "misread": load.misread,
        "unquiet": quiet,
        "status": status,
        "accounts": accounts if accounts_status == 200 else None,
        "orders": orders_log(shop, latest),
        "payments": payments_log(shop, latest),
        "deliveries": deliveries_log(shop, latest),
        "listed": listed(shop),
        "stock": stock(shop),
    }
    # Nothing is asked of the mails but that the log can be read.
    found["mails"] = sum(event["type"] == "notification.sent"
                         for event in _noted(shop, "notifications", latest))
    found["latest"] = latest
    return found


def _asked(request):
    total = sum(line["quantity"] * line["unitPrice"] for line in request.body.get("lines", []))
    lines = [[line["sku"], line["quantity"]] for line in request.body.get("lines", [])]
    return {
        "kind": request.kind, "key": request.key, "state": request.state, "id": request.id,
        "ids": sorted(request.ids), "reference": request.reference,
        "status": request.status, "code": request.code, "total": total,
        "currency": request.body.get("currency", ""), "lines": lines,
        "token": request.body.get("token", ""), "shipping": request.body.get("shipping", ""),
        "quantity": request.body.get("quantity", 0),
        "sku": request.path.split("/")[3] if request.kind == "receipt" else "",
    }


def wait(limit, is_so):
    """Whether it became so within so many seconds; asked again and again."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.2)
    return False
