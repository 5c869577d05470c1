"""Consumers themselves: created, listed, described and deleted by the JetStream API."""

from nats.js.api import AckPolicy, ConsumerConfig

from suite import accepted, case, check, equal, eventually, raises_code, refused


def request(stream, **config):
    return {"stream_name": stream, "config": config}


@case
async def a_durable_consumer_shows_its_configuration_and_state(t):
    stream = await t.stream()
    await t.fill(3)
    answer = await t.consumer(stream, filter_subject=t.subject("x"))
    equal(answer["type"], "io.nats.jetstream.api.v1.consumer_create_response", "type")
    equal((answer["stream_name"], answer["name"]), (stream, "C"), "names")
    expected = {"durable_name": "C", "deliver_policy": "all", "ack_policy": "explicit",
                "ack_wait": 30_000_000_000, "max_deliver": -1, "replay_policy": "instant",
                "filter_subject": t.subject("x"), "max_ack_pending": 1000, "max_waiting": 512}
    equal({key: answer["config"].get(key) for key in expected}, expected, "configuration")
    for field in ("delivered", "ack_floor"):
        pair = {key: answer[field][key] for key in ("consumer_seq", "stream_seq")}
        equal(pair, {"consumer_seq": 0, "stream_seq": 0}, field)
    counts = {key: answer[key] for key in ("num_ack_pending", "num_redelivered", "num_waiting")}
    equal(set(counts.values()), {0}, f"counts {counts}")
    equal(answer["num_pending"], 3, "num_pending")


@case
async def a_consumer_is_created_by_its_name_in_the_subject(t):
    stream = await t.stream()
    config = {"name": "C", "durable_name": "C", "ack_policy": "explicit"}
    answer = accepted(await t.api(f"CONSUMER.CREATE.{stream}.C", request(stream, **config)))
    equal((answer["name"], answer["config"]["durable_name"]), ("C", "C"), "names")
    config = {"name": "D", "durable_name": "D", "filter_subject": t.subject("a.>")}
    subject = f"CONSUMER.CREATE.{stream}.D.{t.subject('a.>')}"
    answer = accepted(await t.api(subject, request(stream, **config)))
    equal(answer["config"]["filter_subject"], t.subject("a.>"), "filter")
    equal((await t.api(f"CONSUMER.NAMES.{stream}"))["consumers"], ["C", "D"], "names")


@case
async def the_filter_of_the_subject_has_to_be_that_of_the_request(t):
    stream = await t.stream()
    config = {"name": "C", "filter_subject": t.subject("b")}
    subject = f"CONSUMER.CREATE.{stream}.C.{t.subject('a')}"
    refused(await t.api(subject, request(stream, **config)), 10131, 400)


@case
async def nats_py_creates_and_reads_a_consumer(t):
    stream, js = await t.stream(), await t.js()
    await t.fill(2)
    config = ConsumerConfig(durable_name="C", ack_policy=AckPolicy.EXPLICIT, ack_wait=7,
                            filter_subject=t.subject("x"), description="some words")
    made = await js.add_consumer(stream, config)
    equal((made.name, made.config.ack_wait, made.num_pending), ("C", 7.0, 2), "answer")
    read = await js.consumer_info(stream, "C")
    equal((read.config.description, read.config.ack_wait), ("some words", 7.0), "info")
    subscription = await js.pull_subscribe(t.subject("x"), durable="D", stream=stream)
    equal((await subscription.consumer_info()).name, "D", "name by pull_subscribe")


@case
async def a_consumer_without_a_name_gets_one(t):
    stream = await t.stream()
    names = set()
    for _ in range(2):
        body = request(stream, ack_policy="explicit")
        answer = accepted(await t.api(f"CONSUMER.CREATE.{stream}", body))
        names.add(answer["name"])
        equal(answer["config"].get("durable_name"), None, "durable_name")
        check(answer["config"].get("inactive_threshold", 0) > 0, f"no threshold in {answer}")
    equal(len(names - {""}), 2, f"number of names in {names}")


