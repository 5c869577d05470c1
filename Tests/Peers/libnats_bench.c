// Measures how fast a server takes messages into a stream on disk.
//
//     libnats_bench [nats://127.0.0.1:4222] [COUNT] [BYTES]
//
// Publishes COUNT messages of BYTES each with many in flight, waits until all are acknowledged,
// checks that the stream holds them all, and deletes the stream.

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Enough in flight to hide the round trip, few enough to stay within the server's buffers.
#define MAX_PENDING 4096

static jsCtx *js;
static long refused;

static void end_if(natsStatus status, const char *what)
{
    if (status == NATS_OK) return;
    fprintf(stderr, "%s: %s (%s)\n", what, natsStatus_GetText(status), nats_GetLastError(NULL));
    exit(1);
}

static void count_refused(jsCtx *context, jsPubAckErr *error, void *closure)
{
    (void)context;
    (void)closure;
    if (__atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST) == 1)
        fprintf(stderr, "refused: %s (%d)\n", error->ErrText, (int)error->ErrCode);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void create_stream(const char *name, const char *subject)
{
    jsStreamConfig config;
    const char *subjects[] = {subject};
    end_if(jsStreamConfig_Init(&config), "configuration");
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    end_if(js_AddStream(NULL, js, &config, NULL, NULL), "creating the stream");
}

static void publish_all(const char *subject, long count, int bytes)
{
    char *payload = malloc((size_t)bytes + 1);
    if (payload == NULL) exit(1);
    memset(payload, 'x', (size_t)bytes);
    for (long number = 0; number < count; number++)
        end_if(js_PublishAsync(js, subject, payload, bytes, NULL), "publishing");
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 120000;
    end_if(js_PublishAsyncComplete(js, &options), "waiting for the acknowledgements");
    free(payload);
}

static long stored(const char *name)
{
    jsStreamInfo *info = NULL;
    end_if(js_GetStreamInfo(&info, js, name, NULL, NULL), "reading the stream's state");
    long messages = (long)info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return messages;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "nats://127.0.0.1:4222";
    long count = argc > 2 ? atol(argv[2]) : 500000;
    int bytes = argc > 3 ? atoi(argv[3]) : 500;
    if (count < 1 || bytes < 0) {
        fprintf(stderr, "usage: libnats_bench [URL] [COUNT] [BYTES]\n");
        return 2;
    }
    natsConnection *connection = NULL;
    jsOptions options;
    char name[64], subject[80];
    snprintf(name, sizeof(name), "BENCH_%d", (int)getpid());
    snprintf(subject, sizeof(subject), "%s.x", name);
    end_if(natsConnection_ConnectTo(&connection, url), "connecting");
    end_if(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = MAX_PENDING;
    // A server that writes to disk may hold its acknowledgements for longer than the default.
    options.PublishAsync.StallWait = 30000;
    options.PublishAsync.ErrHandler = count_refused;
    end_if(natsConnection_JetStream(&js, connection, &options), "JetStream");
    create_stream(name, subject);

    double began = seconds();
    publish_all(subject, count, bytes);
    double took = seconds() - began;
    long held = stored(name);
    end_if(js_DeleteStream(js, name, NULL, NULL), "deleting the stream");
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    nats_Close();
    if (held != count || refused > 0) {
        printf("FAILED: expected %ld messages, saw %ld; %ld refused\n", count, held, refused);
        return 1;
    }
    printf("%ld messages of %d bytes in %.3f s: %.0f a second\n", count, bytes, took,
           (double)count / took);
    return 0;
}
