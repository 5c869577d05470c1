// Conformance of a NATS server with JetStream, as the C client sees it.
//
//     libnats_cases [nats://127.0.0.1:4222] [WORD]
//
// Runs the cases whose name holds the word one after the other, prints `ok NAME` or
// `FAILED NAME: why`, and ends with status 1 if any failed.

#include <signal.h>

#include "libnats_suite.h"
#include "libnats_consumer_cases.h"

#define CASE_LIMIT 15

static const char *url = "nats://127.0.0.1:4222";

static bool connects_and_flushes(Case *c)
{
    char id[128];
    SUCCEEDS(natsConnection_FlushTimeout(c->connection, 3000));
    SUCCEEDS(natsConnection_GetConnectedServerId(c->connection, id, sizeof(id)));
    CHECK(strlen(id) > 0);
    CHECK(natsConnection_GetMaxPayload(c->connection) >= 1 << 20);
    SUCCEEDS(natsConnection_HasHeaderSupport(c->connection));
    int64_t round_trip = 0;
    SUCCEEDS(natsConnection_GetRTT(c->connection, &round_trip));
    CHECK(round_trip > 0);
    return true;
}

static bool a_synchronous_subscription_gets_messages(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsg *message = NULL;
    SUCCEEDS(natsConnection_SubscribeSync(&subscription, c->connection, c->all_subjects));
    SUCCEEDS(natsConnection_PublishString(c->connection, c->subject, "hello"));
    SUCCEEDS(natsSubscription_NextMsg(&message, subscription, 3000));
    CHECK(text_is(message, "hello"));
    CHECK(strcmp(natsMsg_GetSubject(message), c->subject) == 0);
    natsMsg_Destroy(message);
    SUCCEEDS(natsSubscription_AutoUnsubscribe(subscription, 3));
    for (int i = 0; i < 4; i++)
        SUCCEEDS(natsConnection_PublishString(c->connection, c->subject, "x"));
    for (int i = 0; i < 2; i++) {
        SUCCEEDS(natsSubscription_NextMsg(&message, subscription, 3000));
        natsMsg_Destroy(message);
    }
    CHECK(natsSubscription_NextMsg(&message, subscription, 300) != NATS_OK);
    natsSubscription_Destroy(subscription);
    return true;
}

static void answer_with_header(natsConnection *connection, natsSubscription *subscription,
                               natsMsg *request, void *closure)
{
    natsMsg *reply = NULL;
    const char *sent = NULL;
    (void)subscription;
    (void)closure;
    if (natsMsgHeader_Get(request, "Sent", &sent) == NATS_OK
        && natsMsg_Create(&reply, natsMsg_GetReply(request), NULL, "pong", 4) == NATS_OK) {
        natsMsgHeader_Set(reply, "Seen", sent);
        natsConnection_PublishMsg(connection, reply);
    }
    natsMsg_Destroy(reply);
    natsMsg_Destroy(request);
}

static bool a_request_with_headers_gets_its_reply(Case *c)
{
    natsSubscription *subscription = NULL;
    natsMsg *request = NULL, *reply = NULL;
    const char *seen = NULL;
    SUCCEEDS(natsConnection_Subscribe(&subscription, c->connection, c->subject,
                                      answer_with_header, NULL));
    SUCCEEDS(natsMsg_Create(&request, c->subject, NULL, "ping", 4));
    SUCCEEDS(natsMsgHeader_Set(request, "Sent", "some words"));
    SUCCEEDS(natsConnection_RequestMsg(&reply, c->connection, request, 3000));
    CHECK(text_is(reply, "pong"));
    SUCCEEDS(natsMsgHeader_Get(reply, "Seen", &seen));
    CHECK(strcmp(seen, "some words") == 0);
    natsMsg_Destroy(request);
    natsMsg_Destroy(reply);
    natsSubscription_Destroy(subscription);
    return true;
}

static bool a_request_that_no_one_hears_fails_at_once(Case *c)
{
    natsMsg *reply = NULL;
    CHECK(natsConnection_RequestString(&reply, c->connection, c->subject, "x", 3000)
          == NATS_NO_RESPONDERS);
    return true;
}

static bool a_queue_group_shares_the_messages(Case *c)
{
    natsSubscription *members[3];
    int total = 0;
    for (int i = 0; i < 3; i++)
        SUCCEEDS(natsConnection_QueueSubscribeSync(&members[i], c->connection, c->subject, "q"));
    for (int i = 0; i < 300; i++)
        SUCCEEDS(natsConnection_PublishString(c->connection, c->subject, "x"));
    SUCCEEDS(natsConnection_FlushTimeout(c->connection, 3000));
    pause_ms(200);
    for (int i = 0; i < 3; i++) {
        int share = 0;
        SUCCEEDS(natsSubscription_GetPending(members[i], &share, NULL));
        CHECK(share > 0);
        total += share;
        natsSubscription_Destroy(members[i]);
    }
    CHECK(total == 300);
    return true;
}

