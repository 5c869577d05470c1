"""Pulling: batches, expiry, heartbeats and the statuses that end a pull."""

import asyncio
import time

import nats

from suite import accepted, case, check, contains, equal, eventually, raises, status


async def ready(t, count=0, **config):
    """A stream of so many messages with a consumer, and a puller on it."""
    stream = await t.stream()
    await t.fill(count)
    await t.consumer(stream, **config)
    return stream, await t.puller(stream)


async def waits(t, stream):
    """The server may take up a pull after it answered what was sent later."""
    async def one():
        return (await t.consumer_info(stream))["num_waiting"] == 1

    await eventually(one, "num_waiting is 1", within=3)


@case
async def fetch_gives_a_batch(t):
    stream = await t.stream()
    await t.fill(10)
    subscription = await (await t.js()).pull_subscribe(t.subject(">"), "C", stream=stream)
    first = await subscription.fetch(4, timeout=3)
    second = await subscription.fetch(6, timeout=3)
    equal([m.data for m in first], [b"1", b"2", b"3", b"4"], "first batch")
    equal([m.data for m in second], [b"5", b"6", b"7", b"8", b"9", b"10"], "second batch")


@case
async def fetch_gives_fewer_when_there_are_no_more(t):
    stream = await t.stream()
    await t.fill(3)
    subscription = await (await t.js()).pull_subscribe(t.subject(">"), "C", stream=stream)
    began = time.monotonic()
    equal(len(await subscription.fetch(10, timeout=1)), 3, "messages")
    check(time.monotonic() - began < 4, "expected the fetch to end with its timeout")
    async with raises(nats.errors.TimeoutError, "fetch of nothing"):
        await subscription.fetch(1, timeout=0.5)


@case
async def a_waiting_fetch_gets_what_comes_later(t):
    stream = await t.stream()
    subscription = await (await t.js()).pull_subscribe(t.subject(">"), "C", stream=stream)
    waiting = asyncio.create_task(subscription.fetch(1, timeout=4))
    await asyncio.sleep(0.3)
    await t.fill(1)
    equal([m.data for m in await waiting], [b"1"], "messages")


@case
async def the_payload_of_a_pull_may_be_empty_or_a_number(t):
    stream, puller = await ready(t, 5)
    await puller.connection.publish(puller.pull_subject, b"", reply=puller.inbox)
    equal((await puller.messages(1))[0].data, b"1", "message of an empty pull")
    await puller.connection.publish(puller.pull_subject, b"3", reply=puller.inbox)
    equal([m.data for m in await puller.messages(3)], [b"2", b"3", b"4"], "messages of pull 3")
    await puller.stays_silent(0.3)


@case
async def a_pull_without_expiry_waits_until_its_batch_is_full(t):
    stream, puller = await ready(t, 1)
    await puller.pull(batch=3)
    await puller.messages(1)
    await puller.stays_silent(0.5)
    await t.fill(3, start=2)
    equal([m.data for m in await puller.messages(2)], [b"2", b"3"], "messages")
    await puller.stays_silent(0.3)


@case
async def no_wait_ends_at_once_with_404_when_there_is_nothing(t):
    _, puller = await ready(t)
    await puller.pull(batch=5, no_wait=True)
    message = await puller.ends_with("404")
    contains(message.headers["Description"], "No Messages", "description")


@case
async def no_wait_ends_with_a_status_after_some_messages(t):
    _, puller = await ready(t, 2)
    await puller.pull(batch=5, no_wait=True)
    await puller.messages(2)
    # A server of 2.9 says 408, later ones 404.
    contains(("404", "408"), status(await puller.next()), "status after the messages")
    await puller.stays_silent(0.2)


@case
async def no_wait_with_expiry_waits_when_there_is_nothing(t):
    _, puller = await ready(t)
    await puller.pull(batch=1, no_wait=True, expires=3)
    await puller.stays_silent(0.5)
    await t.fill(1)
    equal((await puller.messages(1))[0].data, b"1", "message")


@case
async def a_pull_ends_with_408_at_its_expiry(t):
    _, puller = await ready(t, 1)
    began = time.monotonic()
    await puller.pull(batch=5, expires=1)
    await puller.messages(1)
    message = await puller.ends_with("408")
    took = time.monotonic() - began
    check(0.8 < took < 4, f"expected the end after about 1 s, saw {took:.2f} s")
    contains(message.headers["Description"], "Request Timeout", "description")
    equal(message.headers.get("Nats-Pending-Messages"), "4", "Nats-Pending-Messages")
    equal(message.headers.get("Nats-Pending-Bytes"), "0", "Nats-Pending-Bytes")


@case
async def an_expired_pull_takes_no_message(t):
    stream, puller = await ready(t)
    await puller.pull(batch=1, expires=0.3)
    await puller.ends_with("408")
    await t.fill(1)
    await puller.stays_silent(0.5)
    equal((await t.consumer_info(stream))["num_pending"], 1, "num_pending")


