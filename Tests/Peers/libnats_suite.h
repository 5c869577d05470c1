// What all cases of the C client share: a case's own names, expectations and small steps.

#ifndef LIBNATS_SUITE_H
#define LIBNATS_SUITE_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define ASYNC_COUNT 10000

// What one case works with. The names are its own, so that cases do not meet.
typedef struct {
    natsConnection *connection;
    jsCtx *js;
    char stream[48];
    char subject[64];
    char all_subjects[64];
    char why[512];
} Case;

typedef bool (*CaseFunction)(Case *c);

static bool fail(Case *c, int line, const char *what, natsStatus status)
{
    snprintf(c->why, sizeof(c->why), "line %d: expected %s, saw %s", line, what,
             status == NATS_OK ? "the contrary" : natsStatus_GetText(status));
    return false;
}

// A case returns at its first failed expectation; what it leaves open ends with the process.
#define CHECK(condition) \
    do { \
        if (!(condition)) return fail(c, __LINE__, #condition, NATS_OK); \
    } while (0)

#define SUCCEEDS(call) \
    do { \
        natsStatus status_ = (call); \
        if (status_ != NATS_OK) return fail(c, __LINE__, #call, status_); \
    } while (0)

static bool text_is(natsMsg *message, const char *text)
{
    size_t length = strlen(text);
    return (size_t)natsMsg_GetDataLength(message) == length
        && memcmp(natsMsg_GetData(message), text, length) == 0;
}

static void pause_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static bool add_stream(Case *c, bool allow_direct)
{
    jsStreamConfig config;
    const char *subjects[] = {c->all_subjects};
    jsStreamInfo *info = NULL;
    jsStreamConfig_Init(&config);
    config.Name = c->stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.AllowDirect = allow_direct;
    SUCCEEDS(js_AddStream(&info, c->js, &config, NULL, NULL));
    CHECK(strcmp(info->Config->Name, c->stream) == 0);
    jsStreamInfo_Destroy(info);
    return true;
}

// Publishes the numbers from 1 as payloads, each acknowledged.
static bool fill(Case *c, int count)
{
    for (int number = 1; number <= count; number++) {
        char text[16];
        jsPubAck *ack = NULL;
        snprintf(text, sizeof(text), "%d", number);
        SUCCEEDS(js_Publish(&ack, c->js, c->subject, text, (int)strlen(text), NULL, NULL));
        CHECK(strcmp(ack->Stream, c->stream) == 0);
        jsPubAck_Destroy(ack);
    }
    return true;
}

static bool holds(Case *c, uint64_t count)
{
    jsStreamInfo *info = NULL;
    SUCCEEDS(js_GetStreamInfo(&info, c->js, c->stream, NULL, NULL));
    CHECK(info->State.Msgs == count);
    jsStreamInfo_Destroy(info);
    return true;
}

// Acknowledgements are not answered, so the counts arrive in their own time.
static bool settles(Case *c, const char *consumer, uint64_t floor, int64_t pending)
{
    for (int attempt = 0; attempt < 60; attempt++) {
        jsConsumerInfo *info = NULL;
        SUCCEEDS(js_GetConsumerInfo(&info, c->js, c->stream, consumer, NULL, NULL));
        bool settled = info->AckFloor.Stream == floor && info->NumAckPending == pending;
        jsConsumerInfo_Destroy(info);
        if (settled) return true;
        pause_ms(50);
    }
    return fail(c, __LINE__, "the ack floor and the pending count to settle", NATS_OK);
}

#endif
