#include "sha256_parts.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>
#endif

const uint32_t kassa_sha256_k[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

const uint32_t kassa_sha256_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t load_big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// FIPS 180-4, section 6.2.2. Taken into each function that names instructions to compile it for.
__attribute__((always_inline)) static inline void compress(
    uint32_t state[8], const uint8_t *blocks, size_t count) {
    for (; count > 0; count--, blocks += 64) {
        uint32_t s[8], w[16];
        memcpy(s, state, sizeof s);
        uint32_t bc = s[1] ^ s[2];
#pragma clang loop unroll(full)
        for (int t = 0; t < 16; t++) {
            w[t] = load_big_endian(blocks + 4 * t);
            ROUND(s, t, kassa_sha256_k[t] + w[t], bc);
        }
#pragma clang loop unroll(disable)
        for (int base = 16; base < 64; base += 16) {
#pragma clang loop unroll(full)
            for (int t = 0; t < 16; t++) {
                NEXT_WORD(w, t);
                ROUND(s, t, kassa_sha256_k[base + t] + w[t], bc);
            }
        }
        for (int i = 0; i < 8; i++) state[i] += s[i];
    }
}

static void compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count) {
    compress(state, blocks, count);
}

#if defined(__x86_64__)
// Rotations that leave the flags and their source alone save a third of the moves.
__attribute__((target("bmi,bmi2"))) static void compress_bmi2(
    uint32_t state[8], const uint8_t *blocks, size_t count) {
    compress(state, blocks, count);
}

// The instructions keep the state as the word pairs ABEF and CDGH. Source: Intel SHA Extensions
// (2013).
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_accelerated(
    uint32_t state[8], const uint8_t *blocks, size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
    __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);

    for (; count > 0; count--, blocks += 64) {
        __m128i first_abef = abef, first_cdgh = cdgh, w[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) {
            // Slot i % 4 holds the words of four groups ago until this group's replace them.
            __m128i *now = &w[i & 3], after = w[(i + 1) & 3], before = w[(i + 3) & 3];
            if (i < 4) {
                *now = _mm_loadu_si128((const __m128i *)(blocks + 16 * i));
                *now = _mm_shuffle_epi8(*now, big_endian);
            } else {
                __m128i sevenAgo = _mm_alignr_epi8(before, w[(i + 2) & 3], 4);
                *now = _mm_add_epi32(_mm_sha256msg1_epu32(*now, after), sevenAgo);
                *now = _mm_sha256msg2_epu32(*now, before);
            }
            __m128i t = _mm_load_si128((const __m128i *)(kassa_sha256_k + 4 * i));
            t = _mm_add_epi32(t, *now);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, t);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(t, 0x0E));
        }
        abef = _mm_add_epi32(abef, first_abef);
        cdgh = _mm_add_epi32(cdgh, first_cdgh);
    }

    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif

#if defined(__x86_64__)
static bool has(unsigned word, int bit) { return word >> bit & 1; }

// The bits of `kassa_sha256_way` that the processor and the system carry.
static unsigned find_ways(void) {
    unsigned a = 0, b = 0, d = 0, one = 0, seven = 0, ways = 1u << KASSA_SHA256_PORTABLE;
    if (!__get_cpuid(1, &a, &b, &one, &d) || !__get_cpuid_count(7, 0, &a, &seven, &b, &d))
        return ways;
    if (has(seven, 3) && has(seven, 8)) ways |= 1u << KASSA_SHA256_BMI2;
    if (has(one, 9) && has(one, 19) && has(seven, 29)) ways |= 1u << KASSA_SHA256_SHA;
    if (!has(one, 27)) return ways;
    // Wide registers count only where the system saves them (XCR0).
    unsigned saved, upper;
    __asm__("xgetbv" : "=a"(saved), "=d"(upper) : "c"(0));
    if ((saved & 0x06) == 0x06 && has(seven, 5)) ways |= 1u << KASSA_SHA256_AVX2;
    if ((saved & 0xE6) == 0xE6 && has(seven, 5) && has(seven, 16) && has(seven, 31))
        ways |= 1u << KASSA_SHA256_AVX512;
    return ways;
}
#endif

