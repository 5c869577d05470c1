#include "kassa_crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>

bool kassa_crc32c_has(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t kassa_crc32c(const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    uint64_t crc = UINT32_MAX;
    for (; length >= 8; length -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; length > 0; length--, at++) crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}
#else
bool kassa_crc32c_has(void) { return false; }
uint32_t kassa_crc32c(const void *bytes, size_t length) {
    (void)bytes;
    (void)length;
    return 0;
}
#endif
