"""The client protocol: what the server says to clients that break it, and to odd but legal ones."""

import asyncio
import json

from suite import case, contains, equal


async def ends(client, text, error):
    """The text has to end the connection, after the error or without any where it is None."""
    client.send(text)
    seen = [operation for operation in await client.until_closed() if operation.verb != "INFO"]
    verbs = [operation.verb for operation in seen]
    if error is None:
        equal(verbs, [], f"what came before the end, after {text[:60]!r}")
    else:
        equal(verbs, ["-ERR"], f"what came before the end, after {text[:60]!r}")
        contains(seen[0].words[0].lower(), error.lower(), f"error after {text[:60]!r}")


@case
async def a_payload_above_the_limit_ends_the_connection(t):
    client = await t.raw()
    limit = client.info["max_payload"]
    await ends(client, f"PUB a {limit + 1}\r\n", "'Maximum Payload Violation'")


@case
async def a_payload_at_the_limit_is_delivered(t):
    client, subject = await t.raw(), t.subject("a")
    limit = client.info["max_payload"]
    client.send(f"SUB {subject} 1\r\nPUB {subject} {limit}\r\n".encode() + b"x" * limit + b"\r\n")
    equal(len((await client.message()).payload), limit, "payload's length")


@case
async def headers_count_for_the_payload_limit(t):
    client = await t.raw()
    limit = client.info["max_payload"]
    await ends(client, f"HPUB a 12 {limit + 1}\r\n", "'Maximum Payload Violation'")


@case
async def a_control_line_above_the_limit_ends_the_connection(t):
    client = await t.raw()
    await ends(client, "SUB " + "a" * 5000 + " 1\r\n", "maximum control line exceeded")


@case
async def an_endless_control_line_is_not_collected(t):
    client = await t.raw()
    await ends(client, "PUB " + "a" * 100_000, "maximum control line exceeded")


@case
async def a_long_but_legal_subject_is_delivered(t):
    client, subject = await t.raw(), t.subject("a" * 3000)
    client.send(f"SUB {subject} 1\r\nPUB {subject} 2\r\nhi\r\n")
    equal((await client.message()).words[0], subject, "subject")


@case
async def an_invalid_subject_is_an_error_and_the_connection_stays(t):
    client = await t.raw()
    for subject in ("a..b", ".a", "a.", "a.>.b"):
        client.send(f"SUB {subject} 1\r\n")
        seen = await client.until_pong()
        equal([operation.verb for operation in seen], ["-ERR"], f"answer to SUB {subject}")
        contains(seen[0].words[0], "'Invalid Subject'", f"error of SUB {subject}")


@case
async def an_unknown_operation_ends_the_connection(t):
    for text in ("HELLO\r\n", "FOO bar\r\n", "PUBX a 1\r\n", "\r\n\r\nX", "MSG a 1 2\r\n"):
        await ends(await t.raw(), text, "'Unknown Protocol Operation'")


@case
async def a_http_request_is_an_unknown_operation(t):
    await ends(await t.greeted(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "'Unknown Protocol")


@case
async def operations_may_be_written_in_any_case(t):
    client, subject = await t.greeted(), t.subject("a")
    client.send('connect {"verbose":false,"headers":true}\r\n')
    client.send(f"sub {subject} 1\r\nPub {subject} 1\r\na\r\nhpuB {subject} 12 13\r\n")
    client.send("NATS/1.0\r\n\r\nb\r\nunsub 1\r\n")
    client.send(f"pUB {subject} 1\r\nc\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a", b"b"], "messages")
    client.send("ping\r\n")
    equal((await client.next()).verb, "PONG", "answer to ping")


@case
async def spaces_and_tabs_between_words_are_all_the_same(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject}  1\r\nSUB\t{subject}\t2\r\nUNSUB 2 \r\n")
    client.send(f"PUB  {subject}\t 2 \r\nhi\r\n")
    equal([(m.words[1], m.payload) for m in await client.until_pong()], [("1", b"hi")], "messages")


