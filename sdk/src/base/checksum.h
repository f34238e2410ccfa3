// XXH3, the checksum of packages and fingerprints. It finds accidents, not forgeries.
#ifndef SKEIN_BASE_CHECKSUM_H_
#define SKEIN_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct XXH3_state_s;

namespace skein {

// XXH3-64, seed 0.
uint64_t Checksum(const void* data, size_t size_bytes);

// The same, piece by piece.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();

  void Add(const void* data, size_t size_bytes);
  uint64_t Finish() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

// XXH3-128, seed 0, as 32 lower-case hex digits of its canonical (big-endian) form.
std::string ChecksumHex128(const void* data, size_t size_bytes);

}  // namespace skein

#endif  // SKEIN_BASE_CHECKSUM_H_
