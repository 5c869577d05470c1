"""Acknowledging: the kinds of acknowledgement and the policies."""

import asyncio

import nats

from suite import Mismatch, case, check, equal, eventually


async def pulled(t, count, **config):
    """A stream of so many messages, its consumer, a puller, and the messages pulled."""
    stream = await t.stream()
    await t.fill(count)
    await t.consumer(stream, **config)
    puller = await t.puller(stream)
    await puller.pull(batch=count)
    return stream, puller, await puller.messages(count)


async def shows(t, stream, ack_pending, floor):
    """Waits until info shows the counts: a plain acknowledgement is not answered."""
    async def reached():
        info = await t.consumer_info(stream)
        return (info["num_ack_pending"], info["ack_floor"]["stream_seq"]) == (ack_pending, floor)

    try:
        await eventually(reached, f"num_ack_pending {ack_pending}, ack floor {floor}", within=3)
    except Mismatch as error:
        info = await t.consumer_info(stream)
        raise Mismatch(f"{error}: saw {info['num_ack_pending']}, {info['ack_floor']}") from None


@case
async def an_acknowledged_message_is_not_redelivered(t):
    stream, puller, messages = await pulled(t, 2, ack_wait=1_000_000_000)
    for message in messages:
        await message.ack()
    await shows(t, stream, 0, 2)
    await puller.pull(batch=1, expires=2.5)
    await puller.ends_with("408")


@case
async def a_confirmed_acknowledgement_is_answered(t):
    stream, _, messages = await pulled(t, 1)
    answer = await messages[0].ack_sync(timeout=3)
    equal(answer.data, b"", "answer to +ACK")
    info = await t.consumer_info(stream)
    equal((info["num_ack_pending"], info["ack_floor"]["stream_seq"]), (0, 1), "state at once")


@case
async def an_empty_payload_acknowledges(t):
    stream, puller, messages = await pulled(t, 1)
    await puller.connection.publish(messages[0].reply, b"")
    await shows(t, stream, 0, 1)


@case
async def a_second_acknowledgement_changes_nothing(t):
    stream, puller, messages = await pulled(t, 3)
    for _ in range(2):
        answer = await puller.connection.request(messages[0].reply, b"+ACK", timeout=3)
        equal(answer.data, b"", "answer")
    info = await t.consumer_info(stream)
    equal((info["num_ack_pending"], info["ack_floor"]["stream_seq"]), (2, 1), "state")


@case
async def acknowledgements_out_of_order_hold_the_floor(t):
    stream, _, messages = await pulled(t, 4)
    for index, pending, floor in ((3, 3, 0), (1, 2, 0), (0, 1, 2), (2, 0, 4)):
        await messages[index].ack_sync(timeout=3)
        await shows(t, stream, pending, floor)


@case
async def an_acknowledgement_of_what_was_not_delivered_changes_nothing(t):
    stream, puller, messages = await pulled(t, 1)
    for reply in (f"$JS.ACK.{stream}.C.1.99.99.1700000000000000000.0",
                  f"$JS.ACK.{stream}.C.1.x.y.z.0", f"$JS.ACK.{stream}.C",
                  f"$JS.ACK.{stream}.absent.1.1.1.1700000000000000000.0"):
        await puller.connection.publish(reply, b"+ACK")
    await puller.connection.flush()
    await asyncio.sleep(0.2)
    await shows(t, stream, 1, 0)
    await messages[0].ack_sync(timeout=3)
    await shows(t, stream, 0, 1)


@case
async def an_unknown_acknowledgement_changes_nothing(t):
    stream, puller, messages = await pulled(t, 1)
    await puller.connection.publish(messages[0].reply, b"nonsense")
    await puller.connection.flush()
    await asyncio.sleep(0.2)
    await shows(t, stream, 1, 0)