@case
async def an_omitted_ack_policy_is_none(t):
    stream = await t.stream()
    answer = accepted(await t.api(f"CONSUMER.CREATE.{stream}.C", request(stream, name="C")))
    equal(answer["config"]["ack_policy"], "none", "ack_policy")


@case
async def creating_the_same_consumer_again_is_accepted(t):
    stream = await t.stream()
    await t.fill(2)
    first = await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=1)
    await (await puller.next()).ack_sync(timeout=3)
    again = await t.consumer(stream)
    equal(again["created"], first["created"], "time of creation")
    equal(again["ack_floor"]["stream_seq"], 1, "acknowledged state, which stays")


@case
async def some_of_a_consumer_can_be_changed(t):
    stream = await t.stream()
    await t.consumer(stream)
    await t.consumer(stream, ack_wait=5_000_000_000, max_deliver=4, description="d")
    config = (await t.consumer_info(stream))["config"]
    equal((config["ack_wait"], config["max_deliver"], config.get("description")),
          (5_000_000_000, 4, "d"), "configuration")
    for changes in ({"ack_policy": "none"}, {"deliver_policy": "new"}):
        body = request(stream, **({"durable_name": "C", "ack_policy": "explicit"} | changes))
        refused(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.C", body), 10012)


@case
async def invalid_consumer_configurations_are_refused(t):
    stream = await t.stream()

    async def answer(**changes):
        body = request(stream, **({"name": "C", "ack_policy": "explicit"} | changes))
        return await t.api(f"CONSUMER.CREATE.{stream}.C", body)

    refused(await answer(deliver_policy="nonsense"), 10025)
    refused(await answer(ack_policy="nonsense"), 10025)
    refused(await answer(deliver_policy="by_start_sequence"), 10094)
    refused(await answer(backoff=[1_000_000_000, 2_000_000_000], max_deliver=1), 10116)
    refused(await answer(deliver_subject="a.*"), 10079)
    equal((await t.api(f"CONSUMER.NAMES.{stream}"))["total"], 0, "consumers")


@case
async def the_name_of_the_subject_has_to_be_that_of_the_request(t):
    stream = await t.stream()
    body = request(stream, durable_name="D", ack_policy="explicit")
    refused(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.C", body), 10017, 400)


@case
async def a_consumer_of_a_stream_that_is_not_there_is_10059(t):
    absent = t.name("absent")
    body = request(absent, durable_name="C", ack_policy="explicit")
    refused(await t.api(f"CONSUMER.DURABLE.CREATE.{absent}.C", body), 10059, 404)
    body = request(absent, name="C", ack_policy="explicit")
    refused(await t.api(f"CONSUMER.CREATE.{absent}.C", body), 10059, 404)


@case
async def a_consumer_that_is_not_there_is_10014(t):
    stream = await t.stream()
    refused(await t.api(f"CONSUMER.INFO.{stream}.absent"), 10014, 404)
    refused(await t.api(f"CONSUMER.DELETE.{stream}.absent"), 10014, 404)
    async with raises_code(10014, "consumer_info of nats-py"):
        await (await t.js()).consumer_info(stream, "absent")


@case
async def names_and_list_show_the_consumers_of_the_stream(t):
    stream = await t.stream("A", subjects=[t.subject("a")])
    other = await t.stream("B", subjects=[t.subject("b")])
    await t.consumer(other, "X")
    empty = accepted(await t.api(f"CONSUMER.NAMES.{stream}"))
    equal((empty["consumers"], empty["total"]), ([], 0), "names of none")
    for name in ("B", "A", "C"):
        await t.consumer(stream, name)
    names = accepted(await t.api(f"CONSUMER.NAMES.{stream}"))
    equal(names["type"], "io.nats.jetstream.api.v1.consumer_names_response", "type")
    equal((sorted(names["consumers"]), names["total"]), (["A", "B", "C"], 3), "names")
    equal((await t.api(f"CONSUMER.NAMES.{stream}", {"offset": 99}))["consumers"], [], "past end")
    listed = accepted(await t.api(f"CONSUMER.LIST.{stream}"))
    equal(listed["type"], "io.nats.jetstream.api.v1.consumer_list_response", "type")
    equal(sorted(one["name"] for one in listed["consumers"]), ["A", "B", "C"], "list")
    equal({one["config"]["ack_policy"] for one in listed["consumers"]}, {"explicit"}, "policies")
    infos = await (await t.js()).consumers_info(stream)
    equal(sorted(info.name for info in infos), ["A", "B", "C"], "consumers of nats-py")
    info = accepted(await t.api(f"STREAM.INFO.{stream}"))
    equal(info["state"]["consumer_count"], 3, "consumer_count")


@case
async def a_deleted_consumer_is_gone_and_starts_anew(t):
    stream = await t.stream()
    await t.fill(2)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=2)
    for message in await puller.messages(2):
        await message.ack_sync(timeout=3)
    answer = await t.api(f"CONSUMER.DELETE.{stream}.C")
    expected = {"type": "io.nats.jetstream.api.v1.consumer_delete_response", "success": True}
    equal(answer, expected, "answer")
    refused(await t.api(f"CONSUMER.INFO.{stream}.C"), 10014, 404)
    equal((await t.consumer(stream))["num_pending"], 2, "num_pending of its successor")


@case
async def consumers_go_with_their_stream(t):
    stream = await t.stream()
    await t.consumer(stream)
    accepted(await t.api(f"STREAM.DELETE.{stream}"))
    await t.stream()
    refused(await t.api(f"CONSUMER.INFO.{stream}.C"), 10014, 404)


@case
async def info_follows_delivery_and_acknowledgement(t):
    stream = await t.stream()
    await t.fill(6)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=4)
    messages = await puller.messages(4)

    async def shows(delivered, floor, ack_pending, pending):
        info = await t.consumer_info(stream)
        equal(info["delivered"]["stream_seq"], delivered, "delivered.stream_seq")
        equal(info["delivered"]["consumer_seq"], delivered, "delivered.consumer_seq")
        equal(info["ack_floor"]["stream_seq"], floor, "ack_floor.stream_seq")
        equal(info["ack_floor"]["consumer_seq"], floor, "ack_floor.consumer_seq")
        equal((info["num_ack_pending"], info["num_pending"]), (ack_pending, pending), "counts")

    await shows(4, 0, 4, 2)
    await messages[1].ack_sync(timeout=3)
    await shows(4, 0, 3, 2)
    await messages[0].ack_sync(timeout=3)
    await shows(4, 2, 2, 2)
    await messages[3].ack_sync(timeout=3)
    await messages[2].ack_sync(timeout=3)
    await shows(4, 4, 0, 2)


@case
async def info_counts_the_waiting_pulls(t):
    stream = await t.stream()
    await t.consumer(stream)
    puller = await t.puller(stream)
    for _ in range(3):
        await puller.pull(batch=1, expires=3)

    async def three():
        return (await t.consumer_info(stream))["num_waiting"] == 3

    await eventually(three, "num_waiting is 3", within=2)


@case
async def an_unnamed_consumer_goes_when_no_one_uses_it(t):
    stream = await t.stream()
    body = request(stream, name="E", ack_policy="explicit", inactive_threshold=1_000_000_000)
    accepted(await t.api(f"CONSUMER.CREATE.{stream}.E", body))
    await t.consumer_info(stream, "E")

    async def gone():
        answer = await t.api(f"CONSUMER.INFO.{stream}.E")
        return answer.get("error", {}).get("err_code") == 10014

    # A server that does not heed the threshold would keep it for 5 s.
    await eventually(gone, "the consumer goes", within=4)