@case
async def a_control_line_may_end_in_a_bare_line_feed(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\nPUB {subject} 2\nhi\r\n")
    equal([m.payload for m in await client.until_pong()], [b"hi"], "messages")


@case
async def a_payload_that_does_not_end_where_it_said_is_an_error(t):
    await ends(await t.raw(), "PUB a 2\r\nabcdef\r\n", "'Unknown Protocol Operation'")


@case
async def bad_arguments_end_the_connection(t):
    for text in ("PUB a abc\r\n", "PUB a\r\n", "PUB a b c 1\r\n", "PUB a 1234567890\r\n",
                 "PUB a -1\r\n", "SUB a\r\n", "SUB a b 1 2\r\n", "UNSUB 1 2 3\r\n",
                 "HPUB a 1\r\n", "HPUB a 20 10\r\n", "HPUB a x 10\r\n", "CONNECT {nonsense\r\n"):
        client = await t.raw()
        client.send(text)
        await client.until_closed()


@case
async def headers_from_a_client_that_declared_none_end_the_connection(t):
    client = await t.raw(headers=False, no_responders=False)
    client.send("HPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n")
    await client.until_closed()


@case
async def garbage_ends_only_the_connection_it_came_by(t):
    healthy, subject = await t.raw(), t.subject("a")
    healthy.send(f"SUB {subject} 1\r\n")
    await healthy.until_pong()
    for garbage in (bytes(range(128, 256)) * 8, b"\x00" * 64, b"\x16\x03\x01\x02\x00\x01\x00",
                    b"{}[]!\r\n"):
        client = await t.raw()
        client.send(garbage)
        await client.until_closed()
    other = await t.raw()
    other.send(f"PUB {subject} 2\r\nhi\r\n")
    equal((await healthy.message()).payload, b"hi", "message on the healthy connection")


@case
async def an_operation_may_come_in_pieces(t):
    client, subject = await t.raw(), t.subject("a")
    head = "NATS/1.0\r\nA: b\r\n\r\n"
    text = f"SUB {subject} 1\r\nPUB {subject} 5\r\nhe\r\no\r\n"
    text += f"HPUB {subject} back {len(head)} {len(head) + 2}\r\n{head}hi\r\nUNSUB 1 3\r\n"
    for byte in text:
        client.send(byte)
        await client.writer.drain()
        await asyncio.sleep(0.001)
    seen = await client.until_pong()
    equal([m.payload for m in seen], [b"he\r\no", b"hi"], "payloads")
    equal(seen[1].headers, head.encode(), "headers")


@case
async def half_an_operation_waits_for_the_rest(t):
    client, other, subject = await t.raw(), await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\n")
    await client.until_pong()
    client.send(f"PUB {subject} 10\r\n01234")
    await asyncio.sleep(0.5)
    other.send(f"PUB {subject} 5\r\nother\r\n")
    equal((await client.message()).payload, b"other", "message that came in between")
    client.send("56789\r\n")
    equal((await client.message()).payload, b"0123456789", "message in two parts")


@case
async def half_an_operation_at_the_end_is_forgotten(t):
    client, other, subject = await t.raw(), await t.raw(), t.subject("a")
    other.send(f"SUB {subject} 1\r\n")
    await other.until_pong()
    client.send(f"PUB {subject} 4\r\nfull\r\nPUB {subject} 10\r\n01234")
    await client.writer.drain()
    equal((await other.message()).payload, b"full", "the complete message")
    client.close()
    await asyncio.sleep(0.3)
    equal(await other.until_pong(), [], "messages after the end")


@case
async def connect_may_come_again(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\nPUB {subject} 1\r\na\r\n")
    client.send("CONNECT " + json.dumps({"verbose": False, "headers": True, "echo": False}))
    client.send(f"\r\nPUB {subject} 1\r\nb\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a"], "messages; echo was turned off")


@case
async def unknown_fields_of_connect_are_ignored(t):
    client = await t.raw(lang="test", version="1", name="n", nonsense={"a": [1]}, pedantic=False)
    equal(await client.until_pong(), [], "answers")


@case
async def no_responders_need_headers(t):
    client = await t.greeted()
    text = 'CONNECT {"verbose":false,"headers":false,"no_responders":true}\r\n'
    await ends(client, text, "no responders requires headers")


@case
async def a_pedantic_client_may_not_publish_to_a_wildcard(t):
    client = await t.raw(pedantic=True)
    client.send("PUB a..b 0\r\n\r\n")
    seen = await client.until_pong()
    equal([operation.verb for operation in seen], ["-ERR"], "answer")
    contains(seen[0].words[0], "'Invalid Publish Subject'", "error")


@case
async def many_connections_come_and_go(t):
    for _ in range(100):
        client = await t.raw()
        equal(await client.until_pong(), [], "answers")
        client.close()
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\nPUB {subject} 1\r\na\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a"], "messages of the last one")
