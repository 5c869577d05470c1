"""A TCP proxy that misbehaves as it is told; a process of its own, driven by lines of JSON.

    proxy.py NAME:LISTEN:TARGET ...

Each NAME is a link: what comes in at the port LISTEN of 127.0.0.1 goes to the port TARGET there.
Lines on standard input begin and end rules, and the end of input ends the proxy:

    {"begin": 7, "link": "broker", "mode": "stall", "parts": ["orders"]}
    {"end": 7}

Modes: `cut` ends all connections and new ones, `delay` holds each piece for `ms` [least, most],
`stall` moves nothing until the rule ends, `half` passes on half a piece now and then and ends the
connection, `lost-answer` passes requests on and ends the connection before the answer, `twice`
sends each HTTP request with an Idempotency-Key once more on a connection of its own.
`parts` names whose connections are meant, as their CONNECT at the broker says; without it, all.
What doubled requests were answered is told on standard output, a line of JSON each.
"""

import asyncio
import json
import random
import re
import sys

PIECE = 64 * 1024
# No request of the campaign's own is longer.
LONGEST_REQUEST = 256 * 1024
# What a doubled request may take.
PATIENCE = 10.0


class Link:
    def __init__(self, name, listen, target):
        self.name, self.listen, self.target = name, listen, target
        self.rules = {}
        self.connections = set()

    async def open(self):
        await asyncio.start_server(self.accept, "127.0.0.1", self.listen, limit=PIECE)

    async def accept(self, reader, writer):
        connection = Connection(self, writer)
        self.connections.add(connection)
        try:
            await connection.run(reader)
        finally:
            connection.abort()
            self.connections.discard(connection)

    def begin(self, number, rule):
        rule["over"] = asyncio.Event()
        self.rules[number] = rule
        if rule["mode"] == "cut":
            for connection in list(self.connections):
                if connection.is_meant(rule):
                    connection.abort()

    def end(self, number):
        rule = self.rules.pop(number, None)
        if rule:
            rule["over"].set()


class Connection:
    def __init__(self, link, client):
        self.link, self.client = link, client
        self.server = None
        # Whose it is; known once it has said so.
        self.owner = None
        self.requests = Requests()

    def is_meant(self, rule):
        return rule.get("parts") is None or self.owner in rule["parts"]

    def rule(self, mode):
        for rule in list(self.link.rules.values()):
            if rule["mode"] == mode and self.is_meant(rule):
                return rule
        return None

    async def run(self, reader):
        if self.rule("cut"):
            return
        try:
            answers, self.server = await asyncio.open_connection(
                "127.0.0.1", self.link.target, limit=PIECE)
        except OSError:
            return
        pumps = [
            asyncio.create_task(self.pump(reader, self.server, True)),
            asyncio.create_task(self.pump(answers, self.client, False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def pump(self, reader, writer, is_request):
        try:
            while piece := await reader.read(PIECE):
                if is_request:
                    self.look_at(piece)
                if not await self.misbehave(piece, writer, is_request):
                    return
                writer.write(piece)
                await writer.drain()
        except OSError:
            return

    async def misbehave(self, piece, writer, is_request):
        """Whether the piece may go on, once it may."""
        if self.rule("cut"):
            return False
        while rule := self.rule("stall"):
            await rule["over"].wait()
        if rule := self.rule("delay"):
            least, most = rule["ms"]
            await asyncio.sleep(random.uniform(least, most) / 1000)
        if self.rule("half") and random.random() < 0.1:
            writer.write(piece[: len(piece) // 2])
            await writer.drain()
            return False
        if not is_request and self.rule("lost-answer") and random.random() < 0.5:
            return False
        if is_request and self.link.name == "client":
            for request, key in self.requests.take(piece):
                if self.rule("twice"):
                    note(asyncio.create_task(once_more(self.link.target, request, key)))
        return True

    def look_at(self, piece):
        if self.owner is None and self.link.name == "broker" and piece.startswith(b"CONNECT "):
            found = re.search(rb'"name":"([a-z0-9-]+)"', piece)
            self.owner = found[1].decode() if found else ""

    def abort(self):
        for writer in (self.client, self.server):
            if writer is not None:
                writer.transport.abort()


class Requests:
    """The whole requests that pieces of a connection make."""

    def __init__(self):
        self.rest = b""

    def take(self, piece):
        self.rest += piece
        found = []
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].decode("latin-1")
            fields = dict(re.findall(r"(?im)^([a-z-]+): *(.*?)\r?$", head))
            fields = {name.lower(): value for name, value in fields.items()}
            size = end + 4 + int(fields.get("content-length", "0"))
            if len(self.rest) < size:
                break
            if "idempotency-key" in fields:
                found.append((self.rest[:size], fields["idempotency-key"]))
            self.rest = self.rest[size:]
        if len(self.rest) > LONGEST_REQUEST:
            self.rest = b""
        return found


TASKS = set()


def note(task):
    """Holds on to a task until it is done; the loop itself does not."""
    TASKS.add(task)
    task.add_done_callback(TASKS.discard)


async def once_more(port, request, key):
    """Sends a request by itself, and tells what was answered."""
    told = {"twice": key, "status": 0, "id": ""}
    try:
        told |= await asyncio.wait_for(answer(port, request), PATIENCE)
    except (OSError, EOFError, ValueError, asyncio.TimeoutError):
        pass
    print(json.dumps(told), flush=True)


async def answer(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        size = re.search(r"(?im)^content-length: *(\d+)", head)
        body = await reader.readexactly(int(size[1]) if size else 0)
        found = json.loads(body or b"{}")
        return {"status": int(head.split(" ", 2)[1]), "id": found.get("id", "")}
    finally:
        writer.transport.abort()


async def listen_to(links):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if "begin" in order:
            links[order["link"]].begin(order["begin"], order)
        else:
            for link in links.values():
                link.end(order["end"])


async def main():
    links = {}
    for argument in sys.argv[1:]:
        name, listen, target = argument.split(":")
        links[name] = Link(name, int(listen), int(target))
        await links[name].open()
    print(json.dumps({"ready": True}), flush=True)
    await listen_to(links)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
