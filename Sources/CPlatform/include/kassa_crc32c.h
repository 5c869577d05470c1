#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// CRC-32C (Castagnoli) by the processor's instruction.

/// Whether the processor has the instruction; without it nothing below may be called.
bool kassa_crc32c_has(void);

/// The checksum of `length` bytes: start value and final xor all ones, as RFC 3720 has it.
uint32_t kassa_crc32c(const void *bytes, size_t length);
