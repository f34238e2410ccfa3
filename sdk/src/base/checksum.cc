#include "base/checksum.h"

#include <xxhash.h>
#ifdef SKEIN_XXHASH_DISPATCHES
#include <xxh_x86dispatch.h>  // the same functions, with the instructions that the processor has
#endif

#include <new>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace skein {

namespace {

// The library chooses its instructions at its first call, and knows no threads there.
void ChooseInstructions() {
  static const XXH64_hash_t chosen = XXH3_64bits(nullptr, 0);
  static_cast<void>(chosen);
}

}  // namespace

uint64_t Checksum(const void* data, size_t size_bytes) {
  ChooseInstructions();
  return XXH3_64bits(data, size_bytes);
}

ChecksumStream::ChecksumStream() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  ChooseInstructions();
  XXH3_64bits_reset(state_.get());
}

ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void ChecksumStream::Add(const void* data, size_t size_bytes) { XXH3_64bits_update(state_.get(), data, size_bytes); }

uint64_t ChecksumStream::Finish() const { return XXH3_64bits_digest(state_.get()); }

std::string ChecksumHex128(const void* data, size_t size_bytes) {
  ChooseInstructions();
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size_bytes));
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)));
}

}  // namespace skein