@case
async def ack_all_acknowledges_what_is_before(t):
    stream, puller, messages = await pulled(t, 5, ack_policy="all")
    await messages[2].ack_sync(timeout=3)
    await shows(t, stream, 2, 3)
    await messages[4].ack_sync(timeout=3)
    await shows(t, stream, 0, 5)


@case
async def ack_none_needs_no_acknowledgement(t):
    stream, puller, _ = await pulled(t, 3, ack_policy="none")
    info = await t.consumer_info(stream)
    equal((info["num_ack_pending"], info["delivered"]["stream_seq"]), (0, 3), "state")
    await puller.pull(batch=1, no_wait=True)
    await puller.ends_with("404")


@case
async def term_ends_a_message_for_good(t):
    stream, puller, messages = await pulled(t, 2, ack_wait=1_000_000_000)
    await messages[0].term()
    await messages[1].ack()
    await shows(t, stream, 0, 2)
    await puller.pull(batch=1, expires=2.5)
    await puller.ends_with("408")


@case
async def in_progress_extends_the_wait(t):
    stream, puller, messages = await pulled(t, 2, ack_wait=2_000_000_000)
    await puller.pull(batch=1, expires=8)
    for _ in range(5):
        await asyncio.sleep(0.8)
        await messages[0].in_progress()
        # The other message was left alone: it is the only one to come again.
        try:
            again = await puller.next(0.01)
        except nats.errors.TimeoutError:
            continue
        equal(again.data, b"2", "redelivered message")
        await again.ack()
    await messages[0].ack_sync(timeout=3)
    await shows(t, stream, 0, 2)
    info = await t.consumer_info(stream)
    equal(info["num_redelivered"], 0, "num_redelivered, of which none is pending")
    equal(info["delivered"]["consumer_seq"], 3, "number of deliveries")


@case
async def ack_next_acknowledges_and_pulls_the_next(t):
    stream = await t.stream()
    await t.fill(5)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=1)
    message = (await puller.messages(1))[0]
    await puller.connection.publish(message.reply, b"+NXT", reply=puller.inbox)
    message = (await puller.messages(1))[0]
    equal(message.data, b"2", "message after +NXT")
    await shows(t, stream, 1, 1)
    await puller.connection.publish(message.reply, b'+NXT {"batch": 2}', reply=puller.inbox)
    equal([m.data for m in await puller.messages(2)], [b"3", b"4"], "messages of a batch")
    await puller.stays_silent(0.3)
    await shows(t, stream, 2, 2)


@case
async def max_ack_pending_stalls_the_delivery(t):
    stream = await t.stream()
    await t.fill(5)
    await t.consumer(stream, max_ack_pending=2)
    puller = await t.puller(stream)
    await puller.pull(batch=5, expires=6)
    messages = await puller.messages(2)
    await puller.stays_silent(0.5)
    await messages[0].ack()
    equal((await puller.messages(1))[0].data, b"3", "message after one acknowledgement")
    await puller.stays_silent(0.3)
    await messages[1].ack()
    equal((await puller.messages(1))[0].data, b"4", "message after two")


@case
async def many_acknowledgements_in_a_row_all_count(t):
    stream = await t.stream()
    js = await t.js()
    acks = [await js.publish_async(t.subject("a"), b"x") for _ in range(1000)]
    await asyncio.gather(*acks)
    subscription = await js.pull_subscribe(t.subject(">"), "C", stream=stream)
    seen = 0
    while seen < 1000:
        for message in await subscription.fetch(100, timeout=3):
            await message.ack()
            seen += 1
    await shows(t, stream, 0, 1000)


@case
async def nats_py_refuses_a_second_acknowledgement_itself(t):
    stream, _, messages = await pulled(t, 1)
    await messages[0].ack()
    try:
        await messages[0].ack()
    except nats.errors.MsgAlreadyAckdError:
        await shows(t, stream, 0, 1)
        return
    check(False, "expected MsgAlreadyAckdError")
