"""What all cases share: how a case is registered, and the context it runs in."""

import asyncio
import contextlib
import json
import time
import uuid
from urllib.parse import urlparse

import nats
from nats.js.errors import APIError

from raw_client import RawClient

ORDINARY, EXTRA, RESTART = "ordinary", "extra", "restart"

CASES = []


class Mismatch(Exception):
    """The server did something else than expected; the text says what was expected and seen."""


class Case:
    def __init__(self, run, kind):
        self.run = run
        self.kind = kind
        self.name = run.__name__
        self.topic = run.__module__.removesuffix("_cases")


def case(run):
    CASES.append(Case(run, ORDINARY))
    return run


def extra_case(run):
    """A case of a part that a server may leave out; it runs only with --all."""
    CASES.append(Case(run, EXTRA))
    return run


def restart_case(run):
    """A case that restarts the server; it runs only with --restart."""
    CASES.append(Case(run, RESTART))
    return run


def equal(seen, expected, what):
    if seen != expected:
        raise Mismatch(f"{what}: expected {expected!r}, saw {seen!r}")


def check(condition, what):
    if not condition:
        raise Mismatch(what)


def contains(whole, part, what):
    if part not in whole:
        raise Mismatch(f"{what}: expected {part!r} in {whole!r}")


def refused(answer, err_code, code=None):
    """Checks that an answer of the JetStream API is the given refusal."""
    error = answer.get("error")
    if not error:
        raise Mismatch(f"expected the error {err_code}, saw {json.dumps(answer)}")
    equal(error.get("err_code"), err_code, f"err_code of {json.dumps(error)}")
    if code is not None:
        equal(error.get("code"), code, f"code of {json.dumps(error)}")


def accepted(answer):
    """Checks that an answer of the JetStream API is none of its refusals, and passes it on."""
    if "error" in answer:
        raise Mismatch(f"expected no error, saw {json.dumps(answer['error'])}")
    return answer


@contextlib.asynccontextmanager
async def raises(kind, what):
    """The block has to raise the kind of error; a silent success is a mismatch."""
    try:
        yield
    except kind:
        return
    raise Mismatch(f"{what}: expected {kind.__name__}, saw success")


@contextlib.asynccontextmanager
async def raises_code(err_code, what):
    """The block has to raise nats-py's error for the given err_code."""
    try:
        yield
    except APIError as error:
        equal(error.err_code, err_code, f"{what}: err_code of {error}")
        return
    raise Mismatch(f"{what}: expected the error {err_code}, saw success")


async def eventually(probe, what, within=5.0):
    """Asks again until the probe's answer is true: for what a server does in its own time."""
    end = time.monotonic() + within
    while True:
        answer = await probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Mismatch(f"{what}: not within {within} s")
        await asyncio.sleep(0.05)


