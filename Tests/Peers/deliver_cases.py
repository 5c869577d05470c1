"""What a consumer delivers: where it starts, what it leaves out, and what a message tells."""

import asyncio
import datetime

from nats.js.api import ConsumerConfig, DeliverPolicy

from suite import accepted, case, check, equal


async def delivered(t, stream, name="C"):
    """The payloads of all that the consumer has now."""
    puller = await t.puller(stream, name)
    await puller.pull(batch=100, no_wait=True)
    payloads = []
    while True:
        message = await puller.next()
        if not message.reply:
            return payloads
        payloads.append(message.data.decode())


@case
async def messages_come_in_order_and_tell_where_they_stand(t):
    stream = await t.stream()
    await t.fill(3, "a")
    await t.fill(2, "b", start=4)
    before = datetime.datetime.now(datetime.timezone.utc)
    await t.consumer(stream, filter_subject=t.subject("b"))
    puller = await t.puller(stream)
    await puller.pull(batch=2)
    for number, message in enumerate(await puller.messages(2), 1):
        words = message.reply.split(".")
        equal(words[:4], ["$JS", "ACK", stream, "C"], "start of the reply subject")
        equal(words[4:7], ["1", str(number + 3), str(number)], "delivered, stream and consumer seq")
        equal((words[8], len(words)), (str(2 - number), 9), "pending and length")
        check(len(words[7]) == 19, f"timestamp: expected nanoseconds, saw {words[7]}")
        metadata = message.metadata
        equal((metadata.stream, metadata.consumer), (stream, "C"), "names")
        equal((metadata.sequence.stream, metadata.sequence.consumer), (number + 3, number), "seq")
        equal((metadata.num_pending, metadata.num_delivered), (2 - number, 1), "counts")
        age = abs((before - metadata.timestamp).total_seconds())
        check(age < 60, f"timestamp: expected about {before}, saw {metadata.timestamp}")
        equal((message.subject, message.data), (t.subject("b"), str(number + 3).encode()), "itself")


@case
async def a_timestamp_is_that_of_the_publish(t):
    stream = await t.stream()
    await t.fill(1)
    await asyncio.sleep(0.5)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=1)
    stamp = (await puller.next()).metadata.timestamp
    stored = (await (await t.js()).stream_info(stream)).state
    equal(stored.first_seq, 1, "first sequence")
    time = accepted(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 1}))["message"]["time"]
    seconds = datetime.datetime.fromisoformat(time[:19] + "+00:00")
    difference = abs((stamp - seconds).total_seconds())
    check(difference <= 1.1, f"timestamp: expected {time}, saw {stamp}")


@case
async def deliver_all_starts_at_the_first(t):
    stream = await t.stream()
    await t.fill(3)
    equal((await t.consumer(stream, deliver_policy="all"))["num_pending"], 3, "num_pending")
    equal(await delivered(t, stream), ["1", "2", "3"], "messages")


@case
async def deliver_last_starts_at_the_last(t):
    stream = await t.stream()
    await t.fill(3)
    equal((await t.consumer(stream, deliver_policy="last"))["num_pending"], 1, "num_pending")
    await t.fill(1, start=4)
    equal(await delivered(t, stream), ["3", "4"], "messages")


@case
async def deliver_last_with_a_filter_starts_at_the_last_of_the_subject(t):
    stream = await t.stream()
    for number, tail in enumerate("abba", 1):
        await t.fill(1, tail, start=number)
    await t.consumer(stream, deliver_policy="last", filter_subject=t.subject("b"))
    equal(await delivered(t, stream), ["3"], "messages")


@case
async def deliver_new_starts_after_the_last(t):
    stream = await t.stream()
    await t.fill(3)
    equal((await t.consumer(stream, deliver_policy="new"))["num_pending"], 0, "num_pending")
    await t.fill(2, start=4)
    equal(await delivered(t, stream), ["4", "5"], "messages")


@case
async def deliver_by_start_sequence_starts_there(t):
    stream = await t.stream()
    await t.fill(5)
    config = {"deliver_policy": "by_start_sequence", "opt_start_seq": 4}
    equal((await t.consumer(stream, **config))["num_pending"], 2, "num_pending")
    equal(await delivered(t, stream), ["4", "5"], "messages")


@case
async def a_start_sequence_past_the_end_waits_for_new_messages(t):
    stream = await t.stream()
    await t.fill(5)
    await t.consumer(stream, deliver_policy="by_start_sequence", opt_start_seq=8)
    await t.fill(3, start=6)
    # A server of 2.9 starts at the next message; later ones wait for the sequence itself.
    seen = await delivered(t, stream)
    check(seen in (["6", "7", "8"], ["8"]), f"expected 6, 7, 8 or only 8, saw {seen}")


