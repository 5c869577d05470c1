// Consumers as the C client sees them: pulled, pushed, shared and ordered.

#ifndef LIBNATS_CONSUMER_CASES_H
#define LIBNATS_CONSUMER_CASES_H

#include "libnats_suite.h"

static void only_count(natsConnection *connection, natsSubscription *subscription,
                       natsMsg *message, void *closure)
{
    (void)connection;
    (void)subscription;
    __atomic_add_fetch((int *)closure, 1, __ATOMIC_SEQ_CST);
    natsMsg_Destroy(message);
}

static bool reaches(Case *c, int *counter, int count)
{
    for (int attempt = 0; attempt < 160; attempt++) {
        if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == count) return true;
        pause_ms(50);
    }
    snprintf(c->why, sizeof(c->why), "expected %d messages, saw %d", count,
             __atomic_load_n(counter, __ATOMIC_SEQ_CST));
    return false;
}

static bool pull(Case *c, natsSubscription **subscription, int64_t ack_wait)
{
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = c->stream;
    options.Config.AckWait = ack_wait;
    SUCCEEDS(js_PullSubscribe(subscription, c->js, c->all_subjects, "C", NULL, &options, NULL));
    return true;
}

static bool publish_many(Case *c, int count, int size)
{
    char *payload = calloc(1, (size_t)size);
    for (int number = 0; number < count; number++)
        SUCCEEDS(js_PublishAsync(c->js, c->subject, payload, size, NULL));
    free(payload);
    SUCCEEDS(js_PublishAsyncComplete(c->js, NULL));
    return holds(c, (uint64_t)count);
}

