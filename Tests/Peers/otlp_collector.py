"""A collector of OpenTelemetry's: reads what is posted as opentelemetry-proto has it, and judges
traces as trees.

POST /v1/traces       a post of OTLP/HTTP in its JSON encoding; what is none is refused with 400,
                      and kept as a problem
GET  /problems        what was wrong so far, a line each; empty where nothing was
GET  /check?trace=ID  200 where the spans of that trace are the whole tree of one order, else 409,
                      with what is missing; client=ID: the span of the client's that the root has
                      for its parent; repeated=1: a span may have come twice, as after a death
GET  /spans?trace=ID  its spans, a line each
"""

import base64
import collections
import http.server
import json
import sys
import threading
import urllib.parse

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MOST_BYTES = 512 * 1024
MOST_SPANS = 2000
SERVICES = {
    f"kassa-{part}" for part in ("gateway", "orders", "payments", "deliveries", "notifications")
}
# What an order that comes to its end, with a mail address, has at least one span of: service,
# name, kind.
EXPECTED = [
    ("gateway", "POST /v1/orders", "SERVER"),
    ("orders", "place order", "INTERNAL"),
    ("orders", "publish order.placed", "PRODUCER"),
    ("orders", "publish checkout.step-requested", "PRODUCER"),
    ("orders", "publish order.completed", "PRODUCER"),
    ("orders", "process reservation.made", "CONSUMER"),
    ("orders", "process payment.captured", "CONSUMER"),
    ("orders", "commit", "INTERNAL"),
    ("deliveries", "process checkout.step-requested", "CONSUMER"),
    ("deliveries", "publish delivery.handed-over", "PRODUCER"),
    ("deliveries", "commit", "INTERNAL"),
    ("payments", "process checkout.step-requested", "CONSUMER"),
    ("payments", "publish payment.authorized", "PRODUCER"),
    ("payments", "call payment.authorize", "CLIENT"),
    ("payments", "call payment.capture", "CLIENT"),
    ("notifications", "process order.placed", "CONSUMER"),
    ("notifications", "process delivery.handed-over", "CONSUMER"),
    ("notifications", "call mail", "CLIENT"),
    ("gateway", "process order.placed", "CONSUMER"),
    ("gateway", "process order.completed", "CONSUMER"),
    ("gateway", "process payment.captured", "CONSUMER"),
    ("gateway", "project", "INTERNAL"),
]

lock = threading.Lock()
# By trace: (service, span) in the order they came.
traces = collections.defaultdict(list)
problems = []


def with_bytes(span):
    """OTLP's JSON has ids as hexadecimal digits, where protobuf's has base64."""
    for holder in [span, *span.get("links", [])]:
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in holder:
                if holder[name] != holder[name].lower():
                    raise ValueError(f"{name} {holder[name]} is not in lower case")
                holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()


def take(body):
    if len(body) > MOST_BYTES:
        raise ValueError(f"a body of {len(body)} bytes")
    document = json.loads(body)
    count = 0
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            count += len(scope["spans"])
            for span in scope["spans"]:
                with_bytes(span)
    if not 0 < count <= MOST_SPANS:
        raise ValueError(f"{count} spans in a body")
    request = json_format.Parse(
        json.dumps(document), ExportTraceServiceRequest(), ignore_unknown_fields=False
    )
    for resource in request.resource_spans:
        known = {entry.key: entry.value for entry in resource.resource.attributes}
        missing = {
            "service.name",
            "service.version",
            "service.instance.id",
            "process.pid",
            "host.name",
        } - set(known)
        if missing:
            raise ValueError(f"a resource without {missing}")
        for scope in resource.scope_spans:
            if scope.scope.name != "kassa":
                raise ValueError(f"a scope {scope.scope.name}")
            for span in scope.spans:
                judge(span)
                with lock:
                    traces[span.trace_id.hex()].append((known["service.name"].string_value, span))


