"""Push consumers: the server sends without being asked."""

import asyncio

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from suite import accepted, case, check, contains, equal, eventually, refused, status

SECOND = 1_000_000_000


async def pushing(t, stream, name="P", **config):
    """A subscription and a push consumer that delivers to it."""
    connection = await t.nc()
    inbox = connection.new_inbox()
    subscription = await connection.subscribe(inbox)
    await connection.flush()
    body = {"durable_name": name, "ack_policy": "explicit", "deliver_subject": inbox} | config
    request = {"stream_name": stream, "config": body}
    answer = accepted(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", request))
    return subscription, answer


@case
async def an_ephemeral_subscription_gets_all_messages(t):
    stream, js = await t.stream(), await t.js()
    await t.fill(3)
    subscription = await js.subscribe(t.subject(">"), stream=stream)
    await t.fill(2, start=4)
    for number in range(1, 6):
        message = await subscription.next_msg(timeout=3)
        equal((message.data, message.metadata.sequence.stream), (b"%d" % number, number), "message")
        equal(message.subject, t.subject("x"), "subject")
        await message.ack()
    info = await subscription.consumer_info()
    equal((info.config.durable_name, info.push_bound), (None, True), "durable name and push_bound")


@case
async def a_callback_acknowledges_by_itself(t):
    stream, js, seen = await t.stream(), await t.js(), []

    async def note(message):
        seen.append(message.data)

    await t.fill(3)
    subscription = await js.subscribe(t.subject(">"), stream=stream, cb=note, durable="P")

    async def settled():
        info = await subscription.consumer_info()
        return info.ack_floor.stream_seq == 3 and info.num_ack_pending == 0

    await eventually(settled, "the ack floor reaches 3", within=3)
    equal(seen, [b"1", b"2", b"3"], "messages")


@case
async def a_durable_subscription_goes_on_where_it_was(t):
    stream = await t.stream()
    await t.fill(2)
    first = await t.nats()
    options = {"durable": "P", "stream": stream}
    subscription = await first.jetstream().subscribe(t.subject(">"), **options)
    for _ in range(2):
        await (await subscription.next_msg(timeout=3)).ack_sync(timeout=3)
    await first.close()

    async def unbound():
        return not (await t.consumer_info(stream, "P")).get("push_bound")

    await eventually(unbound, "the consumer is no longer bound", within=4)
    # What came before the server saw the first one go would come again only after a long wait.
    await t.fill(2, start=3)
    subscription = await (await t.js()).subscribe(t.subject(">"), **options)
    seen = [(await subscription.next_msg(timeout=3)).data for _ in range(2)]
    equal(seen, [b"3", b"4"], "messages of the second subscription")


@case
async def a_push_consumer_waits_for_its_subscriber(t):
    stream = await t.stream()
    await t.fill(2)
    subject = f"to.{t.token}"
    config = {"durable_name": "P", "ack_policy": "explicit", "deliver_subject": subject}
    body = {"stream_name": stream, "config": config}
    accepted(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.P", body))
    await asyncio.sleep(0.3)
    info = await t.consumer_info(stream, "P")
    equal(info["delivered"]["stream_seq"], 0, "delivered.stream_seq without a subscriber")
    equal(info.get("push_bound", False), False, "push_bound without a subscriber")
    subscription = await (await t.nc()).subscribe(subject)
    seen = [(await subscription.next_msg(timeout=4)).data for _ in range(2)]
    equal(seen, [b"1", b"2"], "messages")


@case
async def a_push_consumer_redelivers(t):
    stream = await t.stream()
    await t.fill(2)
    subscription, _ = await pushing(t, stream, ack_wait=2 * SECOND)
    first, second = [await subscription.next_msg(timeout=3) for _ in range(2)]
    await second.ack()
    again = await subscription.next_msg(timeout=5)
    equal((again.data, again.metadata.num_delivered), (b"1", 2), "redelivery after the wait")
    await again.nak()
    # Sooner than the wait, which would bring it again too.
    again = await subscription.next_msg(timeout=1.3)
    equal((again.data, again.metadata.num_delivered), (b"1", 3), "redelivery after the nak")
    await again.ack()


@case
async def max_ack_pending_stalls_a_push_consumer(t):
    stream = await t.stream()
    await t.fill(4)
    subscription, _ = await pushing(t, stream, max_ack_pending=2)
    messages = [await subscription.next_msg(timeout=3) for _ in range(2)]
    try:
        extra = await subscription.next_msg(timeout=0.5)
        check(False, f"expected a stall after 2 messages, saw {extra.data!r}")
    except nats.errors.TimeoutError:
        pass
    await messages[0].ack()
    equal((await subscription.next_msg(timeout=3)).data, b"3", "message after an acknowledgement")


@case
async def a_pull_from_a_push_consumer_is_refused(t):
    stream = await t.stream()
    await pushing(t, stream)
    puller = await t.puller(stream, "P")
    await puller.pull(batch=1, expires=1)
    message = await puller.ends_with("409")
    contains(message.headers["Description"], "Consumer is push based", "description")


@case
async def a_deliver_group_shares_the_messages(t):
    stream = await t.stream()
    members = []
    for _ in range(3):
        js = (await t.nats()).jetstream()
        members.append(await js.subscribe(t.subject(">"), queue="workers", stream=stream))
    names = {(await member.consumer_info()).name for member in members}
    equal(names, {"workers"}, "consumers of the members")
    await t.fill(60)

    async def complete():
        return sum(member.pending_msgs for member in members) >= 60

    await eventually(complete, "60 messages at the members", within=5)
    await asyncio.sleep(0.2)
    shares = [member.pending_msgs for member in members]
    seen = [int((await member.next_msg()).data) for member in members
            for _ in range(member.pending_msgs)]
    equal(sorted(seen), list(range(1, 61)), "each message to exactly one member")
    check(all(shares), f"expected a share for all, saw {shares}")


@case
async def an_ordered_consumer_gets_everything_in_order(t):
    stream, js = await t.stream(), await t.js()
    payload = b"x" * 500
    acks = [await js.publish_async(t.subject("a"), payload) for _ in range(1000)]
    await asyncio.gather(*acks)
    subscription = await js.subscribe(t.subject(">"), stream=stream, ordered_consumer=True)
    for number in range(1, 1001):
        message = await subscription.next_msg(timeout=4)
        equal(message.metadata.sequence.stream, number, "stream sequence")
        equal(message.data, payload, "payload")
    config = (await subscription.consumer_info()).config
    equal((config.ack_policy, config.max_deliver, config.flow_control),
          (AckPolicy.NONE, 1, True), "configuration")


@case
async def an_idle_push_consumer_sends_heartbeats(t):
    stream = await t.stream()
    await t.fill(1)
    subscription, _ = await pushing(t, stream, idle_heartbeat=SECOND // 2)
    equal((await subscription.next_msg(timeout=3)).data, b"1", "message")
    for _ in range(2):
        message = await subscription.next_msg(timeout=4)
        equal(status(message), "100", f"status of {message.headers} {message.data!r}")
        contains(message.headers["Description"], "Idle Heartbeat", "description")
        equal(message.headers.get("Nats-Last-Consumer"), "1", "Nats-Last-Consumer")
        equal(message.headers.get("Nats-Last-Stream"), "1", "Nats-Last-Stream")
        equal(message.reply, "", "reply of a heartbeat")


@case
async def flow_control_needs_heartbeats(t):
    stream = await t.stream()
    config = {"durable_name": "P", "deliver_subject": f"to.{t.token}", "flow_control": True}
    body = {"stream_name": stream, "config": config}
    refused(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.P", body), 10108)


@case
async def flow_control_asks_and_goes_on_once_answered(t):
    stream, js = await t.stream(), await t.js()
    acks = [await js.publish_async(t.subject("a"), b"x" * 8000) for _ in range(500)]
    await asyncio.gather(*acks)
    subscription, _ = await pushing(
        t, stream, ack_policy="none", flow_control=True, idle_heartbeat=5 * SECOND)
    data = asked = 0
    while data < 500:
        message = await subscription.next_msg(timeout=4)
        if status(message) == "100" and message.reply:
            contains(message.headers["Description"], "FlowControl Request", "description")
            contains(message.reply, f"$JS.FC.{stream}.P.", "reply of a flow control request")
            asked += 1
            await message.respond(b"")
        elif not status(message):
            data += 1
            equal(message.metadata.sequence.stream, data, "stream sequence")
    check(asked > 0, "expected a flow control request within 4 MB, saw none")


@case
async def nats_py_receives_under_flow_control(t):
    stream, js = await t.stream(), await t.js()
    acks = [await js.publish_async(t.subject("a"), b"x" * 8000) for _ in range(500)]
    await asyncio.gather(*acks)
    config = ConsumerConfig(flow_control=True, idle_heartbeat=1, ack_policy=AckPolicy.NONE)
    subscription = await js.subscribe(t.subject(">"), stream=stream, config=config)
    for number in range(1, 501):
        message = await subscription.next_msg(timeout=4)
        equal(message.metadata.sequence.stream, number, "stream sequence")


@case
async def a_push_consumer_starts_where_it_is_told(t):
    stream, js = await t.stream(), await t.js()
    await t.fill(3)
    subscription = await js.subscribe(
        t.subject(">"), stream=stream, deliver_policy=DeliverPolicy.NEW)
    await t.fill(1, start=4)
    equal((await subscription.next_msg(timeout=3)).data, b"4", "first message")


@case
async def an_ephemeral_push_consumer_goes_with_its_subscriber(t):
    stream = await t.stream()
    leaving = await t.nats()
    config = ConsumerConfig(inactive_threshold=1)
    subscription = await leaving.jetstream().subscribe(t.subject(">"), stream=stream, config=config)
    name = (await subscription.consumer_info()).name
    await asyncio.sleep(1.5)
    await t.consumer_info(stream, name)
    await leaving.close()

    async def gone():
        answer = await t.api(f"CONSUMER.INFO.{stream}.{name}")
        return answer.get("error", {}).get("err_code") == 10014

    # A server that does not heed the threshold would keep it for 5 s.
    await eventually(gone, "the consumer goes", within=4)


@case
async def unsubscribing_deletes_the_consumer_nats_py_made(t):
    stream, js = await t.stream(), await t.js()
    subscription = await js.subscribe(t.subject(">"), stream=stream)
    name = (await subscription.consumer_info()).name
    await subscription.unsubscribe()
    accepted(await t.api(f"CONSUMER.DELETE.{stream}.{name}"))
    refused(await t.api(f"CONSUMER.INFO.{stream}.{name}"), 10014)
