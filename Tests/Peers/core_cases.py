"""The client protocol: publishing, subscribing and asking."""

import asyncio

import nats

from raw_client import Operation
from suite import case, check, contains, equal, raises


@case
async def the_server_introduces_itself(t):
    info = (await t.greeted()).info
    for field, kind in {"server_id": str, "server_name": str, "version": str, "host": str,
                        "port": int, "proto": int, "max_payload": int, "headers": bool,
                        "jetstream": bool, "client_id": int}.items():
        check(isinstance(info.get(field), kind), f"INFO.{field}: expected {kind}, saw {info}")
    equal(info["port"], t.port, "INFO.port")
    equal(info["headers"], True, "INFO.headers")
    equal(info["jetstream"], True, "INFO.jetstream")
    check(info["proto"] >= 1, f"INFO.proto: expected at least 1, saw {info['proto']}")
    check(info["max_payload"] >= 1 << 20, f"expected 1 MiB at least, saw {info['max_payload']}")
    major, minor = info["version"].split(".")[:2]
    check((int(major), int(minor)) >= (2, 9), f"version: expected 2.9 or later, saw {info}")


@case
async def every_client_has_its_own_id(t):
    first, second = await t.greeted(), await t.greeted()
    check(first.info["client_id"] != second.info["client_id"], "expected two ids, saw one")
    equal(first.info["server_id"], second.info["server_id"], "the server's id")


@case
async def a_client_is_verbose_by_default(t):
    client = await t.greeted()
    client.send("CONNECT {}\r\n")
    equal(await client.next(), Operation("+OK", []), "answer to CONNECT {}")


@case
async def a_verbose_client_gets_an_ok_for_each_operation(t):
    client = await t.raw(verbose=True)
    subject = t.subject("a")
    equal((await client.next()).verb, "+OK", "answer to CONNECT")
    client.send(f"SUB {subject} 1\r\n")
    equal((await client.next()).verb, "+OK", "answer to SUB")
    client.send("UNSUB 1\r\n")
    equal((await client.next()).verb, "+OK", "answer to UNSUB")
    client.send(f"PUB {subject} 2\r\nhi\r\n")
    equal((await client.next()).verb, "+OK", "answer to PUB")
    equal(await client.until_pong(), [], "what comes before PONG")
    equal(await client.until_pong(), [], "what comes between PONG and PONG: PING gets no +OK")


@case
async def a_quiet_client_gets_no_ok(t):
    client = await t.raw()
    client.send(f"SUB {t.subject('a')} 1\r\nUNSUB 1\r\nPUB {t.subject('a')} 2\r\nhi\r\n")
    equal(await client.until_pong(), [], "answers")


@case
async def ping_is_answered_before_connect(t):
    client = await t.greeted()
    equal(await client.until_pong(), [], "answers before PONG")


@case
async def every_ping_has_its_pong(t):
    client = await t.raw()
    client.send("PING\r\nPING\r\nPING\r\n")
    verbs = []
    while verbs.count("PONG") < 3:
        verbs.append((await client.next()).verb)
    # Some servers tell once more who they are.
    equal(set(verbs) - {"INFO"}, {"PONG"}, "answers")


@case
async def the_client_may_answer_a_ping_of_the_server(t):
    client = await t.raw()
    client.send("PONG\r\n")
    equal(await client.until_pong(), [], "answers")


