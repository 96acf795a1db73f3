#include "crc.h"

namespace ae {
namespace {

// Eight tables, so that eight bytes are taken at a time.
struct Tables {
  uint32_t of[8][256];

  Tables() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0);
      of[0][byte] = value;
    }
    for (int t = 1; t < 8; ++t) {
      for (uint32_t byte = 0; byte < 256; ++byte) {
        const uint32_t before = of[t - 1][byte];
        of[t][byte] = (before >> 8) ^ of[0][before & 255];
      }
    }
  }
};

}  // namespace

uint32_t crc32(const uint8_t *bytes, size_t size) {
  const Tables tables;
  const auto &t = tables.of;
  uint32_t crc = ~0u;
  for (; size >= 8; size -= 8, bytes += 8) {
    const uint32_t a = crc ^ (bytes[0] | bytes[1] << 8 | bytes[2] << 16 |
                              static_cast<uint32_t>(bytes[3]) << 24);
    crc = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^
          t[3][bytes[4]] ^ t[2][bytes[5]] ^ t[1][bytes[6]] ^ t[0][bytes[7]];
  }
  for (; size; --size, ++bytes) crc = (crc >> 8) ^ t[0][(crc ^ *bytes) & 255];
  return ~crc;
}

}  // namespace ae
