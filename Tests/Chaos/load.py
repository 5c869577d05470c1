"""Clients that place orders all the while, and know of each what they were told."""

import heapq
import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field

WRITERS = 8
# Reads have connections of their own: while one waits to be shown what its token names, orders
# would wait behind it.
READERS = 4
# No answer within so many seconds is none.
ANSWER = 5.0
# So many orders at most wait for an answer or to be asked for again; meanwhile none is new.
MOST_OPEN = 400
# So many reads at most wait; what more could be read is left out.
MOST_READS = 100
CURRENCIES = ("GBP", "EUR", "USD")
SKUS = tuple(f"sku-{number}" for number in range(20))
# Comes in by the handful: orders of it are often refused.
SCARCE = "rare"
TOKENS = (
    (0.03, "tok_declined"), (0.02, "tok_insufficient_funds"), (0.03, "tok_flaky"),
    (0.01, "tok_timeout"), (0.01, "tok_late"),
)
SHIPPINGS = ((0.03, "ship_flaky"), (0.02, "ship_refused"), (0.02, "ship_lost"))


@dataclass
class Request:
    """Something that is asked for until there is an answer that says how it stands.

    `state` is `open`, `acknowledged` or `refused`."""

    kind: str
    key: str
    path: str
    body: dict
    state: str = "open"
    status: int = 0
    code: str = ""
    id: str = ""
    token: str = ""
    # Told of one key; more than one is a broken promise.
    ids: set = field(default_factory=set)
    attempts: int = 0
    # Whether an answer was lost on the way, or said that it does not know.
    was_unknown: bool = False
    was_replayed: bool = False
    first_sent: float = 0.0
    last_sent: float = 0.0
    answered: float = 0.0

    @property
    def reference(self):
        return self.body.get("reference", "")


