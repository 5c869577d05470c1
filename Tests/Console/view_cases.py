"""A way of clicks through each view, at a real shop; acts are answered by what is put between."""
import json

from shop import expect, problem

ORDER = "11111111-2222-3333-4444-555555555555"
EXACT = 9223372036854775807
MESSAGE = {
    "source": "orders/to-payments", "position": 12, "key": ORDER, "id": "orders/1/12",
    "type": "checkout.step-requested", "reason": "the amount cannot be read",
    "at": "2026-11-28T01:02:03.456789Z", "data": {"amount": EXACT},
}
SAGA = {
    "order": ORDER, "state": "postponed", "isPastPivot": True,
    "pending": {"step": "capture payment", "direction": "forward", "attempt": 3},
    "stuck": True, "why": "refused three times",
    "steps": [
        {"step": "hand over", "service": "deliveries", "state": "done", "attempts": 1},
        {"step": "capture payment", "service": "payments", "state": "pending", "attempts": 3},
        {"step": "complete order", "service": "orders", "state": "ahead", "attempts": 0}],
    "history": [], "parked": [],
}


def overview(shop):
    order = shop.place("olivia")
    shop.ended(order)
    page = shop.page("overview")
    for text in ("Orders accepted", "Orders completed", "Events recorded", "Sagas in flight",
                 "Lag", "Parked", "Intake", "Newest position"):
        page.wait_text(text)
    page.wait("[...document.querySelectorAll('.panel tbody th')].filter((e) =>"
              " ['orders', 'payments', 'deliveries', 'notifications']"
              ".includes(e.textContent)).length >= 4", "the four logs show")
    head = max(p.get("logHead", 0) for p in shop.get("/v1/status")["parts"])
    page.wait(f"[...document.querySelectorAll('.panel td')].some((e) =>"
              f" Number(e.textContent.replaceAll(',', '')) >= {head})", "the greatest head shows")
    page.click_text("completed", "main")
    page.wait("location.hash.includes('search?status=completed')", "the list is linked to")
    return page


def events(shop):
    page = shop.page("events")
    order = shop.place("emil")
    row = f"document.querySelector('#stream tr[data-id^=\"orders/\"] td:nth-child(3)')"
    page.wait(f"[...document.querySelectorAll('#stream td')]"
              f".some((e) => e.textContent === 'order-{order}')", "the new order shows by itself")
    page.click("#filter")
    page.type(order)
    page.wait(f"[...document.querySelectorAll('#stream tbody tr')]"
              f".every((e) => e.textContent.includes('{order}'))", "only what matches is left")
    page.wait(f"location.hash.includes('text={order}')", "the filter can be linked to")
    page.wait(f"{row}", "an event of the orders' log is there")
    page.click("#stream tr[data-id^='orders/']")
    page.wait("!document.querySelector('.detail').hidden", "the event is shown")
    page.wait("document.querySelector('#pause').textContent === 'Go on'", "it pauses")
    page.wait("document.querySelector('.detail pre').textContent.includes('{')", "data show")
    page.click("#pause")
    page.wait("document.querySelector('.detail').hidden", "going on closes the event")
    return page


def search(shop):
    orders = [shop.place("sam", reference=f"list-{shop.token}-{n}") for n in range(52)]
    for order in orders:
        shop.ended(order)
    page = shop.page("search")
    page.wait("document.querySelectorAll('tbody a[href^=\"#/order/\"]').length === 50", "a page")
    page.click_text("Older")
    page.wait_text("page 2")
    page.click_text("Newer")
    page.wait_text("page 1")
    page.click("#q")
    page.type("sam")
    page.key("Enter")
    page.wait_text("Orders of customer sam")
    page.wait(f"document.body.innerText.includes('list-{shop.token}-51')", "the reference shows")
    page.run("location.hash = '#/search?q=mug'")
    page.wait_text("On hand")
    page.run("location.hash = '#/search?status=completed'")
    page.wait_text("Newest orders, completed")
    page.run(f"location.hash = '#/search?q={orders[0]}'")
    page.click(f"a[href='#/order/{orders[0]}']")
    page.wait("document.querySelector('h1').textContent === 'Order'", "the order is shown")
    return page


