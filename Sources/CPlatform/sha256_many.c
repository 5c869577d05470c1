#include "sha256_parts.h"

#include <string.h>

// Many messages: those that lie in `bytes` up to `ends`, or of 64 bytes each without `ends`.
typedef struct {
    const uint8_t *bytes;
    const size_t *ends;
    size_t count;
    int prefix;
    uint8_t *out;
} lot;

static size_t begin_of(const lot *l, size_t index) {
    if (!l->ends) return 64 * index;
    return index == 0 ? 0 : l->ends[index - 1];
}

static size_t length_of(const lot *l, size_t index) {
    return l->ends ? l->ends[index] - begin_of(l, index) : 64;
}

#if defined(__x86_64__)
enum { LANES = 8 };

// Word i of every lane's state lies together.
typedef uint32_t lane_states[8][LANES] __attribute__((aligned(32)));
typedef uint32_t words __attribute__((vector_size(32)));
typedef uint32_t words_anywhere __attribute__((vector_size(32), aligned(1)));
typedef uint8_t octets __attribute__((vector_size(32)));

typedef void compress_lanes(lane_states states, const uint8_t *const blocks[LANES]);

#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

// Half a block of every lane, word i of each together: eight rows turned into eight columns.
__attribute__((always_inline)) static inline void load_half(
    words w[8], const uint8_t *const blocks[LANES], size_t offset) {
    words r[8], p[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
        octets o = (octets)*(const words_anywhere *)(blocks[i] + offset);
        r[i] = (words)PICK(
            o, o, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16, 23, 22, 21,
            20, 27, 26, 25, 24, 31, 30, 29, 28);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 2) {
        p[i] = PICK(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        p[i + 1] = PICK(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i += 4) {
        r[i] = PICK(p[i], p[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 1] = PICK(p[i], p[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        r[i + 2] = PICK(p[i + 1], p[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        r[i + 3] = PICK(p[i + 1], p[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
        w[i] = PICK(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        w[i + 4] = PICK(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

// One block of each lane. Taken into each function that names instructions to compile it for.
__attribute__((always_inline)) static inline void compress_eight(
    lane_states states, const uint8_t *const blocks[LANES]) {
    words s[8], w[16];
    memcpy(s, states, sizeof s);
    load_half(w, blocks, 0);
    load_half(w + 8, blocks, 32);
    words bc = s[1] ^ s[2];
#pragma clang loop unroll(full)
    for (int t = 0; t < 16; t++) ROUND(s, t, kassa_sha256_k[t] + w[t], bc);
#pragma clang loop unroll(disable)
    for (int base = 16; base < 64; base += 16) {
#pragma clang loop unroll(full)
        for (int t = 0; t < 16; t++) {
            NEXT_WORD(w, t);
            ROUND(s, t, kassa_sha256_k[base + t] + w[t], bc);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) *(words *)states[i] += s[i];
}

__attribute__((target("avx2"))) static void compress_avx2(
    lane_states states, const uint8_t *const blocks[LANES]) {
    compress_eight(states, blocks);
}

__attribute__((target("avx2,avx512f,avx512vl"))) static void compress_avx512(
    lane_states states, const uint8_t *const blocks[LANES]) {
    compress_eight(states, blocks);
}

// A message on its way through a lane.
typedef struct {
    const uint8_t *bytes;
    size_t length;  // with the prefix
    size_t index;
    size_t done, blocks;
    uint8_t block[64];
} lane;

static void start(lane *lane, const lot *l, size_t index) {
    lane->bytes = l->bytes + begin_of(l, index);
    lane->length = length_of(l, index) + (l->prefix >= 0);
    lane->index = index;
    lane->done = 0;
    lane->blocks = (lane->length + 8) / 64 + 1;
}

// The lane's next block: in place where the message has all of it, else put together.
static const uint8_t *next_block(lane *lane, int prefix) {
    size_t begin = 64 * lane->done++, shift = prefix >= 0, first = shift && begin == 0;
    if (!first && begin + 64 <= lane->length) return lane->bytes + (begin - shift);
    size_t left = lane->length > begin ? lane->length - begin : 0;
    size_t used = left < 64 ? left : 64;
    if (first) lane->block[0] = (uint8_t)prefix;
    if (used > first)
        memcpy(lane->block + first, lane->bytes + (begin + first - shift), used - first);
    if (used == 64) return lane->block;
    memset(lane->block + used, 0, 64 - used);
    if (begin <= lane->length) lane->block[used] = 0x80;
    if (lane->done == lane->blocks) {
        uint64_t bits = (uint64_t)lane->length * 8;
        kassa_store_big_endian(lane->block + 56, (uint32_t)(bits >> 32));
        kassa_store_big_endian(lane->block + 60, (uint32_t)bits);
    }
    return lane->block;
}

// Eight at once; a lane whose message ends takes the next one. The last message goes on alone.
static void hash_lanes(const lot *l, compress_lanes *compress, kassa_sha256_compress *single) {
    static const uint8_t nothing[64];
    lane lanes[LANES];
    lane_states states;
    const uint8_t *blocks[LANES];
    bool busy[LANES];
    size_t next = 0, open = 0;
    for (int i = 0; i < LANES; i++) {
        busy[i] = next < l->count;
        if (busy[i]) start(&lanes[i], l, next++), open++;
        for (int j = 0; j < 8; j++) states[j][i] = kassa_sha256_start[j];
    }
    while (open > 1) {
        for (int i = 0; i < LANES; i++)
            blocks[i] = busy[i] ? next_block(&lanes[i], l->prefix) : nothing;
        compress(states, blocks);
        for (int i = 0; i < LANES; i++) {
            if (!busy[i] || lanes[i].done < lanes[i].blocks) continue;
            uint8_t *out = l->out + 32 * lanes[i].index;
            for (int j = 0; j < 8; j++) {
                kassa_store_big_endian(out + 4 * j, states[j][i]);
                states[j][i] = kassa_sha256_start[j];
            }
            busy[i] = next < l->count;
            if (busy[i]) start(&lanes[i], l, next++); else open--;
        }
    }
    for (int i = 0; i < LANES; i++) {
        if (!busy[i]) continue;
        uint32_t state[8];
        for (int j = 0; j < 8; j++) state[j] = states[j][i];
        while (lanes[i].done < lanes[i].blocks) single(state, next_block(&lanes[i], l->prefix), 1);
        for (int j = 0; j < 8; j++)
            kassa_store_big_endian(l->out + 32 * lanes[i].index + 4 * j, state[j]);
    }
}
#endif

static void hash_many(const lot *l, kassa_sha256_way way) {
#if defined(__x86_64__)
    kassa_sha256_compress *single = kassa_sha256_single(way);
    if (way == KASSA_SHA256_AVX2) return hash_lanes(l, compress_avx2, single);
    if (way == KASSA_SHA256_AVX512) return hash_lanes(l, compress_avx512, single);
#endif
    for (size_t i = 0; i < l->count; i++)
        kassa_sha256_by(
            way, l->prefix, l->bytes + begin_of(l, i), length_of(l, i), NULL, 0, l->out + 32 * i);
}

void kassa_sha256_many_by(
    kassa_sha256_way way, int prefix, const void *bytes, const size_t *ends, size_t count,
    void *out) {
    lot l = {bytes, ends, count, prefix, out};
    hash_many(&l, way);
}

void kassa_sha256_many(
    int prefix, const void *bytes, const size_t *ends, size_t count, void *out) {
    kassa_sha256_many_by(kassa_sha256_best(), prefix, bytes, ends, count, out);
}

void kassa_sha256_pairs(int prefix, const void *bytes, size_t count, void *out) {
    lot l = {bytes, NULL, count, prefix, out};
    hash_many(&l, kassa_sha256_best());
}
