"""A client of the NATS protocol that hides nothing: it sends bytes and reads operations."""

import asyncio
import json
from dataclasses import dataclass

LIMIT = 4.0


@dataclass
class Operation:
    """One operation of the server: its verb, its words, and the header block and payload if any."""

    verb: str
    words: list
    headers: bytes = b""
    payload: bytes = b""


class Closed(Exception):
    """The server closed the connection."""


class RawClient:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.info = {}

    @classmethod
    async def open(cls, host, port):
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
        client = cls(reader, writer)
        operation = await client.next()
        if operation.verb != "INFO":
            raise AssertionError(f"expected INFO as the first operation, saw {operation}")
        client.info = json.loads(operation.words[0])
        return client

    def send(self, text):
        self.writer.write(text if isinstance(text, bytes) else text.encode())

    async def next(self, timeout=LIMIT):
        """The next operation; raises Closed at the connection's end and TimeoutError in silence."""
        try:
            return await asyncio.wait_for(self._read(), timeout)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Closed(f"the server closed the connection: {error!r}") from error

    async def _read(self):
        line = await self.reader.readuntil(b"\r\n")
        verb, _, rest = line[:-2].decode().partition(" ")
        if verb in ("INFO", "-ERR"):
            return Operation(verb, [rest.strip()])
        words = rest.split()
        if verb == "MSG":
            return Operation(verb, words[:-1], b"", await self._body(int(words[-1])))
        if verb == "HMSG":
            head, total = int(words[-2]), int(words[-1])
            body = await self._body(total)
            return Operation(verb, words[:-2], body[:head], body[head:])
        return Operation(verb, words)

    async def _body(self, size):
        body = await self.reader.readexactly(size + 2)
        if body[-2:] != b"\r\n":
            raise AssertionError(f"expected CR LF after the payload, saw {body[-2:]!r}")
        return body[:-2]

    async def until_pong(self):
        """Sends PING and gives all that came before its PONG: the border of what was processed."""
        self.send("PING\r\n")
        seen = []
        while True:
            operation = await self.next()
            if operation.verb == "PONG":
                return seen
            # A server may tell its INFO again at any time.
            if operation.verb != "INFO":
                seen.append(operation)

    async def message(self):
        """The next operation, which has to be a message."""
        operation = await self.next()
        while operation.verb == "INFO":
            operation = await self.next()
        if operation.verb not in ("MSG", "HMSG"):
            raise AssertionError(f"expected a message, saw {operation}")
        return operation

    async def until_closed(self, timeout=LIMIT):
        """Reads until the server closes the connection and gives what came before the end."""
        seen = []
        while True:
            try:
                seen.append(await self.next(timeout))
            except Closed:
                return seen
            except asyncio.TimeoutError as error:
                raise AssertionError(
                    f"expected the server to close the connection, saw {seen}") from error

    def close(self):
        self.writer.close()
