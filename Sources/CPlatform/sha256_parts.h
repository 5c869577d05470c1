#pragma once

#include "kassa_sha256.h"

// What the files of SHA-256 share, in the names of FIPS 180-4. The functions are macros as they
// work on words and on vectors of words alike.
#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define UPPER_SIGMA_0(x) (ROTATE(x, 2) ^ ROTATE(x, 13) ^ ROTATE(x, 22))
#define UPPER_SIGMA_1(x) (ROTATE(x, 6) ^ ROTATE(x, 11) ^ ROTATE(x, 25))
#define LOWER_SIGMA_0(x) (ROTATE(x, 7) ^ ROTATE(x, 18) ^ (x) >> 3)
#define LOWER_SIGMA_1(x) (ROTATE(x, 17) ^ ROTATE(x, 19) ^ (x) >> 10)

// The word 16 rounds on, in the place of round t's in a ring of 16.
#define NEXT_WORD(w, t)                                                        \
    ((w)[(t) & 15] += LOWER_SIGMA_1((w)[((t) + 14) & 15]) + (w)[((t) + 9) & 15] \
        + LOWER_SIGMA_0((w)[((t) + 1) & 15]))

// One round. The words stay where they are and their names move: `s` is the round's a, b, c and so
// on, counted from -t modulo 8. `bc` is b ^ c, which was the last round's a ^ b: majority takes one
// operation less by it.
#define ROUND(s, t, kw, bc)                                                          \
    do {                                                                             \
        __typeof__((s)[0]) *a_ = &(s)[-(t) & 7], *b_ = &(s)[(1 - (t)) & 7];          \
        __typeof__((s)[0]) *d_ = &(s)[(3 - (t)) & 7], *h_ = &(s)[(7 - (t)) & 7];     \
        __typeof__((s)[0]) e_ = (s)[(4 - (t)) & 7], f_ = (s)[(5 - (t)) & 7];         \
        __typeof__((s)[0]) g_ = (s)[(6 - (t)) & 7], ab_ = *a_ ^ *b_;                 \
        *h_ += UPPER_SIGMA_1(e_) + ((e_ & (f_ ^ g_)) ^ g_) + (kw);                   \
        *d_ += *h_;                                                                  \
        *h_ += UPPER_SIGMA_0(*a_) + ((ab_ & (bc)) ^ *b_);                            \
        (bc) = ab_;                                                                  \
    } while (0)

extern const uint32_t kassa_sha256_k[64];      // section 4.2.2
extern const uint32_t kassa_sha256_start[8];   // section 5.3.3

typedef void kassa_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

// How `way` treats a single message: those that take many at once go over to the fastest for one.
kassa_sha256_compress *kassa_sha256_single(kassa_sha256_way way);

static inline void kassa_store_big_endian(uint8_t *p, uint32_t x) {
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}
