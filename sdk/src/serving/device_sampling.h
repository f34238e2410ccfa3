// Tokens of a request that the device draws, so that the logits stay where they are. Here it is decided whether it can,
// and here the sampler's parameters become those of an entry (skein/backend.h). Otherwise the sampler draws from logits
// that cross.
#ifndef SKEIN_SERVING_DEVICE_SAMPLING_H_
#define SKEIN_SERVING_DEVICE_SAMPLING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "sampling/sampler.h"
#include "skein/backend.h"

namespace skein {

// Of one request. Order: for every token, Ask; if it is true, the step; then Token. Without penalties, the next one may
// be asked for before. Threads: one at a time.
class DeviceSampling {
 public:
  static constexpr uint32_t kMostInFlight = 2;  // tokens asked for and not taken

  // `features`: those of the device that has the model's head.
  explicit DeviceSampling(uint32_t features) : features_(features) {}
  DeviceSampling(const DeviceSampling&) = delete;
  DeviceSampling& operator=(const DeviceSampling&) = delete;

  // Whether there is a sampler for which Ask is true.
  bool is_offered() const { return (features_ & SKEIN_FEATURE_SAMPLE) != 0; }

  // Sets in `entry`, but for output_start, that the device draws the token that follows `position` tokens of the
  // stream. The entry points to this object. False: the device does not draw, or takes no biases, or not as many as
  // `sampler` has biases and tokens with a penalty; then the entry is as it was. `sampler` is the same in every call.
  bool Ask(const Sampler& sampler, uint64_t position, skein_step_entry& entry);

  // Whether the last Ask was true. Then so are the others in flight.
  bool is_asked() const { return is_asked_; }

  // The token that the step drew behind `position` tokens. INTERNAL: it is not in the vocabulary.
  absl::StatusOr<uint32_t> Token(uint64_t position, uint32_t vocab_size) const;

  // The logarithm of that token's probability in the softmax of the logits with the sampler's biases and penalties.
  float logprob(uint64_t position) const {
    const Draw& draw = draws_[position % kMostInFlight];
    return draw.rows[0] - draw.rows[1];
  }

 private:
  // A bias or a penalty of the sampler: the index of the bias, or of the occurrence.
  struct Change {
    uint32_t token;
    bool is_penalty;
    uint32_t index;
  };

  // Adds to changes_ the biases, and the occurrences that are new.
  void FindChanges(const Sampler& sampler);
  void Insert(Change change);
  void WriteBiases(const Sampler& sampler);

  const uint32_t features_;
  std::vector<Change> changes_;  // ascending by token; a bias before the penalty of its token
  uint32_t num_biases_ = 0;      // of them
  uint32_t num_occurrences_ = 0;

  // The data that an entry points to.
  struct Draw {
    skein_sampling sampling = {};
    double uniform = 0;
    uint32_t token = 0;
    float rows[2] = {};  // the token's logit, and the log-sum-exp
  };

  bool is_asked_ = false;
  std::vector<skein_bias> biases_;  // without penalties, those of all draws
  Draw draws_[kMostInFlight];       // by position: those in flight follow each other
};

}  // namespace skein

#endif  // SKEIN_SERVING_DEVICE_SAMPLING_H_