class Context:
    """One case's own names and connections; `close` takes away all that the case left behind."""

    def __init__(self, url, restart_command=None):
        self.url = url
        parts = urlparse(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 4222
        self.token = "T" + uuid.uuid4().hex[:10]
        self.restart_command = restart_command
        self.streams = set()
        self.connections = []
        self.raw_clients = []
        self._nc = None

    def subject(self, tail):
        """A subject that no other case uses."""
        return f"{self.token}.{tail}"

    def name(self, tail="S"):
        """A stream's name that no other case uses; the stream is deleted when the case ends."""
        full = f"{self.token}_{tail}"
        self.streams.add(full)
        return full

    async def nats(self, **options):
        options.setdefault("allow_reconnect", False)
        options.setdefault("error_cb", _ignore)
        connection = await nats.connect(self.url, **options)
        self.connections.append(connection)
        return connection

    async def nc(self):
        """The connection that a case uses unless it needs a second one."""
        if self._nc is None or self._nc.is_closed:
            self._nc = await self.nats()
        return self._nc

    async def js(self, timeout=4):
        return (await self.nc()).jetstream(timeout=timeout)

    async def greeted(self):
        """A raw connection whose INFO was read and nothing sent."""
        client = await RawClient.open(self.host, self.port)
        self.raw_clients.append(client)
        return client

    async def raw(self, **connect):
        """A raw connection after CONNECT: with headers, not verbose, unless told otherwise."""
        client = await self.greeted()
        options = {"verbose": False, "headers": True, "no_responders": True, "protocol": 1}
        client.send("CONNECT " + json.dumps(options | connect) + "\r\n")
        return client

    async def api(self, operation, body=None, timeout=4):
        """Asks the JetStream API and gives the answer as it is, refusals included."""
        payload = b"" if body is None else body if isinstance(body, bytes) else _json(body)
        connection = await self.nc()
        answer = await connection.request(f"$JS.API.{operation}", payload, timeout=timeout)
        return json.loads(answer.data)

    async def publish(self, subject, payload=b"", timeout=4, **headers):
        """Publishes to a stream and gives the acknowledgement as it is, refusals included."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection = await self.nc()
        answer = await connection.request(subject, payload, timeout=timeout, headers=named or None)
        return json.loads(answer.data)

    async def stream(self, tail="S", **config):
        """Creates a stream on `<token>.>` in files unless told otherwise, and gives its name."""
        name = self.name(tail)
        body = {"name": name, "subjects": [self.subject(">")], "storage": "file"} | config
        accepted(await self.api(f"STREAM.CREATE.{name}", body))
        return name

    async def fill(self, count, tail="x", start=1):
        """Publishes the numbers from start as payloads, each acknowledged."""
        for number in range(start, start + count):
            accepted(await self.publish(self.subject(tail), str(number).encode()))

    async def state(self, stream):
        return accepted(await self.api(f"STREAM.INFO.{stream}"))["state"]

    async def consumer(self, stream, name="C", **config):
        """Creates a durable pull consumer with explicit acknowledgement and gives the answer."""
        body = {"durable_name": name, "ack_policy": "explicit"} | config
        request = {"stream_name": stream, "config": body}
        return accepted(await self.api(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", request))

    async def consumer_info(self, stream, name="C"):
        return accepted(await self.api(f"CONSUMER.INFO.{stream}.{name}"))

    async def puller(self, stream, name="C"):
        """A subscription that pulls from the consumer by requests in full view."""
        return await Puller.open(await self.nc(), stream, name)

    async def restart(self):
        """Runs the command that kills and restarts the server, and waits until it answers again."""
        await self.close_connections()
        process = await asyncio.create_subprocess_shell(
            self.restart_command, stdout=asyncio.subprocess.DEVNULL)
        equal(await process.wait(), 0, "exit status of the restart command")

        async def answers():
            try:
                return (await self.api("INFO", timeout=1)).get("type")
            except Exception:
                return None

        await eventually(answers, "the server answers after its restart", within=20)

    async def close_connections(self):
        for client in self.raw_clients:
            client.close()
        for connection in self.connections:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.close(), 2)
        self.raw_clients, self.connections, self._nc = [], [], None

    async def close(self):
        for stream in self.streams:
            with contextlib.suppress(Exception):
                await self.api(f"STREAM.DELETE.{stream}", timeout=2)
        await self.close_connections()


class Puller:
    """Pulls by plain requests, so that a case sees the status messages that nats-py hides."""

    def __init__(self, connection, subscription, stream, name):
        self.connection = connection
        self.subscription = subscription
        self.inbox = subscription.subject
        self.pull_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"

    @classmethod
    async def open(cls, connection, stream, name):
        return cls(connection, await connection.subscribe(connection.new_inbox()), stream, name)

    async def pull(self, **request):
        """Sends a pull; durations are given in seconds and sent in nanoseconds."""
        for key in ("expires", "idle_heartbeat"):
            if key in request:
                request[key] = int(request[key] * 1e9)
        await self.connection.publish(self.pull_subject, _json(request), reply=self.inbox)

    async def next(self, timeout=4.0):
        return await self.subscription.next_msg(timeout)

    async def messages(self, count, timeout=4.0):
        """The next messages, none of which may be a status."""
        found = []
        for _ in range(count):
            message = await self.next(timeout)
            check(not status(message), f"expected a message, saw the status {message.headers}")
            found.append(message)
        return found

    async def ends_with(self, code, timeout=4.0):
        """The next one has to be a status of the code; gives the message."""
        message = await self.next(timeout)
        equal(status(message), code, f"status of {message.headers} {message.data!r}")
        return message

    async def stays_silent(self, seconds):
        try:
            message = await self.subscription.next_msg(seconds)
        except nats.errors.TimeoutError:
            return
        raise Mismatch(f"expected nothing for {seconds} s, saw {message.headers} {message.data!r}")


def status(message):
    """The status code of a message that the server wrote, or an empty string."""
    return (message.headers or {}).get("Status", "")


def _json(body):
    return json.dumps(body).encode()


async def _ignore(_):
    """Errors of a connection show in the case itself."""