@case
async def an_idle_pull_gets_heartbeats(t):
    _, puller = await ready(t, 1)
    await puller.pull(batch=2, expires=3, idle_heartbeat=0.5)
    await puller.messages(1)
    message = await puller.ends_with("100")
    contains(message.headers["Description"], "Idle Heartbeat", "description")
    equal(message.headers.get("Nats-Last-Consumer"), "1", "Nats-Last-Consumer")
    equal(message.headers.get("Nats-Last-Stream"), "1", "Nats-Last-Stream")
    equal(message.data, b"", "payload")
    await puller.ends_with("100")
    await t.fill(1, start=2)
    while status(message) == "100":
        message = await puller.next()
    equal(message.data, b"2", "message after the heartbeats")


@case
async def a_heartbeat_above_half_of_the_expiry_is_refused(t):
    _, puller = await ready(t, 1)
    for request in ({"expires": 1, "idle_heartbeat": 0.6}, {"idle_heartbeat": 0.4}):
        await puller.pull(batch=1, **request)
        message = await puller.ends_with("400")
        contains(message.headers["Description"].lower(), "heartbeat value too large", "words")
    await puller.stays_silent(0.3)


@case
async def a_pull_above_max_waiting_is_refused(t):
    _, puller = await ready(t, max_waiting=2)
    for _ in range(3):
        await puller.pull(batch=1, expires=3)
    message = await puller.ends_with("409", timeout=2)
    contains(message.headers["Description"], "Exceeded MaxWaiting", "description")


@case
async def limits_of_a_consumer_hold_for_its_pulls(t):
    _, puller = await ready(t, 5, max_batch=2, max_expires=2_000_000_000)
    await puller.pull(batch=3, expires=1)
    message = await puller.ends_with("409")
    contains(message.headers["Description"], "Exceeded MaxRequestBatch of 2", "description")
    await puller.pull(batch=1, expires=3)
    message = await puller.ends_with("409")
    contains(message.headers["Description"], "Exceeded MaxRequestExpires", "description")
    await puller.pull(batch=2, expires=1)
    await puller.messages(2)


@case
async def max_bytes_limits_a_pull(t):
    stream = await t.stream()
    for _ in range(5):
        accepted(await t.publish(t.subject("a"), b"x" * 1000))
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=5, expires=1, max_bytes=2500)
    await puller.messages(2)
    # A server of 2.9 lets the pull expire; later ones end it at once.
    check(status(await puller.next()) in ("408", "409"), "expected an end after two messages")


@case
async def a_deleted_consumer_ends_a_waiting_pull(t):
    stream, puller = await ready(t)
    await puller.pull(batch=1, expires=5)
    await waits(t, stream)
    accepted(await t.api(f"CONSUMER.DELETE.{stream}.C"))
    message = await puller.ends_with("409", timeout=2)
    contains(message.headers["Description"], "Consumer Deleted", "description")


@case
async def waiting_pulls_are_served_in_turn(t):
    stream, first = await ready(t)
    second = await t.puller(stream)
    for puller in (first, second):
        await puller.pull(batch=2, expires=5)
        await puller.connection.flush()
    await t.fill(4)
    shares = [[int(m.data) for m in await puller.messages(2)] for puller in (first, second)]
    equal(sorted(sum(shares, [])), [1, 2, 3, 4], "messages of both")


@case
async def a_pull_whose_client_left_spends_no_message(t):
    stream, puller = await ready(t)
    leaving = await t.nats()
    inbox = leaving.new_inbox()
    await leaving.subscribe(inbox)
    await leaving.publish(puller.pull_subject, b'{"batch":1,"expires":8000000000}', reply=inbox)
    await leaving.flush()
    await leaving.close()
    await asyncio.sleep(0.3)
    await puller.pull(batch=1, expires=3)
    await t.fill(1)
    message = (await puller.messages(1))[0]
    equal((message.data, message.metadata.num_delivered), (b"1", 1), "message and deliveries")


@case
async def a_pull_that_was_unsubscribed_spends_no_message(t):
    stream, puller = await ready(t)
    await puller.pull(batch=1, expires=8)
    await puller.subscription.unsubscribe()
    await puller.connection.flush()
    await t.fill(1)
    other = await t.puller(stream)
    await other.pull(batch=1, expires=3)
    message = (await other.messages(1))[0]
    equal((message.data, message.metadata.num_delivered), (b"1", 1), "message and deliveries")


@case
async def a_pull_from_a_consumer_that_is_not_there_gets_no_message(t):
    stream = await t.stream()
    await t.fill(1)
    puller = await t.puller(stream, "absent")
    await puller.pull(batch=1, expires=1)
    # A server of 2.9 is silent; later ones say that no one responds.
    try:
        equal(status(await puller.next(0.7)), "503", "status")
    except nats.errors.TimeoutError:
        pass


@case
async def a_large_batch_arrives_completely(t):
    stream = await t.stream()
    js = await t.js()
    acks = [await js.publish_async(t.subject("a"), str(n).encode()) for n in range(2000)]
    await asyncio.gather(*acks)
    await t.consumer(stream, max_ack_pending=5000)
    puller = await t.puller(stream)
    await puller.pull(batch=2000, expires=5)
    seen = [int(message.data) for message in await puller.messages(2000)]
    equal(seen, list(range(2000)), "messages")


@case
async def waiting_pulls_disappear_from_info_when_they_expire(t):
    stream, puller = await ready(t)
    await puller.pull(batch=1, expires=0.5)
    await puller.ends_with("408")

    async def none():
        return (await t.consumer_info(stream))["num_waiting"] == 0

    await eventually(none, "num_waiting is 0", within=3)
