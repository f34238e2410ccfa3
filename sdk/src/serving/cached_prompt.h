// The prompt of a request or an eval and the prefix cache of its model: whether the cache may be used, and the reading
// if it may. engine/prefix_cache.h has the rules of the cache itself.
#ifndef SKEIN_SERVING_CACHED_PROMPT_H_
#define SKEIN_SERVING_CACHED_PROMPT_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "engine/prefix_cache.h"
#include "engine/stream.h"
#include "serving/request.h"

namespace skein {

// A value that moves. Threads: as of PrefixReading.
class CachedPrompt {
 public:
  // A prompt that has nothing to do with the cache.
  CachedPrompt() = default;

  // The prompt of `spec` on `stream`, whose writer the caller is. Others see from here on that it is going to be read.
  static CachedPrompt Begin(const Stream& stream, const RequestSpec& spec);

  // The same of an eval, which wants no outputs in front of its last token.
  static CachedPrompt BeginEval(const Stream& stream, absl::Span<const uint32_t> tokens);

  bool is_read() const { return reading_ != nullptr; }

  // The tokens that others have read, or are expected to.
  uint64_t num_expected() const { return reading_ == nullptr ? 0 : reading_->num_expected(); }

  // The others as PrefixReading has them; without a reading they do nothing, and Start says why there is none.
  void SetJob(std::weak_ptr<Job> job) noexcept {
    if (reading_ != nullptr) reading_->SetJob(std::move(job));
  }
  bool has_started() const { return has_started_; }
  // `feed` goes on behind the `num_cached` tokens of what is found.
  PrefixReading::Found Start(Feed& feed, int64_t now_us);
  int64_t wait_deadline_us() const { return reading_ == nullptr ? kNoDeadline : reading_->wait_deadline_us(); }
  void OnFed(const StreamState& at) noexcept {
    if (reading_ != nullptr) reading_->OnFed(at.position, at.state);
  }
  void Append(uint32_t token) {
    if (reading_ != nullptr) reading_->Append(token);
  }
  void Keep(const StreamState& at) noexcept {
    if (reading_ != nullptr) reading_->Keep(at.position, at.state);
  }
  void End() noexcept {
    if (reading_ != nullptr) reading_->End();
  }

 private:
  std::unique_ptr<PrefixReading> reading_;
  uint32_t absence_ = SKEIN_CACHE_NOT_AT_START;  // why there is none
  bool has_started_ = false;
};

}  // namespace skein

#endif  // SKEIN_SERVING_CACHED_PROMPT_H_
