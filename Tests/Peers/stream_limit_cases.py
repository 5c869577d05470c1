"""The limits of a stream, and which messages go when it is full."""

import asyncio

from suite import accepted, case, check, equal, eventually, refused


async def sequences(t, stream):
    state = await t.state(stream)
    return state["messages"], state["first_seq"], state["last_seq"]


@case
async def max_msgs_discards_the_oldest(t):
    stream = await t.stream(max_msgs=3)
    await t.fill(5)
    equal(await sequences(t, stream), (3, 3, 5), "messages, first and last")
    refused(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 2}), 10037)


@case
async def max_bytes_discards_the_oldest(t):
    stream = await t.stream(max_bytes=5000)
    for _ in range(20):
        accepted(await t.publish(t.subject("a"), b"x" * 1000))
    state = await t.state(stream)
    check(state["bytes"] <= 5000, f"bytes: expected at most 5000, saw {state['bytes']}")
    check(2 <= state["messages"] <= 4, f"messages: expected 2 to 4, saw {state['messages']}")
    equal((state["first_seq"], state["last_seq"]), (21 - state["messages"], 20), "sequences")


@case
async def max_age_discards_what_is_older(t):
    stream = await t.stream(max_age=700_000_000, duplicate_window=700_000_000)
    await t.fill(3)
    equal(await sequences(t, stream), (3, 1, 3), "messages, first and last, before")

    async def empty():
        return (await t.state(stream))["messages"] == 0

    await eventually(empty, "the messages age out", within=6)
    equal(await sequences(t, stream), (0, 4, 3), "messages, first and last, after")
    equal(accepted(await t.publish(t.subject("x")))["seq"], 4, "next sequence")


@case
async def a_message_younger_than_max_age_stays(t):
    stream = await t.stream(max_age=2_000_000_000, duplicate_window=2_000_000_000)
    await t.fill(1)
    await asyncio.sleep(1.2)
    await t.fill(1)

    async def one():
        return await sequences(t, stream) == (1, 2, 2)

    equal(await sequences(t, stream), (2, 1, 2), "messages, first and last")
    await eventually(one, "the first ages out and the second stays", within=4)


@case
async def discard_new_refuses_what_is_above_max_msgs(t):
    stream = await t.stream(max_msgs=2, discard="new")
    await t.fill(2)
    answer = await t.publish(t.subject("x"), b"3")
    refused(answer, 10077, 503)
    equal(answer["error"]["description"], "maximum messages exceeded", "description")
    equal(await sequences(t, stream), (2, 1, 2), "messages, first and last")
    accepted(await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": 1}))
    equal(accepted(await t.publish(t.subject("x"), b"3"))["seq"], 3, "sequence once there is room")


@case
async def discard_new_refuses_what_is_above_max_bytes(t):
    stream = await t.stream(max_bytes=2500, discard="new")
    accepted(await t.publish(t.subject("x"), b"x" * 1000))
    accepted(await t.publish(t.subject("x"), b"x" * 1000))
    answer = await t.publish(t.subject("x"), b"x" * 1000)
    refused(answer, 10077, 503)
    equal(answer["error"]["description"], "maximum bytes exceeded", "description")
    equal(await sequences(t, stream), (2, 1, 2), "messages, first and last")


@case
async def max_msg_size_refuses_what_is_larger(t):
    stream = await t.stream(max_msg_size=100)
    accepted(await t.publish(t.subject("x"), b"x" * 100))
    refused(await t.publish(t.subject("x"), b"x" * 101), 10054, 400)
    refused(await t.publish(t.subject("x"), b"x" * 95, Some="header"), 10054, 400)
    equal(await sequences(t, stream), (1, 1, 1), "messages, first and last")


@case
async def max_msgs_per_subject_discards_the_oldest_of_the_subject(t):
    stream = await t.stream(max_msgs_per_subject=2)
    for tail in ("a", "b", "a", "a", "a", "b"):
        await t.fill(1, tail)
    equal(await sequences(t, stream), (4, 2, 6), "messages, first and last")
    info = accepted(await t.api(f"STREAM.INFO.{stream}", {"subjects_filter": ">"}))
    equal(info["state"]["subjects"], {t.subject("a"): 2, t.subject("b"): 2}, "subjects")
    refused(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 3}), 10037)


@case
async def max_msgs_per_subject_of_one_keeps_the_last_values(t):
    stream = await t.stream(max_msgs_per_subject=1)
    for number in range(1, 31):
        await t.fill(1, f"k{number % 3}", start=number)
    equal(await sequences(t, stream), (3, 28, 30), "messages, first and last")


@case
async def a_stream_in_memory_serves_the_same(t):
    stream = await t.stream(storage="memory", max_msgs=3)
    await t.fill(5)
    equal(await sequences(t, stream), (3, 3, 5), "messages, first and last")
    info = accepted(await t.api(f"STREAM.INFO.{stream}"))
    equal(info["config"]["storage"], "memory", "storage")