def order_lanes(shop):
    order = shop.place("lena", line={"description": "a mug"})
    shop.ended(order)
    page = shop.page(f"order/{order}")
    page.wait("document.querySelectorAll('.node.fact').length >= 12", "its events are drawn")
    expect(page.run("document.querySelectorAll('.node.request').length") >= 4,
           "requests that are no public facts are drawn")
    events = shop.get(f"/v1/orders/{order}/timeline")["events"]
    caused = {event["id"] for event in events if "causationId" in event}
    reached = page.run("[...document.querySelectorAll('.wire')].map((e) => e.dataset.to)")
    expect(caused <= set(reached), f"no arrow leads to {caused - set(reached)}")
    expect(page.run("[...document.querySelectorAll('.lane-of')].length") == 4, "four lanes")
    for service in ("orders", "payments", "deliveries", "notifications"):
        expect(page.run(f"document.querySelectorAll('.node.fact.{service}').length") > 0, service)
    page.click(".node.payments .box")
    page.wait("document.querySelector('.detail h2').textContent.startsWith('payment.')", "detail")
    page.wait("document.querySelector('section[aria-label=Saga] tbody').rows.length === 7", "steps")
    page.click(".node.request .box")
    page.wait("document.querySelector('.detail h2').textContent === 'checkout.step-requested'",
              "the saga's history tells of a request")
    page.click_text("Close", ".detail")
    page.click("summary[data-focus='as table']")
    page.wait(f"document.querySelector('details[open] tbody').rows.length === {len(events)}",
              "the same as a table")
    page.wait_text("lena")
    page.run("location.hash = '#/order/no-such-order'")
    page.wait_text("order-not-found", "an order that is not there says so")
    return page


def unnamed_request(shop):
    """Where nothing tells of a cause that is no public fact, it is drawn all the same."""
    order = shop.place("uma")
    shop.ended(order)
    page = shop.page(f"order/{order}", intercept=(
        ["*/v1/sagas/*"], lambda *_: problem(404, "order-not-found", "There is no such order.")))
    page.wait_text("There is no saga of this order.")
    page.click(".node.request .box")
    page.wait_text("is no public fact")
    return page


def sagas(shop):
    order = shop.place("sven", token="tok_timeout")
    page = shop.page("sagas")
    link = f"document.querySelector('a[href=\"#/order/{order}\"]')"
    page.wait(link, "the order that waits shows")
    page.wait("document.querySelector('button[data-focus^=\"step authorize payment\"]')",
              "its step is counted")
    page.click("button[data-focus^='step authorize payment']")
    page.wait("location.hash.includes('step=authorize')", "the step can be linked to")
    page.wait(link, "it is at that step")
    page.click(f"a[href='#/order/{order}']")
    page.wait("document.querySelectorAll('.view table tbody tr').length >= 7", "all steps show")
    page.wait("document.querySelector('button[data-focus=\"act Retry\"]')", "it can be acted on")
    return page


