#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// SHA-256 (FIPS 180-4). `prefix` is a byte in front of a message, 0 to 255, or -1 for none.

/// The digest of [prefix] || a || b into the 32 bytes of `out`, by the fastest way there is. `a`
/// and `b` may be null where their length is 0; `out` overlaps neither.
void kassa_sha256(
    int prefix, const void *a, size_t a_length, const void *b, size_t b_length, void *out);

/// The digests of `count` messages that lie one behind the other in `bytes`, the first at 0 and
/// each up to its `ends`, which do not fall; every one has `prefix` in front. Several are computed
/// at once where the processor can. `out` takes 32 bytes for each and overlaps nothing.
void kassa_sha256_many(
    int prefix, const void *bytes, const size_t *ends, size_t count, void *out);

/// The digests of `count` messages of 64 bytes each, as `kassa_sha256_many`: a level of a Merkle
/// tree, from the pairs of digests below it.
void kassa_sha256_pairs(int prefix, const void *bytes, size_t count, void *out);

/// The ways to compute it. The last two take eight messages at once.
typedef enum {
    KASSA_SHA256_PORTABLE,  // portable C
    KASSA_SHA256_BMI2,      // the same, with x86's newer rotations
    KASSA_SHA256_SHA,       // x86's SHA instructions
    KASSA_SHA256_AVX2,
    KASSA_SHA256_AVX512,    // on registers of AVX2's size, with AVX-512's operations
} kassa_sha256_way;

/// Whether processor and system have what `way` needs; portable C works everywhere.
bool kassa_sha256_has(kassa_sha256_way way);

/// The way that the functions without one go.
kassa_sha256_way kassa_sha256_best(void);

/// As above, by `way`, which must be there: what tests hold against each other.
void kassa_sha256_by(
    kassa_sha256_way way, int prefix, const void *a, size_t a_length, const void *b,
    size_t b_length, void *out);
void kassa_sha256_many_by(
    kassa_sha256_way way, int prefix, const void *bytes, const size_t *ends, size_t count,
    void *out);
