#include "model/fingerprint.h"

#include "base/checksum.h"
#include "base/status.h"

namespace skein {

absl::StatusOr<uint64_t> HashValues(const TensorView& view, const ValueMap& map, const std::string& name,
                                    absl::FunctionRef<absl::Status()> goes_on) {
  ChecksumStream stream;
  SKEIN_RETURN_IF_ERROR(VisitMapped(view, map, name, [&](const float* values, uint64_t, size_t count) {
    stream.Add(values, count * sizeof(float));
    return goes_on();
  }));
  return stream.Finish();
}

void FingerprintBuilder::AddTensor(uint32_t role, uint32_t layer, absl::Span<const uint64_t> shape,
                                   uint64_t values_hash) {
  words_.push_back(role);
  words_.push_back(layer);
  words_.push_back(shape.size());
  words_.insert(words_.end(), shape.begin(), shape.end());
  words_.push_back(values_hash);
}

std::string FingerprintBuilder::Finish() const {
  return ChecksumHex128(words_.data(), words_.size() * sizeof(words_[0]));
}

}  // namespace skein
