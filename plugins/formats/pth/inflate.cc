#include "formats/pth/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <string>

#include "support/checkpoint.h"

namespace skein::formats {
namespace {

// zlib counts in 32 bits.
uInt Piece(uint64_t num_bytes) {
  return static_cast<uInt>(std::min<uint64_t>(num_bytes, std::numeric_limits<uInt>::max()));
}

class Stream {
 public:
  Stream() {
    constexpr int kRawDeflate = -15;  // no header in front, the largest window
    if (inflateInit2(&stream_, kRawDeflate) != Z_OK) throw std::bad_alloc();
  }
  ~Stream() { inflateEnd(&stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  z_stream* operator->() { return &stream_; }
  int Run() { return inflate(&stream_, Z_NO_FLUSH); }

 private:
  z_stream stream_{};
};

}  // namespace

void Inflate(std::span<const uint8_t> deflated, uint8_t* destination, uint64_t plain_bytes) {
  Stream stream;
  uint64_t taken = 0;
  uint64_t made = 0;
  uint8_t nowhere = 0;  // a place for one byte more than there should be
  int result = Z_OK;
  while (result == Z_OK) {
    const uInt input = Piece(deflated.size() - taken);
    const bool is_full = made == plain_bytes;
    const uInt room = is_full ? 1 : Piece(plain_bytes - made);
    stream->next_in = const_cast<Bytef*>(deflated.data() + taken);
    stream->avail_in = input;
    stream->next_out = is_full ? &nowhere : destination + made;
    stream->avail_out = room;
    result = stream.Run();
    taken += input - stream->avail_in;
    made += room - stream->avail_out;
    if (made > plain_bytes) break;
  }
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  if (result != Z_STREAM_END || made != plain_bytes || taken != deflated.size()) {
    plugin::FailCorrupt("expected deflated data of " + std::to_string(plain_bytes) + " bytes in " +
                        std::to_string(deflated.size()) + ", found " +
                        (made > plain_bytes || result == Z_STREAM_END ? "another number" : "damaged data") + " after " +
                        std::to_string(std::min(made, plain_bytes)));
  }
}

}  // namespace skein::formats
