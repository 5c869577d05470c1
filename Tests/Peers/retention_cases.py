"""Retention by interest and as a work queue; these run only with --all."""

from suite import accepted, eventually, equal, extra_case, refused


async def left(t, stream, count):
    async def reached():
        return (await t.state(stream))["messages"] == count

    await eventually(reached, f"{count} messages are left")


@extra_case
async def a_work_queue_forgets_what_was_acknowledged(t):
    stream = await t.stream(retention="workqueue")
    await t.fill(3)
    await t.consumer(stream)
    puller = await t.puller(stream)
    await puller.pull(batch=2)
    for message in await puller.messages(2):
        await message.ack_sync(timeout=3)
    await left(t, stream, 1)
    equal((await t.state(stream))["first_seq"], 3, "first sequence")


@extra_case
async def consumers_of_a_work_queue_may_not_overlap(t):
    stream = await t.stream(retention="workqueue")
    await t.consumer(stream, "A", filter_subject=t.subject("a"))
    await t.consumer(stream, "B", filter_subject=t.subject("b"))
    config = {"durable_name": "C", "ack_policy": "explicit", "filter_subject": t.subject("a")}
    request = {"stream_name": stream, "config": config}
    refused(await t.api(f"CONSUMER.DURABLE.CREATE.{stream}.C", request), 10100, 400)


@extra_case
async def interest_keeps_what_some_consumer_did_not_acknowledge(t):
    stream = await t.stream(retention="interest")
    equal(accepted(await t.publish(t.subject("x")))["seq"], 1, "sequence")
    equal((await t.state(stream))["messages"], 0, "messages without a consumer")
    await t.consumer(stream, "A")
    await t.consumer(stream, "B")
    await t.fill(1)
    for name, count in (("A", 1), ("B", 0)):
        puller = await t.puller(stream, name)
        await puller.pull(batch=1)
        await (await puller.next()).ack_sync(timeout=3)
        await left(t, stream, count)