static bool a_stream_is_created_and_deleted(Case *c)
{
    jsErrCode code = 0;
    jsStreamInfo *info = NULL;
    if (!add_stream(c, false)) return false;
    SUCCEEDS(js_DeleteStream(c->js, c->stream, NULL, &code));
    CHECK(js_GetStreamInfo(&info, c->js, c->stream, NULL, &code) == NATS_NOT_FOUND);
    CHECK(js_DeleteStream(c->js, c->stream, NULL, &code) == NATS_NOT_FOUND);
    CHECK(code == JSStreamNotFoundErr);
    return true;
}

static bool a_stream_is_changed_and_purged(Case *c)
{
    jsStreamConfig config;
    const char *subjects[] = {c->all_subjects};
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    if (!add_stream(c, false) || !fill(c, 5)) return false;
    jsStreamConfig_Init(&config);
    config.Name = c->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.MaxMsgs = 3;
    CHECK(js_AddStream(&info, c->js, &config, NULL, &code) != NATS_OK);
    CHECK(code == JSStreamNameExistErr);
    SUCCEEDS(js_UpdateStream(&info, c->js, &config, NULL, NULL));
    CHECK(info->Config->MaxMsgs == 3);
    jsStreamInfo_Destroy(info);
    if (!holds(c, 3)) return false;
    SUCCEEDS(js_PurgeStream(c->js, c->stream, NULL, NULL));
    return holds(c, 0);
}

static bool a_publish_is_acknowledged(Case *c)
{
    if (!add_stream(c, false)) return false;
    for (uint64_t number = 1; number <= 3; number++) {
        jsPubAck *ack = NULL;
        SUCCEEDS(js_Publish(&ack, c->js, c->subject, "x", 1, NULL, NULL));
        CHECK(ack->Sequence == number && !ack->Duplicate);
        jsPubAck_Destroy(ack);
    }
    return holds(c, 3);
}

static bool duplicates_and_expectations_are_seen(Case *c)
{
    jsPubOptions options;
    jsPubAck *ack = NULL;
    jsErrCode code = 0;
    if (!add_stream(c, false)) return false;
    jsPubOptions_Init(&options);
    options.MsgId = "m1";
    SUCCEEDS(js_Publish(NULL, c->js, c->subject, "x", 1, &options, NULL));
    SUCCEEDS(js_Publish(&ack, c->js, c->subject, "x", 1, &options, NULL));
    CHECK(ack->Duplicate && ack->Sequence == 1);
    jsPubAck_Destroy(ack);
    jsPubOptions_Init(&options);
    options.ExpectLastSeq = 9;
    CHECK(js_Publish(NULL, c->js, c->subject, "x", 1, &options, &code) != NATS_OK);
    CHECK(code == JSStreamWrongLastSequenceErr);
    jsPubOptions_Init(&options);
    options.ExpectNoMessage = true;
    CHECK(js_Publish(NULL, c->js, c->subject, "x", 1, &options, &code) != NATS_OK);
    CHECK(code == JSStreamWrongLastSequenceErr);
    jsPubOptions_Init(&options);
    options.ExpectLastMsgId = "m0";
    CHECK(js_Publish(NULL, c->js, c->subject, "x", 1, &options, &code) != NATS_OK);
    CHECK(code == JSStreamWrongLastMsgIDErr);
    return holds(c, 1);
}

static bool many_asynchronous_publishes_complete(Case *c)
{
    natsMsgList pending;
    if (!add_stream(c, false)) return false;
    for (int number = 0; number < ASYNC_COUNT; number++)
        SUCCEEDS(js_PublishAsync(c->js, c->subject, &number, sizeof(number), NULL));
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 8000;
    SUCCEEDS(js_PublishAsyncComplete(c->js, &options));
    CHECK(js_PublishAsyncGetPendingList(&pending, c->js) == NATS_NOT_FOUND);
    if (!holds(c, ASYNC_COUNT)) return false;
    natsMsg *message = NULL;
    int number = 0;
    SUCCEEDS(js_GetMsg(&message, c->js, c->stream, ASYNC_COUNT, NULL, NULL));
    memcpy(&number, natsMsg_GetData(message), sizeof(number));
    CHECK(number == ASYNC_COUNT - 1);
    natsMsg_Destroy(message);
    return true;
}

static bool a_message_is_read_by_sequence_and_subject(Case *c)
{
    natsMsg *message = NULL;
    jsErrCode code = 0;
    if (!add_stream(c, false) || !fill(c, 3)) return false;
    SUCCEEDS(js_GetMsg(&message, c->js, c->stream, 2, NULL, NULL));
    CHECK(text_is(message, "2") && natsMsg_GetSequence(message) == 2);
    CHECK(natsMsg_GetTime(message) > 0);
    natsMsg_Destroy(message);
    SUCCEEDS(js_GetLastMsg(&message, c->js, c->stream, c->subject, NULL, NULL));
    CHECK(text_is(message, "3"));
    natsMsg_Destroy(message);
    CHECK(js_GetMsg(&message, c->js, c->stream, 9, NULL, &code) == NATS_NOT_FOUND);
    CHECK(code == JSNoMessageFoundErr);
    SUCCEEDS(js_DeleteMsg(c->js, c->stream, 2, NULL, NULL));
    CHECK(js_GetMsg(&message, c->js, c->stream, 2, NULL, &code) == NATS_NOT_FOUND);
    return true;
}

