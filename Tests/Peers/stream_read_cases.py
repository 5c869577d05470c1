"""Reading and deleting single messages: STREAM.MSG.GET, STREAM.MSG.DELETE and DIRECT.GET."""

import base64
import json

import nats

from suite import accepted, case, check, contains, equal, raises_code, refused, status


async def mixed(t, **config):
    """A stream that holds a1, b2, a3 and b4, where b2 has a header."""
    stream = await t.stream(**config)
    accepted(await t.publish(t.subject("a"), b"a1"))
    accepted(await t.publish(t.subject("b"), b"b2", Kind="x"))
    accepted(await t.publish(t.subject("a"), b"a3"))
    accepted(await t.publish(t.subject("b"), b"b4"))
    return stream


@case
async def a_message_is_read_by_its_sequence(t):
    stream = await mixed(t)
    answer = accepted(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 2}))
    equal(answer["type"], "io.nats.jetstream.api.v1.stream_msg_get_response", "type")
    message = answer["message"]
    equal((message["subject"], message["seq"]), (t.subject("b"), 2), "subject and sequence")
    equal(base64.b64decode(message["data"]), b"b2", "data")
    equal(base64.b64decode(message["hdrs"]), b"NATS/1.0\r\nKind: x\r\n\r\n", "headers")
    check("2020" < message["time"] and message["time"].endswith("Z"), f"time: saw {message}")
    plain = accepted(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 1}))["message"]
    equal(plain.get("hdrs"), None, "headers of a message without any")


@case
async def the_last_message_of_a_subject_is_read(t):
    stream = await mixed(t)
    for subject, sequence in {"a": 3, "b": 4, "*": 4, ">": 4}.items():
        body = {"last_by_subj": t.subject(subject)}
        answer = accepted(await t.api(f"STREAM.MSG.GET.{stream}", body))
        equal(answer["message"]["seq"], sequence, f"last sequence of {subject}")
    last = await (await t.js()).get_last_msg(stream, t.subject("b"))
    equal((last.seq, last.data), (4, b"b4"), "last message of nats-py")


@case
async def the_next_message_of_a_subject_is_read(t):
    stream = await mixed(t)
    for body, sequence in (({"seq": 2}, 3), ({"seq": 3}, 3), ({}, 1)):
        body |= {"next_by_subj": t.subject("a")}
        answer = accepted(await t.api(f"STREAM.MSG.GET.{stream}", body))
        equal(answer["message"]["seq"], sequence, f"sequence for {body}")
    body = {"seq": 4, "next_by_subj": t.subject("a")}
    refused(await t.api(f"STREAM.MSG.GET.{stream}", body), 10037)


@case
async def a_message_that_is_not_there_is_10037(t):
    stream = await mixed(t)
    for body in ({"seq": 9}, {"last_by_subj": t.subject("none")}, {"seq": 1 << 60}):
        refused(await t.api(f"STREAM.MSG.GET.{stream}", body), 10037, 404)
    async with raises_code(10037, "get_msg of nats-py"):
        await (await t.js()).get_msg(stream, 9)


@case
async def a_read_that_names_no_message_is_refused(t):
    stream = await mixed(t)
    for body in ({}, None, {"seq": 1, "last_by_subj": t.subject("a")}):
        refused(await t.api(f"STREAM.MSG.GET.{stream}", body), 10003, 400)


@case
async def a_deleted_message_leaves_a_gap(t):
    stream = await mixed(t)
    answer = await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": 2})
    expected = {"type": "io.nats.jetstream.api.v1.stream_msg_delete_response", "success": True}
    equal(answer, expected, "answer")
    refused(await t.api(f"STREAM.MSG.GET.{stream}", {"seq": 2}), 10037, 404)
    # Which error it is depends on the kind of storage: 10043, or 10057 from a store in files.
    for sequence in (2, 99):
        again = await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence})
        check("error" in again, f"expected an error of deleting {sequence}, saw {again}")
    info = accepted(await t.api(f"STREAM.INFO.{stream}", {"deleted_details": True}))["state"]
    equal((info["messages"], info["first_seq"], info["last_seq"]), (3, 1, 4), "state")
    equal((info.get("num_deleted"), info.get("deleted")), (1, [2]), "gaps")


@case
async def deleting_the_first_message_moves_the_first_sequence(t):
    stream = await mixed(t)
    check(await (await t.js()).delete_msg(stream, 1), "expected success of the deletion")
    state = await t.state(stream)
    equal((state["messages"], state["first_seq"], state["last_seq"]), (3, 2, 4), "state")


@case
async def deleting_the_last_message_keeps_the_last_sequence(t):
    stream = await mixed(t)
    accepted(await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": 4}))
    equal((await t.state(stream))["last_seq"], 4, "last sequence")
    equal(accepted(await t.publish(t.subject("a")))["seq"], 5, "next sequence")


@case
async def a_stream_can_deny_deletion_and_purge(t):
    stream = await mixed(t, deny_delete=True, deny_purge=True)
    answer = await t.api(f"STREAM.MSG.DELETE.{stream}", {"seq": 2})
    check("error" in answer, f"expected an error of the deletion, saw {answer}")
    answer = await t.api(f"STREAM.PURGE.{stream}")
    check("error" in answer, f"expected an error of the purge, saw {answer}")
    equal((await t.state(stream))["messages"], 4, "messages")


async def direct(t, stream, body, subject=""):
    connection = await t.nc()
    payload = b"" if body is None else json.dumps(body).encode()
    return await connection.request(f"$JS.API.DIRECT.GET.{stream}{subject}", payload, timeout=3)


@case
async def a_direct_get_answers_with_the_message_itself(t):
    stream = await mixed(t, allow_direct=True)
    message = await direct(t, stream, {"seq": 2})
    equal(message.data, b"b2", "data")
    headers = message.headers
    equal((headers["Nats-Stream"], headers["Nats-Subject"], headers["Nats-Sequence"]),
          (stream, t.subject("b"), "2"), "stream, subject and sequence")
    equal(headers["Kind"], "x", "the message's own header")
    contains(headers["Nats-Time-Stamp"], "T", "time")
    read = await (await t.js()).get_msg(stream, 2, direct=True)
    equal((read.seq, read.subject, read.data), (2, t.subject("b"), b"b2"), "get_msg of nats-py")


@case
async def a_direct_get_finds_the_last_and_the_next_of_a_subject(t):
    stream = await mixed(t, allow_direct=True)
    for body, tail, sequence in (
        ({"last_by_subj": t.subject("a")}, "", "3"),
        (None, "." + t.subject("a"), "3"),
        ({"next_by_subj": t.subject("b"), "seq": 3}, "", "4"),
        ({"next_by_subj": t.subject("a")}, "", "1"),
    ):
        message = await direct(t, stream, body, tail)
        equal(message.headers.get("Nats-Sequence"), sequence, f"sequence for {body} {tail}")


@case
async def a_direct_get_that_finds_nothing_is_a_404(t):
    stream = await mixed(t, allow_direct=True)
    for body in ({"seq": 9}, {"last_by_subj": t.subject("none")},
                 {"next_by_subj": t.subject("a"), "seq": 4}):
        equal(status(await direct(t, stream, body)), "404", f"status for {body}")
    for body in (None, {}):
        equal(status(await direct(t, stream, body)), "408", f"status for {body}")


@case
async def without_allow_direct_there_is_no_direct_get(t):
    stream = await mixed(t)
    try:
        message = await direct(t, stream, {"seq": 2})
    except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
        return
    check(False, f"expected no answer, saw {message.headers} {message.data!r}")
