// The CRC-32 of zip files (polynomial 0x04c11db7, reflected). Header only.
#ifndef SKEIN_PLUGINS_SUPPORT_CRC32_H_
#define SKEIN_PLUGINS_SUPPORT_CRC32_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace skein::plugin {

// Bytes taken per round. Whole checkpoints pass through here; one byte per round would be slower than reading the disk.
inline constexpr int kCrc32Slices = 16;

using Crc32Tables = std::array<std::array<uint32_t, 256>, kCrc32Slices>;

// tables[s][b]: what byte b adds to the checksum when s more bytes of its round follow it.
constexpr Crc32Tables MakeCrc32Tables() {
  Crc32Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320u : 0u);
    tables[0][byte] = remainder;
  }
  for (int slice = 1; slice < kCrc32Slices; ++slice) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t previous = tables[slice - 1][byte];
      tables[slice][byte] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}

inline constexpr Crc32Tables kCrc32Tables = MakeCrc32Tables();

// The part of the checksum that the four bytes of `word` give. `slice` more bytes of the round follow the first.
inline uint32_t Crc32OfWord(uint32_t word, int slice) {
  return kCrc32Tables[slice][word & 0xff] ^ kCrc32Tables[slice - 1][(word >> 8) & 0xff] ^
         kCrc32Tables[slice - 2][(word >> 16) & 0xff] ^ kCrc32Tables[slice - 3][word >> 24];
}

// The checksum of `bytes`. Threads: any.
inline uint32_t Crc32(std::span<const uint8_t> bytes) {
  uint32_t sum = 0xffffffffu;
  while (bytes.size() >= kCrc32Slices) {
    std::array<uint32_t, kCrc32Slices / 4> words;  // the sum so far meets the first four bytes of the round
    std::memcpy(words.data(), bytes.data(), kCrc32Slices);
    sum = Crc32OfWord(words[0] ^ sum, 15) ^ Crc32OfWord(words[1], 11) ^ Crc32OfWord(words[2], 7) ^
          Crc32OfWord(words[3], 3);
    bytes = bytes.subspan(kCrc32Slices);
  }
  for (const uint8_t byte : bytes) sum = (sum >> 8) ^ kCrc32Tables[0][(sum ^ byte) & 0xff];
  return ~sum;
}

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_CRC32_H_
