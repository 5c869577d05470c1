"""Redelivery: after a nak, after the wait, how often and how late."""

import asyncio
import time

from suite import case, check, equal, eventually

SECOND = 1_000_000_000


async def ready(t, count, **config):
    stream = await t.stream()
    await t.fill(count)
    await t.consumer(stream, **config)
    return stream, await t.puller(stream)


def numbers(message):
    """Stream sequence, consumer sequence and number of deliveries."""
    metadata = message.metadata
    return metadata.sequence.stream, metadata.sequence.consumer, metadata.num_delivered


@case
async def a_nak_redelivers_at_once(t):
    stream, puller = await ready(t, 1)
    await puller.pull(batch=3, expires=5)
    message = await puller.next()
    equal(numbers(message), (1, 1, 1), "first delivery")
    await message.nak()
    message = await puller.next()
    equal(numbers(message), (1, 2, 2), "second delivery")
    equal((message.subject, message.data), (t.subject("x"), b"1"), "second delivery's message")
    info = await t.consumer_info(stream)
    equal((info["num_redelivered"], info["num_ack_pending"]), (1, 1), "counts")
    await message.ack_sync(timeout=3)
    info = await t.consumer_info(stream)
    equal((info["num_redelivered"], info["num_ack_pending"]), (0, 0), "counts after the ack")
    equal(info["ack_floor"]["stream_seq"], 1, "ack floor")
    equal(info["ack_floor"]["consumer_seq"], 2, "ack floor of the consumer's sequences")


@case
async def a_redelivered_message_comes_before_new_ones(t):
    _, puller = await ready(t, 5)
    await puller.pull(batch=2)
    first, second = await puller.messages(2)
    await second.nak()
    await first.nak()
    await puller.connection.flush()
    # The server may take up a pull before the naks that were sent earlier.
    await asyncio.sleep(0.3)
    await puller.pull(batch=4)
    seen = [int(message.data) for message in await puller.messages(4)]
    equal((set(seen[:2]), seen[2:]), ({1, 2}, [3, 4]), "order")


@case
async def a_nak_may_ask_for_a_delay(t):
    _, puller = await ready(t, 2)
    await puller.pull(batch=3, expires=8)
    first, second = await puller.messages(2)
    began = time.monotonic()
    await first.nak(delay=1.5)
    await second.ack()
    await puller.stays_silent(0.7)
    again = await puller.next(5)
    took = time.monotonic() - began
    equal(numbers(again), (1, 3, 2), "redelivery")
    check(took > 1.2, f"expected the redelivery after about 1.5 s, saw {took:.2f} s")


@case
async def an_unacknowledged_message_comes_again_after_the_wait(t):
    _, puller = await ready(t, 2, ack_wait=SECOND)
    began = time.monotonic()
    await puller.pull(batch=3, expires=8)
    first, second = await puller.messages(2)
    await first.ack()
    for count in (2, 3):
        again = await puller.next(5)
        equal((again.data, again.metadata.num_delivered), (b"2", count), "redelivery")
        took = time.monotonic() - began
        check(took > 0.8 * (count - 1), f"delivery {count}: expected a wait, saw {took:.2f} s")
        await puller.pull(batch=1, expires=8)
    await again.ack_sync(timeout=3)


@case
async def a_late_acknowledgement_by_the_first_reply_counts(t):
    stream, puller = await ready(t, 1, ack_wait=SECOND)
    await puller.pull(batch=2, expires=8)
    first = await puller.next()
    await puller.next(5)
    await first.ack()

    async def settled():
        info = await t.consumer_info(stream)
        return info["num_ack_pending"] == 0 and info["ack_floor"]["stream_seq"] == 1

    await eventually(settled, "the acknowledgement counts", within=3)


@case
async def max_deliver_ends_the_deliveries(t):
    stream, puller = await ready(t, 2, ack_wait=SECOND, max_deliver=2)
    await puller.pull(batch=10, expires=7)
    first, second = await puller.messages(2)
    await second.ack()
    await first.nak()
    again = await puller.next()
    equal((again.data, again.metadata.num_delivered), (b"1", 2), "second delivery")
    await again.nak()
    await puller.stays_silent(2.5)
    await t.fill(1, start=3)
    equal((await puller.next()).data, b"3", "the next message still comes")

    async def dropped():
        return (await t.consumer_info(stream))["num_ack_pending"] <= 1

    await eventually(dropped, "the message is no longer pending", within=3)


@case
async def max_deliver_of_one_never_redelivers(t):
    _, puller = await ready(t, 1, ack_wait=SECOND, max_deliver=1)
    await puller.pull(batch=5, expires=5)
    equal((await puller.next()).data, b"1", "message")
    await puller.stays_silent(2.5)


@case
async def backoff_sets_the_waits(t):
    stream, puller = await ready(t, 1, backoff=[SECOND // 2, 2 * SECOND], max_deliver=3)
    config = (await t.consumer_info(stream))["config"]
    equal(config["backoff"], [SECOND // 2, 2 * SECOND], "backoff")
    equal(config["ack_wait"], SECOND // 2, "ack_wait, which is the first of backoff")
    await puller.pull(batch=5, expires=8)
    began, moments = time.monotonic(), []
    for count in (1, 2, 3):
        message = await puller.next(6)
        equal(message.metadata.num_delivered, count, "number of deliveries")
        moments.append(time.monotonic() - began)
    check(0.3 < moments[1] - moments[0] < 1.9, f"first wait: expected 0.5 s, saw {moments}")
    check(1.7 < moments[2] - moments[1], f"second wait: expected 2 s, saw {moments}")


@case
async def a_message_deleted_meanwhile_is_not_redelivered(t):
    stream, puller = await ready(t, 2, ack_wait=SECOND)
    await puller.pull(batch=2)
    first, second = await puller.messages(2)
    await second.ack()
    await (await t.js()).delete_msg(stream, 1)
    await puller.pull(batch=1, expires=2.5)
    await puller.ends_with("408")


@case
async def redeliveries_of_many_keep_their_order(t):
    _, puller = await ready(t, 20, ack_wait=SECOND)
    await puller.pull(batch=20)
    await puller.messages(20)
    await asyncio.sleep(1.5)
    await puller.pull(batch=20, expires=6)
    again = await puller.messages(20)
    equal([int(message.data) for message in again], list(range(1, 21)), "order")
    equal({message.metadata.num_delivered for message in again}, {2}, "number of deliveries")
