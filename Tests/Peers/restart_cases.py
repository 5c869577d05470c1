"""What survives the death of the server; these run only with --restart."""

import asyncio
import os

from suite import accepted, check, equal, restart_case


def may_lose_acks():
    return os.environ.get("MAY_LOSE_ACKS") == "1"


@restart_case
async def streams_and_messages_survive(t):
    stream = await t.stream(max_msgs=1000, description="kept")
    before = accepted(await t.api(f"STREAM.INFO.{stream}"))
    await t.fill(300, "a")
    accepted(await t.publish(t.subject("b"), b"last", Kind="x", Nats_Msg_Id="m1"))
    accepted(await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": 7}))
    state = await t.state(stream)
    await t.restart()
    after = accepted(await t.api(f"STREAM.INFO.{stream}"))
    equal(after["config"], before["config"], "configuration")
    fields = ("messages", "first_seq", "last_seq", "last_ts", "bytes")
    equal([after["state"][f] for f in fields], [state[f] for f in fields], f"state {fields}")
    last = await (await t.js()).get_msg(stream, 301)
    equal((last.data, last.headers["Kind"]), (b"last", "x"), "last message")
    again = accepted(await t.publish(t.subject("b"), b"last", Nats_Msg_Id="m1"))
    equal((again["seq"], again.get("duplicate")), (301, True), "answer to a repeated id")
    equal(accepted(await t.publish(t.subject("a"), b"x"))["seq"], 302, "next sequence")


@restart_case
async def every_acknowledged_publish_survives_a_kill_under_load(t):
    stream, js = await t.stream(), await t.js()
    stored = []

    async def publish():
        number = 0
        while True:
            try:
                ack = await js.publish(t.subject("a"), str(number).encode(), timeout=2)
            except Exception:
                return
            stored.append((ack.seq, number))
            number += 1

    writer = asyncio.create_task(publish())
    killer = await asyncio.create_subprocess_shell("sleep 1")
    await killer.wait()
    await t.restart()
    await asyncio.wait([writer], timeout=5)
    check(len(stored) > 10, f"expected more than 10 publishes within 1 s, saw {len(stored)}")
    state = await t.state(stream)
    check(state["last_seq"] >= stored[-1][0], f"expected {stored[-1][0]} at least, saw {state}")
    js = await t.js()
    for sequence, number in (stored[0], stored[len(stored) // 2], stored[-2], stored[-1]):
        message = await js.get_msg(stream, sequence)
        equal(message.data, str(number).encode(), f"message {sequence}")


@restart_case
async def consumers_and_their_acknowledgements_survive(t):
    stream = await t.stream()
    await t.fill(10)
    made = await t.consumer(stream, ack_wait=2_000_000_000, filter_subject=t.subject("x"))
    puller = await t.puller(stream)
    await puller.pull(batch=6)
    messages = await puller.messages(6)
    for index in (0, 1, 2, 4):
        await messages[index].ack_sync(timeout=3)
    if may_lose_acks():
        await asyncio.sleep(1)
    await t.restart()
    info = await t.consumer_info(stream)
    equal((info["name"], info["config"]), (made["name"], made["config"]), "consumer")
    equal(info["ack_floor"]["stream_seq"], 3, "ack floor")
    equal((info["num_ack_pending"], info["num_pending"]), (2, 4), "counts")
    puller = await t.puller(stream)
    await puller.pull(batch=6, expires=8)
    again = await puller.messages(6, timeout=8)
    equal(sorted(int(m.data) for m in again), [4, 6, 7, 8, 9, 10], "messages after the restart")
    counts = {int(m.data): m.metadata.num_delivered for m in again}
    equal((counts[4], counts[7]), (2, 1), "deliveries of 4 and of 7")
    for message in again:
        await message.ack_sync(timeout=3)
    equal((await t.consumer_info(stream))["ack_floor"]["stream_seq"], 10, "ack floor at the end")


@restart_case
async def a_confirmed_acknowledgement_survives_at_once(t):
    stream = await t.stream()
    await t.fill(200)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=200)
    for message in await puller.messages(200):
        await message.ack_sync(timeout=3)
    await t.restart()
    floor = (await t.consumer_info(stream))["ack_floor"]["stream_seq"]
    if may_lose_acks():
        check(floor <= 200, f"ack floor: expected 200 at most, saw {floor}")
    else:
        equal(floor, 200, "ack floor")


@restart_case
async def deletions_survive(t):
    stream = await t.stream("A", subjects=[t.subject("a")])
    kept = await t.stream("B", subjects=[t.subject("b")])
    await t.fill(5, "b")
    await t.consumer(kept)
    accepted(await t.api(f"CONSUMER.DELETE.{kept}.C"))
    accepted(await t.api(f"STREAM.PURGE.{kept}", {"seq": 4}))
    accepted(await t.api(f"STREAM.DELETE.{stream}"))
    await t.restart()
    for operation, code in ((f"STREAM.INFO.{stream}", 10059), (f"CONSUMER.INFO.{kept}.C", 10014)):
        equal((await t.api(operation)).get("error", {}).get("err_code"), code, operation)
    state = await t.state(kept)
    equal((state["messages"], state["first_seq"], state["last_seq"]), (2, 4, 5), "state")


@restart_case
async def clients_reconnect_by_themselves(t):
    stream = await t.stream()
    connection = await t.nats(allow_reconnect=True, reconnect_time_wait=0.2)
    # The suite closes its own connections before a restart; this one has to live through it.
    t.connections.remove(connection)
    try:
        subscription = await connection.subscribe(t.subject("x"))
        await connection.flush()
        await t.restart()
        js = connection.jetstream(timeout=5)
        for _ in range(100):
            if connection.is_connected:
                break
            await asyncio.sleep(0.1)
        equal((await js.publish(t.subject("x"), b"after")).stream, stream, "stream")
        equal((await subscription.next_msg(timeout=4)).data, b"after", "message")
    finally:
        await connection.close()
