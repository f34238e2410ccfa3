// Jobs for tests of the step loop.
#ifndef SKEIN_TESTS_UNIT_ENGINE_FAKE_JOB_H_
#define SKEIN_TESTS_UNIT_ENGINE_FAKE_JOB_H_

#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "engine/job.h"

namespace skein {

// Records the calls to it.
class FakeJob final : public Job {
 public:
  explicit FakeJob(const std::vector<uint32_t>& tokens) : feed_(Feed::Start({}, tokens)) {}

  Readiness Poll() noexcept override {
    ++num_polls;
    if (is_cancelled) ended = true;
    return ended ? Readiness::kEnded : waits ? Readiness::kWaiting : Readiness::kReady;
  }
  bool WantsMore() const noexcept override { return !is_cancelled && !ended; }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t num_tokens, skein_step_entry&) override {
    if (throws_in_want) throw std::bad_alloc();
    parts.push_back(num_tokens);
  }
  void Advance(uint32_t num_tokens, StateRef written) override {
    if (throws_in_advance) throw std::bad_alloc();
    feed_.Advance(num_tokens, std::move(written));
    ends.push_back(feed_.at.position);
    if (feed_.num_unfed() > 0) return;
    if (decodes_for_ever) {
      feed_.GoOnWith(1);
    } else {
      feed_.at.state = StateRef();
      ended = true;
    }
  }
  void Fail(const absl::Status& failure) noexcept override {
    ++num_failures;
    status = failure;
    feed_.at.state = StateRef();
    ended = true;
  }

  void LimitSteps(uint64_t max_issued) { feed_.max_issued = max_issued; }
  void AddStop(uint64_t position) { feed_.AddStop(position); }

  bool waits = false;
  bool is_cancelled = false;  // it ends when it is polled
  bool ended = false;
  bool decodes_for_ever = false;
  bool throws_in_want = false;
  bool throws_in_advance = false;
  std::vector<uint32_t> parts;  // tokens of each, as they were planned
  std::vector<uint64_t> ends;   // positions behind the parts that were fed
  int num_polls = 0;
  int num_failures = 0;
  absl::Status status;

 private:
  Feed feed_;
};

}  // namespace skein

#endif  // SKEIN_TESTS_UNIT_ENGINE_FAKE_JOB_H_
