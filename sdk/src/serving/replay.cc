#include "serving/replay.h"

#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "scheduler/admission.h"
#include "serving/latch.h"

namespace skein {
namespace {

class ReplayJob final : public Job {
 public:
  // `state` stays valid until the job has counted itself down in `latch`.
  ReplayJob(StreamState from, absl::Span<const uint32_t> tokens, Ticket ticket, absl::StatusOr<StateRef>& state,
            std::shared_ptr<Latch> latch)
      : feed_(Feed::Start(std::move(from), tokens)),
        ticket_(std::move(ticket)),
        state_(&state),
        latch_(std::move(latch)) {}

  Readiness Poll() noexcept override { return is_ended() ? Readiness::kEnded : Readiness::kReady; }
  bool WantsMore() const noexcept override { return !is_ended() && feed_.num_unissued() > 0; }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t /*num_tokens*/, skein_step_entry& /*entry*/) override {}

  void Advance(uint32_t num_tokens, StateRef written) override {
    ticket_.OnFed(num_tokens);
    feed_.Advance(num_tokens, std::move(written));
    if (feed_.num_unfed() > 0) return;
    *state_ = std::move(feed_.at.state);
    End();
  }

  void Fail(const absl::Status& status) noexcept override {
    if (is_ended()) return;
    *state_ = status;
    End();
  }

 private:
  bool is_ended() const { return state_ == nullptr; }

  void End() noexcept {
    feed_.at = StreamState();
    ticket_.Release();
    state_ = nullptr;
    latch_->CountDown();  // the caller may be gone from here on
  }

  Feed feed_;
  Ticket ticket_;
  absl::StatusOr<StateRef>* state_;  // nullptr once the job has ended
  const std::shared_ptr<Latch> latch_;
};

}  // namespace

absl::StatusOr<StateRef> Replay(const Model& model, const std::shared_ptr<Tenant>& tenant, StreamState from,
                                absl::Span<const uint32_t> tokens) {
  Engine& engine = *model.engine();
  const Demand demand = {.tenant = tenant, .num_tokens = tokens.size()};
  SKEIN_ASSIGN_OR_RETURN(std::vector<Ticket> tickets, engine.admission().Admit({&demand, 1}, engine.Now()));
  const std::shared_ptr<TenantQueues> queues = tickets[0].tenant();
  const Urgency urgency = tickets[0].job().urgency;
  absl::StatusOr<StateRef> state = absl::UnknownError("");
  const auto latch = std::make_shared<Latch>();
  JobList jobs;
  jobs.emplace_back(std::make_shared<ReplayJob>(std::move(from), tokens, std::move(tickets[0]), state, latch), queues,
                    urgency);
  latch->Add();
  engine.Add(jobs);
  latch->WaitForAtMost(0);
  return state;
}

}  // namespace skein