def saga_acts(shop):
    sent = []

    def answer(method, url, body):
        if method == "POST":
            sent.append((url.removeprefix(shop.url), json.loads(body)))
            if sent[-1][1]["act"] == "retry":
                return 200, {"order": ORDER, "act": "retry", "event": "orders/1/99"}
            return problem(409, "not-pending", "The step was done meanwhile.")
        if url.endswith(ORDER):
            return 200, SAGA
        row = {key: SAGA[key] for key in ("order", "state", "stuck", "why")}
        row.update(SAGA["pending"])
        steps = [{"step": "capture payment", "direction": "forward", "open": 2, "stuck": 1,
                  "oldestAt": "2026-11-28T01:02:03Z"}]
        return 200, {"sagas": [row], "steps": steps}

    page = shop.page("sagas?stuck=true", intercept=(["*/v1/sagas*"], answer))
    page.click_text("Acts…")
    page.wait("document.querySelector('dialog [data-focus=\"act Compensate\"]').disabled",
              "past the pivot nothing is compensated")
    page.click_text("Retry…", "dialog")
    page.wait_text("Asks payments for “capture payment” again now, as attempt 4.")
    page.click_text("Retry", "dialog")
    expect(not sent, "nothing is sent without who and why")
    page.type("alice")
    page.key("Tab")
    page.type("the provider is back")
    page.key("Enter")
    page.wait_text("on record as orders/1/99")
    expect(sent == [(f"/v1/sagas/{ORDER}/acts", {
        "act": "retry", "by": "alice", "why": "the provider is back"})], f"{sent}")
    page.click_text("Acts…")
    page.click_text("Skip…", "dialog")
    page.wait_text("Next comes “complete order”")
    page.type("we took it by hand")
    page.click_text("Skip", "dialog")
    page.wait_text("The step was done meanwhile.", "a refusal shows in the dialog")
    expect(sent[1][1] == {"act": "skip", "step": "capture payment", "by": "alice",
                          "why": "we took it by hand"}, f"who acted is remembered: {sent[1]}")
    page.key("Escape")
    page.wait("!document.querySelector('dialog')", "Escape closes it")
    return page


def parked(shop):
    sent = []

    def answer(method, url, body):
        if method != "POST":
            messages = [] if "service=orders" in url else [MESSAGE]
            return 200, {"service": "payments", "messages": messages}
        sent.append(body)
        act = json.loads(body)
        done = {"act": act["act"], "dryRun": act["dryRun"], "applied": 1, "left": 2}
        if act["act"] == "retry":
            done["stopped"] = {"position": 14, "reason": "still cannot be read"}
        return 200, done if act["dryRun"] else {**done, "event": "payments/1/88"}

    page = shop.page("parked?service=payments", intercept=(["*/v1/parked*"], answer))
    page.click_text("orders/1/12")
    page.wait(f"document.querySelector('.detail pre').textContent.includes('{EXACT}')",
              "a number of 64 bits shows as it is")
    page.click_text("Retry…")
    page.type("alice")
    page.key("Tab")
    page.type("mended")
    page.wait("document.querySelector('dialog .primary').disabled", "a dry run comes first")
    page.click_text("Dry run")
    page.wait_text("1 message would be settled, 2 messages of this key left.")
    page.wait_text("It stops at position 14: still cannot be read")
    page.click_text("Retry", "dialog")
    page.wait_text("On record as payments/1/88")
    rehearsal, act = map(json.loads, sent)
    expect(rehearsal.pop("dryRun") is True and act.pop("dryRun") is False, "dry, then not")
    expect(rehearsal == act == {"act": "retry", "source": "orders/to-payments", "key": ORDER,
                                "by": "alice", "why": "mended"}, f"{act}")
    edited(page, sent)
    page.click("#by-key")
    page.type(ORDER)
    page.key("Enter")
    page.wait(f"location.hash.includes('key={ORDER}')", "the key can be linked to")
    page.wait_text("orders/1/12", "the same answer to another question is shown")
    page.click_text("orders 0")
    page.wait_text("Nothing is parked here.")
    page.wait("location.hash.includes('service=orders')", "the service can be linked to")
    return page