@case
async def a_subscriber_gets_what_is_published(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 7\r\nPUB {subject} 5\r\nhello\r\n")
    equal(await client.message(), Operation("MSG", [subject, "7"], b"", b"hello"), "message")


@case
async def a_message_carries_its_reply_subject(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 7\r\nPUB {subject} back.to.me 5\r\nhello\r\n")
    expected = Operation("MSG", [subject, "7", "back.to.me"], b"", b"hello")
    equal(await client.message(), expected, "message")


@case
async def a_payload_may_be_empty_or_hold_any_byte(t):
    client, subject = await t.raw(), t.subject("a")
    every = bytes(range(256)) + b"\r\nPUB x 1\r\n"
    client.send(f"SUB {subject} 1\r\nPUB {subject} 0\r\n\r\nPUB {subject} {len(every)}\r\n")
    client.send(every + b"\r\n")
    equal((await client.message()).payload, b"", "empty payload")
    equal((await client.message()).payload, every, "payload of all bytes")
    equal(await client.until_pong(), [], "what follows")


@case
async def messages_arrive_in_the_order_they_were_published(t):
    publisher, subscriber, subject = await t.raw(), await t.raw(), t.subject("a")
    subscriber.send(f"SUB {subject} 1\r\n")
    await subscriber.until_pong()
    for number in range(2000):
        publisher.send(f"PUB {subject} {len(str(number))}\r\n{number}\r\n")
    seen = [int((await subscriber.message()).payload) for _ in range(2000)]
    equal(seen, list(range(2000)), "order")


@case
async def headers_are_passed_on_byte_by_byte(t):
    client, subject = await t.raw(), t.subject("a")
    head = b"NATS/1.0\r\nKey: one\r\nkey:two\r\nKey: three\r\n\r\n"
    client.send(f"SUB {subject} 1\r\nHPUB {subject} {len(head)} {len(head) + 2}\r\n")
    client.send(head + b"hi\r\n")
    equal(await client.message(), Operation("HMSG", [subject, "1"], head, b"hi"), "message")
    client.send(f"HPUB {subject} back {len(head)} {len(head)}\r\n")
    client.send(head + b"\r\n")
    equal(await client.message(), Operation("HMSG", [subject, "1", "back"], head), "with reply")


@case
async def a_client_without_headers_gets_a_plain_message(t):
    old = await t.raw(headers=False, no_responders=False)
    new, subject = await t.raw(), t.subject("a")
    old.send(f"SUB {subject} 1\r\n")
    await old.until_pong()
    head = b"NATS/1.0\r\nKey: one\r\n\r\n"
    new.send(f"HPUB {subject} {len(head)} {len(head) + 2}\r\n".encode() + head + b"hi\r\n")
    equal(await old.message(), Operation("MSG", [subject, "1"], b"", b"hi"), "message")


@case
async def a_star_stands_for_one_token(t):
    client = await t.raw()
    client.send(f"SUB {t.subject('*.c')} 1\r\n")
    for tail in ("b.c", "c", "a.b.c", "b.d", "x.c"):
        client.send(f"PUB {t.subject(tail)} 0\r\n\r\n")
    subjects = [message.words[0] for message in await client.until_pong()]
    equal(subjects, [t.subject("b.c"), t.subject("x.c")], "subjects that match *.c")


@case
async def a_greater_sign_stands_for_one_token_or_more(t):
    client = await t.raw()
    client.send(f"SUB {t.subject('a.>')} 1\r\n")
    for tail in ("a", "a.b", "a.b.c.d", "b.a"):
        client.send(f"PUB {t.subject(tail)} 0\r\n\r\n")
    subjects = [message.words[0] for message in await client.until_pong()]
    equal(subjects, [t.subject("a.b"), t.subject("a.b.c.d")], "subjects that match a.>")


@case
async def wildcards_inside_a_token_are_literal(t):
    client = await t.raw()
    client.send(f"SUB {t.subject('a*.b>')} 1\r\n")
    for tail in ("ax.bx", "a*.b>"):
        client.send(f"PUB {t.subject(tail)} 0\r\n\r\n")
    subjects = [message.words[0] for message in await client.until_pong()]
    equal(subjects, [t.subject("a*.b>")], "subjects that match a*.b>")


@case
async def overlapping_subscriptions_each_get_the_message(t):
    client, subject = await t.raw(), t.subject("a.b")
    for sid, tail in enumerate(("a.b", "a.*", "*.b", ">", "a.c"), 1):
        client.send(f"SUB {t.subject(tail)} {sid}\r\n")
    client.send(f"PUB {subject} 0\r\n\r\n")
    sids = sorted(message.words[1] for message in await client.until_pong())
    equal(sids, ["1", "2", "3", "4"], "sids that got the message")


@case
async def a_client_can_refuse_its_own_echo(t):
    deaf, other, subject = await t.raw(echo=False), await t.raw(), t.subject("a")
    deaf.send(f"SUB {subject} 1\r\nPUB {subject} 3\r\nown\r\n")
    equal(await deaf.until_pong(), [], "messages of its own")
    other.send(f"PUB {subject} 5\r\nother\r\n")
    equal((await deaf.message()).payload, b"other", "message of another client")


@case
async def a_queue_group_shares_the_messages(t):
    members, subject = [await t.raw() for _ in range(3)], t.subject("a")
    single, publisher = await t.raw(), await t.raw()
    for member in members:
        member.send(f"SUB {subject} workers 1\r\n")
        await member.until_pong()
    single.send(f"SUB {subject} 1\r\n")
    await single.until_pong()
    for number in range(300):
        publisher.send(f"PUB {subject} {len(str(number))}\r\n{number}\r\n")
    await publisher.until_pong()
    equal(len([await single.message() for _ in range(300)]), 300, "plain subscriber")
    await asyncio.sleep(0.2)
    shares = [[int(m.payload) for m in await member.until_pong()] for member in members]
    equal(sorted(sum(shares, [])), list(range(300)), "each message to exactly one member")
    check(all(shares), f"expected a share for all, saw {[len(share) for share in shares]}")


@case
async def two_queue_groups_each_get_every_message(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} red 1\r\nSUB {subject} red 2\r\nSUB {subject} blue 3\r\n")
    client.send(f"PUB {subject} 1\r\nx\r\n" * 20)
    sids = [message.words[1] for message in await client.until_pong()]
    equal((sids.count("3"), len(sids)), (20, 40), "messages of blue and of both")


@case
async def unsubscribing_ends_the_delivery(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\nPUB {subject} 1\r\na\r\nUNSUB 1\r\nPUB {subject} 1\r\nb\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a"], "messages")


@case
async def unsub_with_a_maximum_ends_after_that_many(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\nUNSUB 1 3\r\n" + f"PUB {subject} 1\r\na\r\n" * 5)
    equal(len(await client.until_pong()), 3, "messages")


@case
async def the_maximum_of_unsub_counts_from_the_start(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} 1\r\n" + f"PUB {subject} 1\r\na\r\n" * 2)
    equal(len(await client.until_pong()), 2, "messages before UNSUB")
    client.send("UNSUB 1 3\r\n" + f"PUB {subject} 1\r\na\r\n" * 3)
    equal(len(await client.until_pong()), 1, "messages after UNSUB 1 3")
    client.send(f"SUB {subject} 2\r\n" + f"PUB {subject} 1\r\na\r\n" * 2)
    await client.until_pong()
    client.send("UNSUB 2 1\r\n" + f"PUB {subject} 1\r\na\r\n")
    equal(await client.until_pong(), [], "messages after a maximum that was passed already")


@case
async def a_sid_in_use_is_not_taken_again(t):
    client = await t.raw()
    client.send(f"SUB {t.subject('a')} 1\r\nSUB {t.subject('b')} 1\r\n")
    client.send(f"PUB {t.subject('b')} 1\r\nb\r\nPUB {t.subject('a')} 1\r\na\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a"], "messages")


@case
async def unsubscribing_an_unknown_sid_is_ignored(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"UNSUB 99\r\nSUB {subject} 1\r\nPUB {subject} 1\r\na\r\n")
    equal([m.payload for m in await client.until_pong()], [b"a"], "messages")


@case
async def a_sid_may_be_any_word(t):
    client, subject = await t.raw(), t.subject("a")
    client.send(f"SUB {subject} abc-9\r\nPUB {subject} 1\r\na\r\n")
    equal([m.words[1] for m in await client.until_pong()], ["abc-9"], "sid")


@case
async def subscriptions_end_with_their_connection(t):
    first, second, subject = await t.raw(), await t.raw(), t.subject("a")
    first.send(f"SUB {subject} 1\r\n")
    await first.until_pong()
    first.close()
    await asyncio.sleep(0.3)
    second.send(f"SUB in.{subject} 1\r\nPUB {subject} in.{subject} 0\r\n\r\n")
    contains((await second.message()).headers, b"503", "answer when no one is left")


@case
async def a_request_gets_its_reply(t):
    connection, subject = await t.nats(), t.subject("echo")

    async def answer(message):
        await message.respond(message.data[::-1])

    await connection.subscribe(subject, cb=answer)
    other = await t.nats()
    await connection.flush()
    equal((await other.request(subject, b"abc", timeout=3)).data, b"cba", "reply")


@case
async def headers_travel_through_a_request(t):
    connection, subject = await t.nats(), t.subject("echo")

    async def answer(message):
        await connection.publish(message.reply, b"", headers={"Seen": message.headers["Sent"]})

    await connection.subscribe(subject, cb=answer)
    reply = await connection.request(subject, b"", timeout=3, headers={"Sent": "yes"})
    equal(reply.headers, {"Seen": "yes"}, "headers of the reply")


@case
async def a_request_that_no_one_hears_is_answered_503(t):
    client, subject = await t.raw(), t.subject("nobody")
    client.send(f"SUB {t.subject('in')} 1\r\nPUB {subject} {t.subject('in')} 2\r\nhi\r\n")
    message = await client.message()
    expected = ("HMSG", [t.subject("in"), "1"], b"")
    equal((message.verb, message.words, message.payload), expected, "answer")
    # Later servers add a header with the subject that no one heard.
    check(message.headers.startswith(b"NATS/1.0 503\r\n"), f"headers: saw {message.headers}")
    check(message.headers.endswith(b"\r\n\r\n"), f"end of the headers: saw {message.headers}")
    connection = await t.nats()
    async with raises(nats.errors.NoRespondersError, "request of nats-py"):
        await connection.request(subject, b"hi", timeout=3)


@case
async def a_client_that_did_not_ask_for_no_responders_gets_silence(t):
    client = await t.raw(no_responders=False)
    client.send(f"SUB {t.subject('in')} 1\r\nPUB {t.subject('no')} {t.subject('in')} 0\r\n\r\n")
    equal(await client.until_pong(), [], "answers")
