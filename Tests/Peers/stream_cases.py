"""Streams themselves: created, changed, listed, purged and deleted by the JetStream API."""

import asyncio

from suite import accepted, case, check, contains, equal, refused


@case
async def account_info_counts_streams_and_consumers(t):
    before = accepted(await t.api("INFO"))
    equal(before["type"], "io.nats.jetstream.api.v1.account_info_response", "type")
    for field in ("memory", "storage", "streams", "consumers", "limits", "api"):
        contains(before, field, "account info")
    for field in ("max_memory", "max_storage", "max_streams", "max_consumers"):
        check(isinstance(before["limits"][field], int), f"limits.{field}: saw {before['limits']}")
    stream = await t.stream()
    await t.consumer(stream)
    after = await (await t.js()).account_info()
    equal(after.streams, before["streams"] + 1, "streams")
    equal(after.consumers, before["consumers"] + 1, "consumers")


@case
async def a_created_stream_shows_its_configuration_and_state(t):
    name = t.name()
    body = {"name": name, "subjects": [t.subject("a"), t.subject("b.>")], "max_msgs": 7}
    answer = accepted(await t.api(f"STREAM.CREATE.{name}", body))
    equal(answer["type"], "io.nats.jetstream.api.v1.stream_create_response", "type")
    expected = {
        "name": name, "subjects": body["subjects"], "retention": "limits", "max_consumers": -1,
        "max_msgs": 7, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1,
        "max_msg_size": -1, "discard": "old", "storage": "file", "num_replicas": 1,
        "duplicate_window": 120_000_000_000,
    }
    seen = {key: answer["config"].get(key) for key in expected}
    equal(seen, expected, "configuration")
    check(answer["created"].startswith("20"), f"created: expected a time, saw {answer['created']}")
    state = {key: answer["state"][key] for key in ("messages", "bytes", "last_seq")}
    equal(state, {"messages": 0, "bytes": 0, "last_seq": 0}, "state")
    equal(answer["state"]["consumer_count"], 0, "consumer_count")


@case
async def nats_py_creates_and_reads_a_stream(t):
    js, name = await t.js(), t.name()
    made = await js.add_stream(name=name, subjects=[t.subject(">")], max_msgs=10, max_age=60)
    equal((made.config.max_msgs, made.config.max_age), (10, 60.0), "configuration")
    read = await js.stream_info(name)
    equal(read.config, made.config, "configuration")
    equal(await js.find_stream_name_by_subject(t.subject("a")), name, "stream of the subject")
    check(await js.delete_stream(name), "expected success of the deletion")


@case
async def creating_the_same_stream_again_is_accepted(t):
    stream = await t.stream()
    await t.fill(2)
    again = await t.stream()
    equal(again, stream, "name")
    equal((await t.state(stream))["messages"], 2, "messages, which stay")


@case
async def zero_and_minus_one_are_the_same_configuration(t):
    name = t.name()
    body = {"name": name, "subjects": [t.subject(">")]}
    accepted(await t.api(f"STREAM.CREATE.{name}", body | {"max_msgs": 0, "max_bytes": 0}))
    again = await t.api(f"STREAM.CREATE.{name}", body | {"max_msgs": -1, "max_bytes": -1})
    equal(accepted(again)["config"]["max_bytes"], -1, "max_bytes")


@case
async def creating_it_again_with_another_configuration_is_refused(t):
    stream = await t.stream()
    body = {"name": stream, "subjects": [t.subject(">")], "max_msgs": 5}
    refused(await t.api(f"STREAM.CREATE.{stream}", body), 10058, 400)


@case
async def subjects_of_two_streams_may_not_overlap(t):
    await t.stream("A", subjects=[t.subject("a.*"), t.subject("b")])
    other = t.name("B")
    for subject in ("a.b", "*.b", "a.>", ">", "b", "*"):
        body = {"name": other, "subjects": [t.subject(subject)]}
        refused(await t.api(f"STREAM.CREATE.{other}", body), 10065, 400)
    accepted(await t.api(f"STREAM.CREATE.{other}",
                         {"name": other, "subjects": [t.subject("a.b.c"), t.subject("c")]}))