def edited(page, sent):
    page.click_text("orders/1/12")
    page.click_text("Edit…")
    page.run("(() => { const e = document.querySelector('dialog textarea');"
             " e.value = '{\"amount\":';"
             " e.dispatchEvent(new Event('input', { bubbles: true })); })()")
    page.wait_text("This is no JSON yet")
    page.run(f"(() => {{ const e = document.querySelector('dialog textarea');"
             f" e.value = '{{\"amount\":{EXACT - 1}}}';"
             " e.dispatchEvent(new Event('input', { bubbles: true })); })()")
    page.wait("document.querySelector('dialog .fault').textContent === ''", "it is JSON")
    page.run("document.querySelector('dialog [name=why]').focus()")
    page.type("a typing error")
    page.click_text("Dry run")
    page.wait("!document.querySelector('dialog .primary').disabled", "it may be done")
    page.type(" of ours")
    page.run("document.querySelector('dialog [name=why]').focus()")
    page.type("!")
    page.wait("document.querySelector('dialog .primary').disabled", "other input, another run")
    page.click_text("Dry run")
    page.wait("!document.querySelector('dialog .primary').disabled", "it may be done")
    page.click_text("Edit", "dialog")
    page.wait("!document.querySelector('dialog')", "it is done")
    expect(f'"data":{{"amount":{EXACT - 1}}}' in sent[-1], "data go as they were written")
    expect(json.loads(sent[-1])["position"] == 12, "the message is named")


def correction(shop):
    sent = []

    def answer(method, url, body):
        sent.append(json.loads(body))
        return 200, {"id": ORDER, "event": "orders/1/100"}

    order = shop.place("carl")
    shop.ended(order)
    page = shop.page(f"order/{order}", intercept=(["*/corrections"], answer))
    page.click_text("Correct…")
    page.run("document.querySelector('dialog [name=by]').focus()")
    page.type("alice")
    page.key("Tab")
    page.type("a typing error")
    page.click_text("Correct", "dialog")
    page.wait_text("Nothing is changed yet.")
    page.run("document.querySelector('dialog [name=customer]').select()")
    page.run("document.querySelector('dialog [name=customer]').focus()")
    page.type("karl")
    page.click_text("Correct", "dialog")
    page.wait_text("on record as orders/1/100")
    expect(sent == [{"customer": "karl", "by": "alice", "why": "a typing error"}], f"{sent}")
    return page


def lag(shop):
    page = shop.page("lag")
    readers = len(shop.get("/v1/status")["consumers"])
    expect(readers >= 8, "the shop has readers")
    page.wait(f"document.querySelector('tbody').rows.length === {readers}", "a row each reader")
    page.wait_text("orders/to-payments")
    return page


def broker(shop):
    shop.place("bob")
    page = shop.page("broker")
    page.wait_text("kassa-orders")
    page.wait("document.querySelector('tbody').rows.length === 4", "a row each stream")
    return page


def books(shop):
    shop.ended(shop.place("bea"))
    page = shop.page("books")
    page.wait_text("orders/to-payments")
    page.wait_text("GBP")
    page.wait_text("Stock")
    return page


def troubles(shop):
    """What is wrong is said where it happened, and at a glance."""
    def answer(method, url, body):
        if "/v1/accounts" in url:
            return 200, {
                "at": "2026-11-28T01:02:03Z", "balanced": False, "hops": [], "money": [],
                "stock": {"balanced": True, "accounts": []}, "ordersOutOfBalance": 1,
                "alarms": [{"book": "money", "code": "captured-differs", "order": ORDER,
                            "detail": "captured 1.00 GBP of 2.00 GBP"}]}
        return problem(503, "read-store-unavailable", "The rows cannot be read now.")

    page = shop.page("overview", intercept=(["*/v1/accounts", "*/v1/reports/*"], answer))
    page.wait_text("captured 1.00 GBP of 2.00 GBP")
    page.wait("document.querySelector('#state').textContent.includes('to look at')", "at a glance")
    page.wait_text("The rows cannot be read now.")
    expect(page.run("document.querySelector('section[aria-label=\"Orders by status\"] .problem')"
                    " !== null"), "it is said where it happened")
    # It is what was asked for here.
    page.complaints.clear()
    return page


CASES = [overview, events, search, order_lanes, unnamed_request, sagas, saga_acts, parked,
         correction, lag, broker, books, troubles]
