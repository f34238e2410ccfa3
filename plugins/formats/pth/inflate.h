// Undoes deflate, the compression of zip files.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_INFLATE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_INFLATE_H_

#include <cstdint>
#include <span>

namespace skein::formats {

// Deflate makes data smaller by this factor at most.
inline constexpr uint64_t kMaxDeflation = 1032;

// Writes exactly `plain_bytes` bytes to `destination`. Needs little memory of its own, and its time is bounded by the
// size of input and output. Throws plugin::Error DATA_LOSS: `deflated` is not sound, or holds another number of bytes.
void Inflate(std::span<const uint8_t> deflated, uint8_t* destination, uint64_t plain_bytes);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_INFLATE_H_