@case
async def a_stream_without_subjects_listens_to_its_name(t):
    name = t.name()
    answer = accepted(await t.api(f"STREAM.CREATE.{name}", {"name": name}))
    equal(answer["config"]["subjects"], [name], "subjects")
    equal(accepted(await t.publish(name, b"x"))["seq"], 1, "sequence")


@case
async def invalid_stream_configurations_are_refused(t):
    name = t.name()

    async def answer(**changes):
        body = {"name": name, "subjects": [t.subject(">")]} | changes
        return await t.api(f"STREAM.CREATE.{name}", body)

    refused(await answer(name=name + "X"), 10056)
    for changes in ({"subjects": ["a..b"]}, {"subjects": ["$JS.API.>"]}, {"max_age": 5},
                    {"subjects": [t.subject("a"), t.subject("a")]}):
        refused(await answer(**changes), 10052)
    refused(await answer(retention="nonsense"), 10025)
    refused(await answer(subjects="text"), 10025)
    refused(await t.api(f"STREAM.INFO.{name}"), 10059)


@case
async def an_unknown_field_is_ignored_or_refused(t):
    name = t.name()
    body = {"name": name, "subjects": [t.subject(">")], "no_such_field": {"a": [1]}}
    answer = await t.api(f"STREAM.CREATE.{name}", body)
    # A server of 2.9 ignores it, so that newer clients can use it; later ones are strict.
    if "error" in answer:
        refused(answer, 10025, 400)
    else:
        equal((await t.state(name))["messages"], 0, "messages of the new stream")


@case
async def requests_that_are_no_json_are_refused_and_break_nothing(t):
    stream = await t.stream()
    await t.fill(1)
    for body in (b"{nonsense", b"[]", b'{"a":', b"\xff\xfe\x00", b"{" * 5000, b"[" * 100_000):
        for operation in (f"STREAM.CREATE.{stream}", f"STREAM.UPDATE.{stream}",
                          f"STREAM.PURGE.{stream}", f"STREAM.MSG.GET.{stream}",
                          f"STREAM.MSG.DELETE.{stream}",
                          f"CONSUMER.DURABLE.CREATE.{stream}.C"):
            check("error" in await t.api(operation, body),
                  f"expected an error of {operation} with {body[:20]!r}, saw success")
    refused(await t.api(f"STREAM.CREATE.{stream}", b"{nonsense"), 10025, 400)
    equal((await t.state(stream))["messages"], 1, "messages")


@case
async def an_unknown_request_gets_no_answer(t):
    for operation in ("NONSENSE", "STREAM", "STREAM.INFO", "STREAM.INFO.a.b", "STREAM.CREATE.a.b"):
        try:
            answer = await t.api(operation, {}, timeout=0.4)
        except asyncio.TimeoutError:
            continue
        check(False, f"expected silence after {operation}, saw {answer}")


@case
async def a_stream_can_be_updated(t):
    stream = await t.stream()
    await t.fill(3)
    body = {"name": stream, "subjects": [t.subject("x"), t.subject("y")], "max_msgs": 500}
    answer = accepted(await t.api(f"STREAM.UPDATE.{stream}", body))
    equal(answer["type"], "io.nats.jetstream.api.v1.stream_update_response", "type")
    equal((answer["config"]["max_msgs"], answer["state"]["messages"]), (500, 3), "answer")
    equal(accepted(await t.api(f"STREAM.INFO.{stream}"))["config"]["max_msgs"], 500, "max_msgs")
    equal(accepted(await t.publish(t.subject("y")))["seq"], 4, "sequence on the new subject")
    await t.stream("B", subjects=[t.subject("z")])


@case
async def lowering_a_limit_takes_the_oldest_messages_away(t):
    stream = await t.stream()
    await t.fill(5)
    body = {"name": stream, "subjects": [t.subject(">")], "max_msgs": 2}
    accepted(await t.api(f"STREAM.UPDATE.{stream}", body))
    state = await t.state(stream)
    equal((state["messages"], state["first_seq"], state["last_seq"]), (2, 4, 5), "state")


