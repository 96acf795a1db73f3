// CRC-32 (IEEE 802.3), as zlib computes it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ae {

uint32_t crc32(const uint8_t *bytes, size_t size);

}  // namespace ae