def judge(span):
    lengths = [len(span.trace_id), len(span.span_id), len(span.parent_span_id)]
    if lengths[:2] != [16, 8] or lengths[2] not in (0, 8):
        raise ValueError(f"{span.name} has ids of {lengths} bytes")
    if not any(span.trace_id) or not any(span.span_id):
        raise ValueError(f"{span.name} has an id of zeros")
    if span.kind == Span.SPAN_KIND_UNSPECIFIED or not span.name:
        raise ValueError(f"{span.name} has no kind or no name")
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        raise ValueError(f"{span.name} ends before it starts")
    names = [entry.key for entry in span.attributes]
    if len(set(names)) < len(names):
        raise ValueError(f"{span.name} has an attribute twice: {names}")
    if len(span.links) > 31:
        raise ValueError(f"{span.name} has {len(span.links)} links")
    if span.HasField("status") and (
        span.status.code != Status.STATUS_CODE_ERROR or not span.status.message
    ):
        raise ValueError(f"{span.name} has a status that says nothing")


def faults(spans, client, may_repeat):
    """What keeps the spans from being the whole tree of one order."""
    found = []
    by_id = collections.defaultdict(list)
    for service, span in spans:
        by_id[span.span_id].append((service, span))
    for same in by_id.values():
        if len(same) > 1 and not may_repeat:
            found.append(f"{same[0][1].name} came {len(same)} times")
        # What a dead process had told and another tells again is the same work, but for what the
        # log does not know.
        if len({(service, span.kind, span.parent_span_id) for service, span in same}) > 1:
            found.append(f"{[(s, x.name) for s, x in same]} have one id")
    roots = [s for s in spans if s[1].parent_span_id.hex() == client]
    if len({span.span_id for _, span in roots}) != 1:
        found.append(f"{len(roots)} roots: {[span.name for _, span in roots]}")
    for service, span in spans:
        parent = span.parent_span_id
        if parent.hex() == client:
            continue
        if parent not in by_id:
            found.append(f"{service} {span.name} has a parent that is not there")
            continue
        earliest = min(above.start_time_unix_nano for _, above in by_id[parent])
        if span.start_time_unix_nano < earliest:
            found.append(
                f"{service} {span.name} begins {earliest - span.start_time_unix_nano} ns before "
                "its parent"
            )
    missing = SERVICES - {service for service, _ in spans}
    if missing:
        found.append(f"no span of {missing}")
    present = {(s, x.name, Span.SpanKind.Name(x.kind).removeprefix("SPAN_KIND_")) for s, x in spans}
    for part, name, kind in EXPECTED:
        # What led to nothing that is published is lost with a process that dies before it has told
        # of it.
        if may_repeat and kind not in ("SERVER", "PRODUCER") and name != "call mail":
            continue
        if (f"kassa-{part}", name, kind) not in present:
            found.append(f"no {kind} {name} of {part}")
    found += ways_that_do_not_begin_at(roots, by_id, spans)
    return found


def ways_that_do_not_begin_at(roots, by_id, spans):
    """Each mail's way back must lead to the request."""
    found = []
    for _, span in spans:
        if span.name != "call mail":
            continue
        steps = 0
        while span.parent_span_id in by_id and steps < 100:
            span = by_id[span.parent_span_id][0][1]
            steps += 1
        if not any(span.span_id == root.span_id for _, root in roots) or steps < 4:
            found.append(f"a mail comes from {span.name} in {steps} steps")
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/json":
                raise ValueError(f"a post of {self.headers['Content-Type']} to {self.path}")
            take(body)
        except Exception as error:
            with lock:
                problems.append(f"{type(error).__name__}: {error} in {body[:300]!r}")
            return self.answer(400, str(error))
        self.answer(200, "{}")

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with lock:
            spans = list(traces.get(query.get("trace", ""), []))
            wrong = list(problems)
        if url.path == "/problems":
            return self.answer(200, "\n".join(wrong))
        if url.path == "/spans":
            return self.answer(200, "\n".join(line(*entry) for entry in spans))
        found = faults(spans, query.get("client", ""), "repeated" in query)
        if found:
            return self.answer(409, "\n".join(found + [line(*entry) for entry in spans]))
        self.answer(200, f"a whole tree of {len(spans)} spans")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def line(service, span):
    took = (span.end_time_unix_nano - span.start_time_unix_nano) // 1000
    told = {
        e.key: e.value.string_value or e.value.int_value or e.value.bool_value
        for e in span.attributes
    }
    name = f"{service} {span.span_id.hex()} under {span.parent_span_id.hex() or '-'}: {span.name}"
    began = span.start_time_unix_nano // 1000
    return f"{name}, {took} us, {began}, {told} {span.status.message}".strip()


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler
    )
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