@case
async def an_update_that_cannot_be_is_refused(t):
    stream = await t.stream()
    await t.stream("B", subjects=[t.token + "B"])

    async def answer(**changes):
        body = {"name": stream, "subjects": [t.subject(">")], "storage": "file"} | changes
        return await t.api(f"STREAM.UPDATE.{stream}", body)

    refused(await answer(storage="memory"), 10052)
    refused(await answer(subjects=[t.subject(">"), t.token + "B"]), 10065)
    absent = t.name("absent")
    body = {"name": absent, "subjects": [t.token + "C"]}
    refused(await t.api(f"STREAM.UPDATE.{absent}", body), 10059, 404)


@case
async def info_shows_the_state_of_the_messages(t):
    stream = await t.stream()
    await t.fill(2, "a")
    await t.fill(1, "b")
    answer = accepted(await t.api(f"STREAM.INFO.{stream}"))
    equal(answer["type"], "io.nats.jetstream.api.v1.stream_info_response", "type")
    state = answer["state"]
    seen = {key: state[key] for key in ("messages", "first_seq", "last_seq", "num_subjects")}
    equal(seen, {"messages": 3, "first_seq": 1, "last_seq": 3, "num_subjects": 2}, "state")
    check(state["bytes"] > 0, f"bytes: expected more than 0, saw {state['bytes']}")
    check("2020" < state["first_ts"] <= state["last_ts"], f"times: saw {state}")
    check(state["last_ts"].endswith("Z"), f"last_ts: expected UTC, saw {state['last_ts']}")


@case
async def info_counts_the_messages_of_subjects_when_asked(t):
    stream = await t.stream()
    await t.fill(2, "a")
    await t.fill(1, "b.c")
    every = accepted(await t.api(f"STREAM.INFO.{stream}", {"subjects_filter": ">"}))
    equal(every["state"].get("subjects"), {t.subject("a"): 2, t.subject("b.c"): 1}, "of >")
    some = accepted(await t.api(f"STREAM.INFO.{stream}", {"subjects_filter": t.subject("b.*")}))
    equal(some["state"].get("subjects"), {t.subject("b.c"): 1}, "of b.*")
    none = accepted(await t.api(f"STREAM.INFO.{stream}"))
    equal(none["state"].get("subjects"), None, "subjects without a filter")


@case
async def names_are_filtered_by_subject(t):
    first = await t.stream("A", subjects=[t.subject("a.*")])
    second = await t.stream("B", subjects=[t.subject("b.>")])
    every = accepted(await t.api("STREAM.NAMES"))
    equal(every["type"], "io.nats.jetstream.api.v1.stream_names_response", "type")
    check({first, second} <= set(every["streams"]), f"names: saw {every}")
    check(every["total"] >= 2 and every["offset"] == 0 and every["limit"] > 0, f"saw {every}")
    for subject, names in {"a.x": [first], "b.x.y": [second], "*.x": [first, second]}.items():
        found = accepted(await t.api("STREAM.NAMES", {"subject": t.subject(subject)}))
        equal(sorted(found["streams"] or []), names, f"streams of {subject}")
        equal(found["total"], len(names), f"total of {subject}")
    nothing = accepted(await t.api("STREAM.NAMES", {"subject": t.subject("none")}))
    equal((nothing["streams"], nothing["total"]), (None, 0), "streams of an unknown subject")


@case
async def the_list_shows_each_stream_as_its_info(t):
    stream = await t.stream()
    await t.fill(2)
    answer = accepted(await t.api("STREAM.LIST", {"subject": t.subject("x")}))
    equal(answer["type"], "io.nats.jetstream.api.v1.stream_list_response", "type")
    equal([one["config"]["name"] for one in answer["streams"]], [stream], "names")
    equal(answer["streams"][0]["state"]["messages"], 2, "messages")
    past = accepted(await t.api("STREAM.LIST", {"offset": 100_000}))
    equal(past["streams"], [], "streams past the end")
    names = [info.config.name for info in await (await t.js()).streams_info()]
    contains(names, stream, "streams of nats-py")