@case
async def deliver_by_start_time_starts_there(t):
    stream = await t.stream()
    await t.fill(2)
    await asyncio.sleep(1.2)
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=0.5)
    await t.fill(2, start=3)
    config = {"deliver_policy": "by_start_time", "opt_start_time": moment.isoformat()}
    await t.consumer(stream, **config)
    equal(await delivered(t, stream), ["3", "4"], "messages")
    past = config | {"opt_start_time": "2020-01-01T00:00:00Z"}
    await t.consumer(stream, "D", **past)
    equal(await delivered(t, stream, "D"), ["1", "2", "3", "4"], "messages since 2020")


@case
async def deliver_last_per_subject_gives_the_last_of_each(t):
    stream = await t.stream()
    for number, tail in enumerate("aabbca", 1):
        await t.fill(1, tail, start=number)
    answer = await t.consumer(
        stream, deliver_policy="last_per_subject", filter_subject=t.subject("*"))
    equal(answer["num_pending"], 3, "num_pending")
    equal(await delivered(t, stream), ["4", "5", "6"], "messages")
    await t.fill(2, "b", start=7)
    equal(await delivered(t, stream), ["7", "8"], "messages after the start")


@case
async def a_filter_may_have_wildcards(t):
    stream = await t.stream()
    for number, tail in enumerate(("a.x", "a.y.z", "b.x", "a", "c.x.q", "b.y"), 1):
        await t.fill(1, tail, start=number)
    for number, (subject, expected) in enumerate({
        "a.*": ["1"], "a.>": ["1", "2"], "*.x": ["1", "3"], "*.x.>": ["5"],
        "b.y": ["6"], "none": [], ">": ["1", "2", "3", "4", "5", "6"],
    }.items()):
        name = f"C{number}"
        answer = await t.consumer(stream, name, filter_subject=t.subject(subject))
        equal(answer["num_pending"], len(expected), f"num_pending of {subject}")
        equal(await delivered(t, stream, name), expected, f"messages of {subject}")


@case
async def a_filter_also_holds_for_later_messages(t):
    stream = await t.stream()
    await t.consumer(stream, filter_subject=t.subject("a"))
    puller = await t.puller(stream)
    await puller.pull(batch=2, expires=3)
    for number, tail in enumerate("baba", 1):
        await t.fill(1, tail, start=number)
    equal([m.data for m in await puller.messages(2)], [b"2", b"4"], "messages")
    equal((await t.consumer_info(stream))["num_pending"], 0, "num_pending")


@case
async def gaps_are_passed_over(t):
    stream = await t.stream()
    await t.fill(6)
    await t.consumer(stream)
    for sequence in (1, 3, 4):
        accepted(await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence}))
    equal(await delivered(t, stream), ["2", "5", "6"], "messages")


@case
async def a_purge_takes_the_pending_messages_away(t):
    stream = await t.stream()
    await t.fill(4)
    await t.consumer(stream)
    accepted(await t.api(f"STREAM.PURGE.{stream}"))
    await t.fill(1, start=5)
    equal(await delivered(t, stream), ["5"], "messages")
    equal((await t.consumer_info(stream))["num_pending"], 0, "num_pending")


@case
async def headers_only_leaves_the_payload_out(t):
    stream = await t.stream()
    accepted(await t.publish(t.subject("a"), b"12345", Kind="x"))
    accepted(await t.publish(t.subject("a"), b""))
    await t.consumer(stream, headers_only=True)
    puller = await t.puller(stream)
    await puller.pull(batch=2)
    first, second = await puller.messages(2)
    equal((first.data, first.headers), (b"", {"Kind": "x", "Nats-Msg-Size": "5"}), "first")
    equal((second.data, second.headers), (b"", {"Nats-Msg-Size": "0"}), "second")


@case
async def two_consumers_each_get_every_message(t):
    stream = await t.stream()
    await t.fill(3)
    for name in ("A", "B"):
        await t.consumer(stream, name)
        equal(await delivered(t, stream, name), ["1", "2", "3"], f"messages of {name}")


@case
async def nats_py_starts_where_it_is_told(t):
    stream, js = await t.stream(), await t.js()
    await t.fill(5)
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=4)
    pull = await js.pull_subscribe(t.subject(">"), durable="P", stream=stream, config=config)
    messages = await pull.fetch(2, timeout=3)
    equal([m.data for m in messages], [b"4", b"5"], "messages")
    await asyncio.gather(*[message.ack() for message in messages])
