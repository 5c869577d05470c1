"""The shop that the console is shown by, and what cases need of it."""
import json
import secrets
import time
import urllib.error
import urllib.request

from chromium import PATIENCE, Failure


class Shop:
    """A running shop, by its URL; `browser` is shared by all cases."""

    def __init__(self, url, browser):
        self.url, self.browser = url, browser
        # A reference belongs to one order for ever; the suite may be run again.
        self.token = secrets.token_hex(4)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def post(self, path, value):
        request = urllib.request.Request(
            self.url + path, data=json.dumps(value).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def place(self, customer, token="tok_ok", **more):
        """Places an order of one mug, and gives its id."""
        line = {"sku": "mug", "quantity": 1, "unitPrice": 750}
        line.update(more.pop("line", {}))
        return self.post("/v1/orders", {
            "customer": customer, "currency": "GBP", "token": token, "lines": [line], **more})["id"]

    def ended(self, order):
        """Waits until the order has ended, and its events are all in the timeline."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                events = self.get(f"/v1/orders/{order}/timeline")["events"]
            except urllib.error.HTTPError:
                events = []
            types = {event["type"] for event in events}
            if types & {"order.completed", "order.rejected"} and "notification.skipped" in types:
                return
            time.sleep(0.05)
        raise Failure(f"order {order} has not ended")

    def page(self, view, width=1280, height=800, theme="light", intercept=None):
        """A page that shows a view; `intercept` is patterns and what answers them."""
        page = self.browser.page(width, height, theme)
        if intercept:
            page.intercept(*intercept)
        page.open(f"{self.url}/console#/{view}")
        return page


def expect(condition, what):
    if not condition:
        raise Failure(what)


def problem(status, code, detail):
    return status, {"type": f"/problems/{code}", "title": code, "status": status, "detail": detail,
                    "code": code, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736"}
