// Something that feeds tokens to one stream: an item of an eval, or a request. The engine asks jobs what they have,
// plans a step over them, and tells each how its part ended.
#ifndef SKEIN_ENGINE_JOB_H_
#define SKEIN_ENGINE_JOB_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/stream.h"
#include "skein/backend.h"

namespace skein {

// Threads: the engine's, one at a time, once the job was given to it; AfterStep of different jobs runs in parallel.
class Job {
 public:
  enum class Readiness {
    kReady,    // has tokens to feed
    kWaiting,  // for its reader; see Engine::Notify
    kEnded,    // leaves the engine
  };

  virtual ~Job() = default;

  // Where the job is now. A job that was asked to end does so here.
  virtual Readiness Poll() = 0;

  // Ends the job because of an error. The stream stands at its last committed token.
  virtual void Fail(const absl::Status& status) = 0;

  // Says which rows it wants of a part of `num_tokens` tokens, which comes next.
  virtual void RequestOutput(uint32_t num_tokens, skein_step_entry& entry) = 0;

  // Its part ended well; outputs are written. Called after Advance.
  virtual void AfterStep() = 0;

  // Whether its next token was sampled rather than known beforehand.
  bool decodes() const { return decodes_; }
  uint64_t num_waiting() const { return tokens_.size() - num_fed_; }
  const uint32_t* next_tokens() const { return tokens_.data() + num_fed_; }
  const StateRef& state() const { return at_.state; }

  // `num_tokens` were fed and the new state is in `written`.
  virtual void Advance(uint32_t num_tokens, StateRef written) {
    num_fed_ += num_tokens;
    at_.position += num_tokens;
    at_.state = std::move(written);
  }

 protected:
  // Takes the right to write to `stream`, which the caller has acquired (Stream::BeginWrite).
  Job(std::shared_ptr<Stream> stream, StreamState at) : stream_(std::move(stream)), at_(std::move(at)) {}

  // Lets go of the stream, free for the next writer. To be done before anyone can learn that the job ended: a host that
  // releases its stream then finds it gone, though the engine may hold the job for a while.
  void LeaveStream() {
    at_.state = StateRef();
    stream_->EndWrite();
    stream_.reset();
  }

  std::shared_ptr<Stream> stream_;  // empty once the job has ended
  StreamState at_;                  // where the job is; the stream's own lags behind
  std::vector<uint32_t> tokens_;    // to feed, fed ones included
  uint64_t num_fed_ = 0;
  bool decodes_ = false;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_JOB_H_
