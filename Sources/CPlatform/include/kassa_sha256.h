#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// SHA-256 (FIPS 180-4) of [prefix byte] || a || b. `prefix` is 0 to 255, or -1 for none; `a` and
// `b` may be null where their length is 0. `out` takes 32 bytes and overlaps neither input.

/// By the processor's SHA instructions where it has them, else portable.
void kassa_sha256(
    int prefix, const void *a, size_t a_length, const void *b, size_t b_length, void *out);

/// In portable C, whatever the processor has.
void kassa_sha256_portable(
    int prefix, const void *a, size_t a_length, const void *b, size_t b_length, void *out);

/// Whether `kassa_sha256` runs on the processor's SHA instructions.
bool kassa_sha256_is_accelerated(void);