static bool a_message_is_read_directly(Case *c)
{
    natsMsg *message = NULL;
    jsDirectGetMsgOptions options;
    if (!add_stream(c, true) || !fill(c, 3)) return false;
    jsDirectGetMsgOptions_Init(&options);
    options.Sequence = 2;
    SUCCEEDS(js_DirectGetMsg(&message, c->js, c->stream, NULL, &options));
    CHECK(text_is(message, "2") && natsMsg_GetSequence(message) == 2);
    CHECK(strcmp(natsMsg_GetSubject(message), c->subject) == 0);
    natsMsg_Destroy(message);
    jsDirectGetMsgOptions_Init(&options);
    options.LastBySubject = c->subject;
    SUCCEEDS(js_DirectGetMsg(&message, c->js, c->stream, NULL, &options));
    CHECK(text_is(message, "3"));
    natsMsg_Destroy(message);
    jsDirectGetMsgOptions_Init(&options);
    options.Sequence = 9;
    CHECK(js_DirectGetMsg(&message, c->js, c->stream, NULL, &options) == NATS_NOT_FOUND);
    return true;
}

static const char *current = "";

static const struct {
    const char *name;
    CaseFunction run;
} cases[] = {
#define NAMED(function) {#function, function}
    NAMED(connects_and_flushes),
    NAMED(a_synchronous_subscription_gets_messages),
    NAMED(a_request_with_headers_gets_its_reply),
    NAMED(a_request_that_no_one_hears_fails_at_once),
    NAMED(a_queue_group_shares_the_messages),
    NAMED(a_stream_is_created_and_deleted),
    NAMED(a_stream_is_changed_and_purged),
    NAMED(a_publish_is_acknowledged),
    NAMED(duplicates_and_expectations_are_seen),
    NAMED(many_asynchronous_publishes_complete),
    NAMED(a_message_is_read_by_sequence_and_subject),
    NAMED(a_message_is_read_directly),
    NAMED(a_pull_fetches_and_acknowledges),
    NAMED(a_fetch_of_nothing_times_out),
    NAMED(a_fetch_gets_what_comes_later),
    NAMED(a_fetch_with_heartbeats_waits_for_its_batch),
    NAMED(a_nak_and_the_ack_wait_redeliver),
    NAMED(a_push_subscription_acknowledges_by_itself),
    NAMED(a_synchronous_push_subscription_gets_messages),
    NAMED(a_queue_subscription_shares_the_messages),
    NAMED(an_ordered_consumer_gets_everything_in_order),
    NAMED(flow_control_and_heartbeats_are_answered),
    NAMED(a_consumer_is_created_and_deleted),
};

static void run(size_t index, Case *c, bool *passed)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    if (status == NATS_OK) status = natsOptions_SetURL(options, url);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, note_missed_heartbeat, NULL);
    if (status == NATS_OK) status = natsConnection_Connect(&c->connection, options);
    natsOptions_Destroy(options);
    if (status == NATS_OK) status = natsConnection_JetStream(&c->js, c->connection, NULL);
    if (status != NATS_OK) {
        *passed = fail(c, __LINE__, "a connection", status);
        return;
    }
    *passed = cases[index].run(c);
    js_DeleteStream(c->js, c->stream, NULL, NULL);
    jsCtx_Destroy(c->js);
    natsConnection_Destroy(c->connection);
}

// A case that hangs ends the run: there is no safe way to leave it behind.
static void out_of_time(int signal_number)
{
    (void)signal_number;
    static const char text[] = ": expected an end in time, saw none\n";
    if (write(1, "FAILED ", 7) < 0 || write(1, current, strlen(current)) < 0
        || write(1, text, sizeof(text) - 1) < 0)
        _exit(2);
    _exit(1);
}

int main(int argc, char **argv)
{
    size_t count = 0, failed = 0;
    if (argc > 1) url = argv[1];
    signal(SIGALRM, out_of_time);
    for (size_t index = 0; index < sizeof(cases) / sizeof(cases[0]); index++) {
        bool passed = false;
        Case c = {0};
        if (argc > 2 && strstr(cases[index].name, argv[2]) == NULL) continue;
        snprintf(c.stream, sizeof(c.stream), "L%d_%zu", (int)getpid(), index);
        snprintf(c.subject, sizeof(c.subject), "%s.x", c.stream);
        snprintf(c.all_subjects, sizeof(c.all_subjects), "%s.>", c.stream);
        current = cases[index].name;
        alarm(CASE_LIMIT);
        run(index, &c, &passed);
        alarm(0);
        count++;
        failed += !passed;
        if (passed) printf("ok %s\n", cases[index].name);
        else printf("FAILED %s: %s\n", cases[index].name, c.why);
        fflush(stdout);
    }
    nats_Close();
    printf("%zu cases, %zu failed\n", count, failed);
    return failed > 0 || count == 0;
}