@case
async def a_deleted_stream_is_gone(t):
    stream = await t.stream()
    await t.fill(1)
    answer = await t.api(f"STREAM.DELETE.{stream}")
    expected = {"type": "io.nats.jetstream.api.v1.stream_delete_response", "success": True}
    equal(answer, expected, "answer")
    refused(await t.api(f"STREAM.INFO.{stream}"), 10059, 404)
    connection = await t.nc()
    client = await t.raw()
    client.send(f"SUB in.{t.token} 1\r\nPUB {t.subject('x')} in.{t.token} 0\r\n\r\n")
    contains((await client.message()).headers, b" 503", "answer to a publish")
    await connection.flush()
    again = await t.stream()
    equal((await t.state(again))["last_seq"], 0, "last sequence of its successor")


@case
async def a_stream_that_is_not_there_is_10059(t):
    absent = t.name("absent")
    for operation, body in {
        f"STREAM.INFO.{absent}": None, f"STREAM.DELETE.{absent}": None,
        f"STREAM.PURGE.{absent}": None, f"STREAM.MSG.GET.{absent}": {"seq": 1},
        f"STREAM.MSG.DELETE.{absent}": {"seq": 1}, f"CONSUMER.NAMES.{absent}": None,
        f"CONSUMER.LIST.{absent}": None, f"CONSUMER.INFO.{absent}.C": None,
    }.items():
        refused(await t.api(operation, body), 10059, 404)


@case
async def a_purge_takes_all_messages_and_keeps_the_sequence(t):
    stream = await t.stream()
    await t.fill(5)
    answer = await t.api(f"STREAM.PURGE.{stream}")
    expected = {"type": "io.nats.jetstream.api.v1.stream_purge_response", "success": True,
                "purged": 5}
    equal(answer, expected, "answer")
    state = await t.state(stream)
    equal((state["messages"], state["bytes"], state["first_seq"], state["last_seq"]),
          (0, 0, 6, 5), "messages, bytes, first_seq, last_seq")
    equal(accepted(await t.publish(t.subject("x")))["seq"], 6, "next sequence")


@case
async def a_purge_may_stop_below_a_sequence(t):
    stream = await t.stream()
    await t.fill(5)
    equal(accepted(await t.api(f"STREAM.PURGE.{stream}", {"seq": 4}))["purged"], 3, "purged")
    state = await t.state(stream)
    equal((state["messages"], state["first_seq"], state["last_seq"]), (2, 4, 5), "state")


@case
async def a_purge_may_keep_the_newest(t):
    stream = await t.stream()
    await t.fill(5)
    equal(accepted(await t.api(f"STREAM.PURGE.{stream}", {"keep": 2}))["purged"], 3, "purged")
    state = await t.state(stream)
    equal((state["messages"], state["first_seq"], state["last_seq"]), (2, 4, 5), "state")
    refused(await t.api(f"STREAM.PURGE.{stream}", {"keep": 2, "seq": 4}), 10003, 400)


@case
async def a_purge_may_take_one_subject_only(t):
    stream = await t.stream()
    for tail in ("a", "b.c", "a", "b.d", "a"):
        await t.fill(1, tail)
    none = await t.api(f"STREAM.PURGE.{stream}", {"filter": t.subject("none")})
    equal(accepted(none)["purged"], 0, "purged of an unknown subject")
    some = await t.api(f"STREAM.PURGE.{stream}", {"filter": t.subject("a"), "keep": 1})
    equal(accepted(some)["purged"], 2, "purged of a, keeping 1")
    wild = await t.api(f"STREAM.PURGE.{stream}", {"filter": t.subject("b.*"), "seq": 4})
    equal(accepted(wild)["purged"], 1, "purged of b.* below 4")
    info = accepted(await t.api(f"STREAM.INFO.{stream}", {"subjects_filter": ">"}))
    equal(info["state"]["subjects"], {t.subject("a"): 1, t.subject("b.d"): 1}, "what is left")
    equal((info["state"]["first_seq"], info["state"]["last_seq"]), (4, 5), "sequences")