class Load:
    """Orders, receipts, cancellations and reads, over several connections at once."""

    def __init__(self, port, seed, rate):
        self.port, self.rate = port, rate
        self.chance = random.Random(f"kassa chaos load {seed}")
        self.lock = threading.Condition()
        # What is to be done when: (time, number, task).
        self.due, self.reads_due, self.number = [], [], 0
        self.orders, self.receipts, self.cancellations = [], [], []
        # Reads of what was acknowledged, with its token, that were answered 404 or otherwise wrong.
        self.misread = []
        self.reads = self.late_reads = 0
        self.taken = []
        self.problems = {}
        self.under_way = 0
        self.is_over = self.is_calm = False
        self.next_order = self.next_receipt = 0.0
        self.threads = []

    # MARK: Running

    def begin(self):
        """Receives stock, and waits until it is there; then orders come."""
        for sku in SKUS:
            self._receive(sku, 1_000_000)
        self._receive(SCARCE, 20)
        for queue in [self.due] * WRITERS + [self.reads_due] * READERS:
            thread = threading.Thread(target=self._work, args=(queue,), daemon=True)
            thread.start()
            self.threads.append(thread)
        if not self.settle(30):
            return "the goods were not received within 30 s"
        with self.lock:
            self.is_calm = False
            self.next_order = self.next_receipt = time.monotonic()
            self.lock.notify_all()
        return ""

    def settle(self, limit):
        """No more orders; whether all that was asked for is answered within so many seconds."""
        end = time.monotonic() + limit
        with self.lock:
            self.is_calm = True
            while self.due or self.reads_due or self.under_way:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.lock.wait(min(left, 0.2))
        return True

    def end(self):
        with self.lock:
            self.is_over = True
            self.lock.notify_all()
        for thread in self.threads:
            thread.join(ANSWER + 5)

    def open(self):
        return [request for request in self.orders + self.receipts + self.cancellations
                if request.state == "open"]

    def _later(self, task, delay=0.0):
        self._queue(self.due, task, delay)

    def _queue(self, queue, task, delay):
        with self.lock:
            self.number += 1
            heapq.heappush(queue, (time.monotonic() + delay, self.number, task))
            self.lock.notify_all()

    def _work(self, queue):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER)
        while (task := self._take(queue)) is not None:
            try:
                task(connection)
            finally:
                with self.lock:
                    self.under_way -= 1
                    self.lock.notify_all()

    def _take(self, queue):
        """The next task, once it is due; None when it is over."""
        with self.lock:
            while not self.is_over:
                now = time.monotonic()
                self._make(now)
                if queue and queue[0][0] <= now:
                    self.under_way += 1
                    return heapq.heappop(queue)[2]
                next_due = queue[0][0] if queue else now + 0.2
                soonest = next_due if self.is_calm else min(next_due, self.next_order)
                self.lock.wait(max(0.001, min(soonest - now, 0.2)))
            return None

    def _make(self, now):
        """New orders and receipts that are due; what could not be made in time is left out."""
        if self.is_calm:
            return
        if now >= self.next_order:
            self.next_order = max(self.next_order + 1 / self.rate, now - 0.1)
            if len(self.due) < MOST_OPEN:
                self._order()
        if now >= self.next_receipt:
            self.next_receipt = now + 2.0
            sku = self.chance.choice(SKUS + (SCARCE,) * 5)
            self._receive(sku, 5 if sku == SCARCE else 100)

    # MARK: What is asked for

    def _order(self):
        chance, number = self.chance, len(self.orders)
        skus = chance.sample(SKUS, chance.randint(1, 3))
        if chance.random() < 0.03:
            skus.append(SCARCE)
        body = {
            "customer": f"customer-{chance.randrange(200)}",
            "currency": chance.choice(CURRENCIES),
            "reference": f"reference-{number}",
            "token": _chosen(chance, TOKENS, "tok_ok"),
            "shipping": _chosen(chance, SHIPPINGS, "ship_ok"),
            "lines": [
                {"sku": sku, "quantity": chance.randint(1, 3),
                 "unitPrice": chance.randrange(100, 10000)} for sku in skus],
        }
        if chance.random() < 0.3:
            body["contact"] = f"customer-{number}@example.org"
        whim = chance.random()
        if whim < 0.01:
            # What no shop may take.
            body["lines"][0]["quantity"] = 0
        elif whim < 0.02 and self.taken:
            # A reference that belongs to another order.
            body["reference"] = chance.choice(self.taken)
        request = Request("order", f"order-{number}", "/v1/orders", body)
        self.orders.append(request)
        self._later(lambda connection: self._ask(connection, request))

    def _receive(self, sku, quantity):
        number = len(self.receipts)
        body = {"quantity": quantity, "reference": f"receipt-{number}"}
        request = Request("receipt", f"receipt-{number}", f"/v1/stock/{sku}/receipts", body)
        self.receipts.append(request)
        self._later(lambda connection: self._ask(connection, request))

    def _cancel(self, order):
        request = Request(
            "cancellation", f"cancel-{order.key}", f"/v1/orders/{order.id}/cancellation",
            {"reason": "changed my mind"})
        request.ids.add(order.id)
        self.cancellations.append(request)
        self._later(lambda connection: self._ask(connection, request),
                    self.chance.uniform(0.0, 1.0))

    # MARK: Asking

    def _ask(self, connection, request):
        """Asks once; again later where the answer says so, or does not come."""
        request.attempts += 1
        request.last_sent = time.time()
        request.first_sent = request.first_sent or request.last_sent
        headers = {"Content-Type": "application/json", "Idempotency-Key": request.key}
        answer = self._send(connection, "POST", request.path, headers, json.dumps(request.body))
        if answer is None:
            request.was_unknown = True
            return self._again(request, "no answer")
        status, fields, body = answer
        code = body.get("code", "")
        if status in (429, 503, 504):
            request.was_unknown |= code != "disk-full" and code != "busy" and code != "unavailable"
            return self._again(request, code or str(status))
        if status >= 500:
            request.was_unknown = True
            return self._again(request, f"{status} {code}")
        if status not in (201, 202) and request.state == "acknowledged":
            self.misread.append(f"{request.key}, acknowledged and asked for again: {status} {body}")
            return None
        request.status, request.code, request.answered = status, code, time.time()
        if status not in (201, 202):
            request.state = "refused"
            return None
        request.ids.add(body.get("id", ""))
        request.id = body.get("id", "")
        request.token = fields.get("Consistency-Token", "")
        request.was_replayed |= fields.get("Idempotent-Replayed") == "true"
        is_new = request.state == "open"
        request.state = "acknowledged"
        if request.kind == "order" and is_new:
            self._go_on(request)
        return None

    def _again(self, request, why):
        with self.lock:
            self.problems[why] = self.problems.get(why, 0) + 1
            pause = min(2.0, 0.1 * 2 ** min(request.attempts, 5))
            pause *= self.chance.uniform(0.5, 1.0)
        self._later(lambda connection: self._ask(connection, request), pause)

    def _go_on(self, order):
        """What clients do with an order once they have it."""
        with self.lock:
            self.taken.append(order.reference)
            whim = self.chance.random()
            if whim < 0.04:
                self._cancel(order)
        if whim > 0.85 and len(self.reads_due) < MOST_READS:
            self._queue(self.reads_due, lambda connection: self._read(connection, order, 5), 0.0)
        elif whim > 0.83:
            # The answer got lost on the client's side, say: the same must come again.
            self._later(lambda connection: self._ask(connection, order), 0.5)

    def _read(self, connection, order, attempts):
        """Whoever placed an order sees it, or is told that it is not visible yet."""
        path = f"/v1/orders/{order.id}"
        answer = self._send(connection, "GET", path, {"Consistency-Token": order.token})
        with self.lock:
            self.reads += 1
            if answer is not None and answer[0] == 200 and answer[2].get("id") == order.id:
                return
            if answer is not None and answer[0] < 500:
                self.misread.append(
                    f"order {order.id}, read with its token: {answer[0]} {answer[2]}")
                return
            self.late_reads += 1
        if attempts > 1:
            self._queue(
                self.reads_due, lambda connection: self._read(connection, order, attempts - 1),
                1.0)

    def _send(self, connection, method, path, headers, body=None):
        """Status, headers and body of the answer; None where there is none to be read."""
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            # What was cut off in its head looks like a short answer.
            if response.headers.get("Content-Length") != str(len(content)):
                raise ValueError("the answer is not whole")
            return response.status, response.headers, json.loads(content or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            return None


def _chosen(chance, shares, otherwise):
    whim = chance.random()
    for share, name in shares:
        if whim < share:
            return name
        whim -= share
    return otherwise