static bool a_pull_fetches_and_acknowledges(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsgList list;
    if (!add_stream(c, false) || !fill(c, 10) || !pull(c, &subscription, 30 * SECOND)) return false;
    int next = 1;
    for (int batch = 0; batch < 2; batch++) {
        SUCCEEDS(natsSubscription_Fetch(&list, subscription, 5, 3000, NULL));
        CHECK(list.Count == 5);
        for (int i = 0; i < list.Count; i++, next++) {
            char text[16];
            jsMsgMetaData *data = NULL;
            snprintf(text, sizeof(text), "%d", next);
            CHECK(text_is(list.Msgs[i], text));
            SUCCEEDS(natsMsg_GetMetaData(&data, list.Msgs[i]));
            CHECK(data->Sequence.Stream == (uint64_t)next && data->NumDelivered == 1);
            CHECK(data->NumPending == (uint64_t)(10 - next));
            CHECK(strcmp(data->Stream, c->stream) == 0 && strcmp(data->Consumer, "C") == 0);
            jsMsgMetaData_Destroy(data);
            if (next % 2) SUCCEEDS(natsMsg_Ack(list.Msgs[i], NULL));
            else SUCCEEDS(natsMsg_AckSync(list.Msgs[i], NULL, NULL));
        }
        natsMsgList_Destroy(&list);
    }
    if (!settles(c, "C", 10, 0)) return false;
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_fetch_of_nothing_times_out(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsgList list = {0};
    if (!add_stream(c, false) || !pull(c, &subscription, 30 * SECOND)) return false;
    CHECK(natsSubscription_Fetch(&list, subscription, 5, 500, NULL) == NATS_TIMEOUT);
    if (!fill(c, 2)) return false;
    SUCCEEDS(natsSubscription_Fetch(&list, subscription, 5, 500, NULL));
    CHECK(list.Count == 2);
    natsMsgList_Destroy(&list);
    natsSubscription_Destroy(subscription);
    return true;
}

static void *publish_later(void *closure)
{
    Case *c = closure;
    pause_ms(500);
    js_Publish(NULL, c->js, c->subject, "later", 5, NULL, NULL);
    return NULL;
}

static bool a_fetch_gets_what_comes_later(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsgList list;
    pthread_t thread;
    if (!add_stream(c, false) || !pull(c, &subscription, 30 * SECOND)) return false;
    CHECK(pthread_create(&thread, NULL, publish_later, c) == 0);
    natsStatus status = natsSubscription_Fetch(&list, subscription, 1, 4000, NULL);
    pthread_join(thread, NULL);
    SUCCEEDS(status);
    CHECK(list.Count == 1 && text_is(list.Msgs[0], "later"));
    natsMsgList_Destroy(&list);
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_fetch_with_heartbeats_waits_for_its_batch(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsgList list;
    jsFetchRequest request;
    if (!add_stream(c, false) || !fill(c, 2) || !pull(c, &subscription, 30 * SECOND)) return false;
    jsFetchRequest_Init(&request);
    request.Batch = 3;
    request.Expires = 2 * SECOND;
    request.Heartbeat = SECOND / 2;
    int64_t began = nats_Now();
    SUCCEEDS(natsSubscription_FetchRequest(&list, subscription, &request));
    // Two missed heartbeats would end it after one second.
    CHECK(list.Count == 2 && nats_Now() - began > 1500);
    natsMsgList_Destroy(&list);
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_nak_and_the_ack_wait_redeliver(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsgList list;
    if (!add_stream(c, false) || !fill(c, 1) || !pull(c, &subscription, SECOND)) return false;
    for (uint64_t delivery = 1; delivery <= 3; delivery++) {
        jsMsgMetaData *data = NULL;
        SUCCEEDS(natsSubscription_Fetch(&list, subscription, 1, 4000, NULL));
        SUCCEEDS(natsMsg_GetMetaData(&data, list.Msgs[0]));
        CHECK(data->NumDelivered == delivery && data->Sequence.Stream == 1);
        CHECK(data->Sequence.Consumer == delivery);
        jsMsgMetaData_Destroy(data);
        if (delivery == 1) SUCCEEDS(natsMsg_Nak(list.Msgs[0], NULL));
        if (delivery == 3) SUCCEEDS(natsMsg_Ack(list.Msgs[0], NULL));
        natsMsgList_Destroy(&list);
    }
    if (!settles(c, "C", 1, 0)) return false;
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_push_subscription_acknowledges_by_itself(Case *c)
{
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    static int seen;
    if (!add_stream(c, false) || !fill(c, 50)) return false;
    jsSubOptions_Init(&options);
    options.Stream = c->stream;
    options.Config.Durable = "P";
    SUCCEEDS(js_Subscribe(&subscription, c->js, c->all_subjects, only_count, &seen, NULL,
                          &options, NULL));
    if (!reaches(c, &seen, 50) || !settles(c, "P", 50, 0)) return false;
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_synchronous_push_subscription_gets_messages(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsg *message = NULL;
    if (!add_stream(c, false) || !fill(c, 2)) return false;
    SUCCEEDS(js_SubscribeSync(&subscription, c->js, c->all_subjects, NULL, NULL, NULL));
    for (int number = 1; number <= 2; number++) {
        SUCCEEDS(natsSubscription_NextMsg(&message, subscription, 3000));
        CHECK(text_is(message, number == 1 ? "1" : "2"));
        CHECK(strcmp(natsMsg_GetSubject(message), c->subject) == 0);
        SUCCEEDS(natsMsg_AckSync(message, NULL, NULL));
        natsMsg_Destroy(message);
    }
    SUCCEEDS(natsSubscription_Unsubscribe(subscription));
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_queue_subscription_shares_the_messages(Case *c)
{
    natsSubscription *members[2];
    static int seen[2];
    if (!add_stream(c, false)) return false;
    for (int i = 0; i < 2; i++) {
        jsSubOptions options;
        jsSubOptions_Init(&options);
        options.Stream = c->stream;
        options.Queue = "workers";
        SUCCEEDS(js_Subscribe(&members[i], c->js, c->all_subjects, only_count,
                                   &seen[i], NULL, &options, NULL));
    }
    if (!fill(c, 60) || !settles(c, "workers", 60, 0)) return false;
    int first = __atomic_load_n(&seen[0], __ATOMIC_SEQ_CST);
    int second = __atomic_load_n(&seen[1], __ATOMIC_SEQ_CST);
    CHECK(first + second == 60);
    CHECK(first > 0 && second > 0);
    for (int i = 0; i < 2; i++) natsSubscription_Destroy(members[i]);
    return true;
}

static bool an_ordered_consumer_gets_everything_in_order(Case *c)
{
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    if (!add_stream(c, false) || !publish_many(c, 2000, 300)) return false;
    jsSubOptions_Init(&options);
    options.Stream = c->stream;
    options.Ordered = true;
    SUCCEEDS(js_SubscribeSync(&subscription, c->js, c->all_subjects, NULL, &options, NULL));
    for (uint64_t number = 1; number <= 2000; number++) {
        natsMsg *message = NULL;
        jsMsgMetaData *data = NULL;
        SUCCEEDS(natsSubscription_NextMsg(&message, subscription, 4000));
        SUCCEEDS(natsMsg_GetMetaData(&data, message));
        CHECK(data->Sequence.Stream == number);
        jsMsgMetaData_Destroy(data);
        natsMsg_Destroy(message);
    }
    natsSubscription_Destroy(subscription);
    return true;
}

static int missed_heartbeats;

// The error handler of every connection: the only place where the client tells of a silent server.
static void note_missed_heartbeat(natsConnection *connection, natsSubscription *subscription,
                                  natsStatus error, void *closure)
{
    (void)connection;
    (void)subscription;
    (void)closure;
    if (error == NATS_MISSED_HEARTBEAT) __atomic_add_fetch(&missed_heartbeats, 1, __ATOMIC_SEQ_CST);
}

static bool flow_control_and_heartbeats_are_answered(Case *c)
{
    natsSubscription *subscription = NULL, *answers = NULL;
    jsSubOptions options;
    char answer_subject[96];
    int answered = 0;
    static int seen;
    if (!add_stream(c, false) || !publish_many(c, 1000, 8000)) return false;
    snprintf(answer_subject, sizeof(answer_subject), "$JS.FC.%s.>", c->stream);
    SUCCEEDS(natsConnection_SubscribeSync(&answers, c->connection, answer_subject));
    jsSubOptions_Init(&options);
    options.Stream = c->stream;
    options.Config.FlowControl = true;
    options.Config.Heartbeat = SECOND / 2;
    options.Config.AckPolicy = js_AckNone;
    SUCCEEDS(js_Subscribe(&subscription, c->js, c->all_subjects, only_count, &seen, NULL,
                          &options, NULL));
    if (!reaches(c, &seen, 1000)) return false;
    // Long enough for the client to miss a heartbeat that does not come.
    pause_ms(2500);
    CHECK(__atomic_load_n(&missed_heartbeats, __ATOMIC_SEQ_CST) == 0);
    SUCCEEDS(natsSubscription_GetPending(answers, &answered, NULL));
    CHECK(answered > 0);
    if (!fill(c, 1) || !reaches(c, &seen, 1001)) return false;
    natsSubscription_Destroy(answers);
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_consumer_is_created_and_deleted(Case *c)
{
    jsConsumerConfig config;
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    if (!add_stream(c, false) || !fill(c, 3)) return false;
    jsConsumerConfig_Init(&config);
    config.Durable = "C";
    config.FilterSubject = c->subject;
    config.DeliverPolicy = js_DeliverLast;
    SUCCEEDS(js_AddConsumer(&info, c->js, c->stream, &config, NULL, NULL));
    CHECK(strcmp(info->Name, "C") == 0 && info->NumPending == 1);
    CHECK(info->Config->AckPolicy == js_AckExplicit);
    jsConsumerInfo_Destroy(info);
    SUCCEEDS(js_DeleteConsumer(c->js, c->stream, "C", NULL, NULL));
    CHECK(js_GetConsumerInfo(&info, c->js, c->stream, "C", NULL, &code) == NATS_NOT_FOUND);
    CHECK(js_DeleteConsumer(c->js, c->stream, "C", NULL, &code) == NATS_NOT_FOUND);
    CHECK(code == JSConsumerNotFoundErr);
    return true;
}

#endif