bool kassa_sha256_has(kassa_sha256_way way) {
#if defined(__x86_64__)
    // Kept, as CPUID leaves a virtual machine for microseconds. 0 is unknown: a race writes the
    // same.
    static _Atomic unsigned known = 0;
    unsigned ways = atomic_load_explicit(&known, memory_order_relaxed);
    if (ways == 0) {
        ways = find_ways();
        atomic_store_explicit(&known, ways, memory_order_relaxed);
    }
    return has(ways, way);
#else
    return way == KASSA_SHA256_PORTABLE;
#endif
}

kassa_sha256_compress *kassa_sha256_single(kassa_sha256_way way) {
#if defined(__x86_64__)
    switch (way) {
    case KASSA_SHA256_PORTABLE: return compress_portable;
    case KASSA_SHA256_BMI2: return compress_bmi2;
    case KASSA_SHA256_SHA: return compress_accelerated;
    default: break;
    }
    if (kassa_sha256_has(KASSA_SHA256_SHA)) return compress_accelerated;
    if (kassa_sha256_has(KASSA_SHA256_BMI2)) return compress_bmi2;
#endif
    (void)way;
    return compress_portable;
}

kassa_sha256_way kassa_sha256_best(void) {
    if (kassa_sha256_has(KASSA_SHA256_SHA)) return KASSA_SHA256_SHA;
    if (kassa_sha256_has(KASSA_SHA256_AVX512)) return KASSA_SHA256_AVX512;
    if (kassa_sha256_has(KASSA_SHA256_AVX2)) return KASSA_SHA256_AVX2;
    if (kassa_sha256_has(KASSA_SHA256_BMI2)) return KASSA_SHA256_BMI2;
    return KASSA_SHA256_PORTABLE;
}

typedef struct {
    uint32_t state[8];
    uint8_t block[64];
    size_t used;  // bytes of `block`, always below 64
} hasher;

static void update(
    hasher *h, kassa_sha256_compress *compress, const uint8_t *bytes, size_t length) {
    if (length == 0) return;
    if (h->used > 0) {
        size_t taken = 64 - h->used < length ? 64 - h->used : length;
        memcpy(h->block + h->used, bytes, taken);
        h->used += taken, bytes += taken, length -= taken;
        if (h->used < 64) return;
        compress(h->state, h->block, 1);
        h->used = 0;
    }
    compress(h->state, bytes, length / 64);
    h->used = length % 64;
    if (h->used > 0) memcpy(h->block, bytes + length - h->used, h->used);
}

void kassa_sha256_by(
    kassa_sha256_way way, int prefix, const void *a, size_t a_length, const void *b,
    size_t b_length, void *out) {
    kassa_sha256_compress *compress = kassa_sha256_single(way);
    hasher h = {.used = 0};
    memcpy(h.state, kassa_sha256_start, sizeof h.state);
    if (prefix >= 0) h.block[h.used++] = (uint8_t)prefix;
    update(&h, compress, a, a_length);
    update(&h, compress, b, b_length);

    uint64_t bits = ((uint64_t)a_length + b_length + (prefix >= 0)) * 8;
    h.block[h.used++] = 0x80;
    if (h.used > 56) {
        memset(h.block + h.used, 0, 64 - h.used);
        compress(h.state, h.block, 1);
        h.used = 0;
    }
    memset(h.block + h.used, 0, 56 - h.used);
    kassa_store_big_endian(h.block + 56, (uint32_t)(bits >> 32));
    kassa_store_big_endian(h.block + 60, (uint32_t)bits);
    compress(h.state, h.block, 1);
    for (int i = 0; i < 8; i++) kassa_store_big_endian((uint8_t *)out + 4 * i, h.state[i]);
}

void kassa_sha256(
    int prefix, const void *a, size_t a_length, const void *b, size_t b_length, void *out) {
    kassa_sha256_by(kassa_sha256_best(), prefix, a, a_length, b, b_length, out);
}
