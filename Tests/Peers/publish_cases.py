"""Publishing to a stream: acknowledgements, duplicates and expectations."""

import asyncio
import json

import nats

from suite import accepted, case, check, contains, equal, raises_code, refused


@case
async def a_publish_is_acknowledged_with_its_sequence(t):
    stream = await t.stream()
    for number in range(1, 4):
        equal(await t.publish(t.subject("a"), b"x"), {"stream": stream, "seq": number}, "answer")
    ack = await (await t.js()).publish(t.subject("a"), b"x", headers={"A": "b"})
    equal((ack.stream, ack.seq, bool(ack.duplicate)), (stream, 4, False), "answer to nats-py")


@case
async def a_publish_without_a_reply_is_stored_too(t):
    stream = await t.stream()
    client = await t.raw()
    client.send(f"PUB {t.subject('a')} 2\r\nhi\r\n")
    await client.until_pong()
    equal(accepted(await t.publish(t.subject("a")))["seq"], 2, "sequence of the next")
    equal((await t.state(stream))["messages"], 2, "messages")


@case
async def a_plain_subscriber_of_the_subject_gets_the_message_too(t):
    await t.stream()
    client = await t.raw()
    client.send(f"SUB {t.subject('a')} 1\r\n")
    await client.until_pong()
    await t.fill(1, "a")
    equal((await client.message()).payload, b"1", "payload")


@case
async def many_publishes_in_flight_are_all_acknowledged_in_order(t):
    stream = await t.stream()
    js = await t.js()
    futures = [await js.publish_async(t.subject("a"), str(n).encode()) for n in range(1000)]
    acks = await asyncio.gather(*futures)
    equal([ack.seq for ack in acks], list(range(1, 1001)), "sequences")
    equal((await t.state(stream))["messages"], 1000, "messages")


@case
async def a_repeated_message_id_is_a_duplicate(t):
    stream = await t.stream()
    first = await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1")
    equal(first, {"stream": stream, "seq": 1}, "first answer")
    await t.fill(1)
    again = await t.publish(t.subject("b"), b"other", Nats_Msg_Id="m1")
    equal(again, {"stream": stream, "seq": 1, "duplicate": True}, "second answer")
    equal((await t.state(stream))["messages"], 2, "messages")
    other = await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m2")
    equal(other, {"stream": stream, "seq": 3}, "answer to another id")


@case
async def a_message_id_is_forgotten_after_the_window(t):
    stream = await t.stream(duplicate_window=300_000_000)
    accepted(await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1"))
    again = accepted(await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1"))
    equal(again.get("duplicate"), True, "duplicate within the window")
    await asyncio.sleep(1.5)
    later = accepted(await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1"))
    equal(later, {"stream": stream, "seq": 2}, "answer after the window")


@case
async def the_id_of_a_refused_publish_is_not_remembered(t):
    stream = await t.stream()
    stale = {"Nats_Msg_Id": "m1", "Nats_Expected_Last_Sequence": "7"}
    refused(await t.publish(t.subject("a"), b"1", **stale), 10071)
    fresh = await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1")
    equal(fresh, {"stream": stream, "seq": 1}, "answer")


@case
async def the_expected_last_sequence_is_checked(t):
    stream = await t.stream()
    accepted(await t.publish(t.subject("a"), b"1", Nats_Expected_Last_Sequence="0"))
    accepted(await t.publish(t.subject("b"), b"2", Nats_Expected_Last_Sequence="1"))
    for expected in ("1", "3"):
        answer = await t.publish(t.subject("a"), b"3", Nats_Expected_Last_Sequence=expected)
        refused(answer, 10071, 400)
        equal((answer["stream"], answer["seq"]), (stream, 0), "what stands beside the error")
        contains(answer["error"]["description"], "2", "description, which names the last")
    equal((await t.state(stream))["messages"], 2, "messages")
    async with raises_code(10071, "publish of nats-py"):
        headers = {"Nats-Expected-Last-Sequence": "9"}
        await (await t.js()).publish(t.subject("a"), b"3", headers=headers)


@case
async def the_expected_last_subject_sequence_is_checked(t):
    stream = await t.stream()
    field = "Nats_Expected_Last_Subject_Sequence"
    accepted(await t.publish(t.subject("a"), b"1", **{field: "0"}))
    accepted(await t.publish(t.subject("b"), b"2", **{field: "0"}))
    accepted(await t.publish(t.subject("a"), b"3", **{field: "1"}))
    for subject, stale in (("a", "1"), ("a", "0"), ("b", "3"), ("c", "1")):
        refused(await t.publish(t.subject(subject), b"4", **{field: stale}), 10071, 400)
    accepted(await t.publish(t.subject("b"), b"4", **{field: "2"}))
    equal((await t.state(stream))["messages"], 4, "messages")


@case
async def of_two_writers_that_expect_the_same_one_wins(t):
    await t.stream()
    field = {"Nats_Expected_Last_Subject_Sequence": "0"}
    answers = await asyncio.gather(*[t.publish(t.subject("a"), b"x", **field) for _ in range(20)])
    equal(len([answer for answer in answers if "error" not in answer]), 1, "winners")
    for loser in answers:
        if "error" in loser:
            refused(loser, 10071)


@case
async def the_expected_last_message_id_is_checked(t):
    stream = await t.stream()
    accepted(await t.publish(t.subject("a"), b"1", Nats_Msg_Id="m1"))
    refused(await t.publish(t.subject("a"), b"2", Nats_Expected_Last_Msg_Id="m0"), 10070, 400)
    both = {"Nats_Msg_Id": "m2", "Nats_Expected_Last_Msg_Id": "m1"}
    equal(await t.publish(t.subject("a"), b"2", **both), {"stream": stream, "seq": 2}, "answer")
    refused(await t.publish(t.subject("a"), b"3", Nats_Expected_Last_Msg_Id="m1"), 10070, 400)


@case
async def the_expected_stream_is_checked(t):
    stream = await t.stream()
    refused(await t.publish(t.subject("a"), b"1", Nats_Expected_Stream="other"), 10060, 400)
    good = await t.publish(t.subject("a"), b"1", Nats_Expected_Stream=stream)
    equal(good, {"stream": stream, "seq": 1}, "answer")
    async with raises_code(10060, "publish of nats-py"):
        await (await t.js()).publish(t.subject("a"), b"2", stream="other")


@case
async def publishing_where_no_stream_listens_has_no_responders(t):
    await t.stream(subjects=[t.subject("a")])
    try:
        await (await t.js()).publish(t.subject("b"), b"1")
    except nats.js.errors.NoStreamResponseError:
        return
    check(False, "expected no responders, saw success")


@case
async def a_stored_message_keeps_its_headers_and_bytes(t):
    stream = await t.stream()
    head, body = b"NATS/1.0\r\nA: 1\r\na: 2\r\nEmpty: \r\n\r\n", bytes(range(256))
    client = await t.raw()
    client.send(f"SUB in.{t.token} 1\r\nHPUB {t.subject('a')} in.{t.token} {len(head)} ")
    client.send(f"{len(head) + len(body)}\r\n".encode() + head + body + b"\r\n")
    answer = json.loads((await client.message()).payload)
    equal(answer, {"stream": stream, "seq": 1}, "answer")
    await t.consumer(stream)
    client.send(f"PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.C in.{t.token} 1\r\n1\r\n")
    message = await client.message()
    equal((message.verb, message.headers, message.payload), ("HMSG", head, body), "message")
    equal(message.words[0], t.subject("a"), "subject, which is the message's own")
