#include "serving/eval.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "engine/step_clock.h"
#include "scheduler/admission.h"
#include "serving/cached_prompt.h"
#include "serving/latch.h"
#include "skein/stream.h"

namespace skein {
namespace {

bool WantsLast(uint32_t output_kind) {
  return output_kind == SKEIN_OUTPUT_LAST_LOGITS || output_kind == SKEIN_OUTPUT_LAST_HIDDEN;
}

bool WantsHidden(uint32_t output_kind) {
  return output_kind == SKEIN_OUTPUT_LAST_HIDDEN || output_kind == SKEIN_OUTPUT_ALL_HIDDEN;
}

// The number of floats in a row of the output.
uint64_t RowFloats(const Model& model, uint32_t output_kind) {
  return WantsHidden(output_kind) ? model.config().d_model : model.config().vocab_size;
}

class EvalJob final : public Job {
 public:
  // `status`, `latch` and the arrays of `item` stay valid until the job has counted itself down in `latch`.
  EvalJob(const EvalItem& item, WriteRight right, CachedPrompt prompt, Ticket ticket, absl::Status& status,
          std::shared_ptr<Latch> latch)
      : output_kind_(item.output_kind),
        output_(item.output),
        row_floats_(RowFloats(*item.stream->model(), item.output_kind)),
        right_(std::move(right)),
        prompt_(std::move(prompt)),
        ticket_(std::move(ticket)),
        tenant_(item.stream->model()->engine()->observer().tenants().Of(item.stream->tenant()->name())),
        feed_(Feed::Start(right_.stream()->Committed(), item.tokens)),
        num_before_(feed_.tokens.size() - item.tokens.size()),
        status_(status),
        latch_(std::move(latch)) {
    feed_.AddStopsOfHistory();
  }

  // The one that is told when a wait for another prompt has ended: this job.
  void SetJob(std::weak_ptr<Job> job) noexcept { prompt_.SetJob(std::move(job)); }

  Readiness Poll() noexcept override {
    if (is_ended()) return Readiness::kEnded;
    return prompt_.has_started() || StartPrompt() ? Readiness::kReady : Readiness::kWaiting;
  }
  int64_t next_deadline_us() const noexcept override { return is_ended() ? kNoDeadline : prompt_.wait_deadline_us(); }

  bool WantsMore() const noexcept override { return !is_ended() && feed_.num_unissued() > 0; }
  Feed& feed() override { return feed_; }

  void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) override {
    if (output_kind_ == SKEIN_OUTPUT_NONE) return;
    // Rows are wanted for the item's own tokens from `first` on. The stream's pending token is not one of them.
    const uint64_t first = WantsLast(output_kind_) ? feed_.tokens.size() - 1 : num_before_;
    const uint64_t begin = std::max(first, feed_.num_issued);
    const uint64_t end = feed_.num_issued + num_tokens;
    if (begin >= end) return;
    entry.output = WantsHidden(output_kind_) ? SKEIN_STEP_HIDDEN : SKEIN_STEP_LOGITS;
    entry.output_start = static_cast<uint32_t>(begin - feed_.num_issued);
    entry.output_rows = output_.data() + (begin - first) * row_floats_;
  }

  void Advance(uint32_t num_tokens, StateRef written) override {
    ticket_.OnFed(num_tokens);
    tenant_.OnFed(num_tokens);
    feed_.Advance(num_tokens, std::move(written));
    prompt_.OnFed(feed_.at);
    if (feed_.num_unfed() > 0) return;
    right_.Commit(feed_.at);
    End(absl::OkStatus());
  }

  void Fail(const absl::Status& status) noexcept override {
    if (!is_ended()) End(status);
  }

 private:
  bool is_ended() const { return right_.stream() == nullptr; }

  // False: it waits for a prompt in front.
  bool StartPrompt() noexcept {
    const PrefixReading::Found found = prompt_.Start(feed_, StepClockUs(right_.stream()->model()->engine()->Now()));
    if (found.waits) return false;
    if (found.num_cached > prompt_.num_expected()) ticket_.OnSkipped(found.num_cached - prompt_.num_expected());
    if (prompt_.is_read()) right_.stream()->model()->engine()->prefixes()->Count(found.outcome, found.num_cached);
    return true;
  }

  void End(const absl::Status& status) noexcept {
    prompt_.End();
    feed_.at = StreamState();
    right_.Release();
    ticket_.Release();
    status_ = status;
    latch_->CountDown();  // the caller may be gone from here on
  }

  const uint32_t output_kind_;
  const absl::Span<float> output_;
  const uint64_t row_floats_;
  WriteRight right_;
  CachedPrompt prompt_;
  Ticket ticket_;
  TenantObserver& tenant_;
  Feed feed_;
  const uint64_t num_before_;  // pending tokens in front of the item's own
  absl::Status& status_;
  const std::shared_ptr<Latch> latch_;
};

// OK if the item can run on `model`.
absl::Status CheckItem(const Model& model, const EvalItem& item) {
  const ModelConfig& config = model.config();
  if (item.stream->model().get() != &model) {
    return absl::InvalidArgumentError("the stream is of another model than the one given");
  }
  if (item.tokens.empty()) return absl::InvalidArgumentError("num_tokens 0; expected at least 1");
  const auto bad = std::find_if(item.tokens.begin(), item.tokens.end(),
                                [&config](uint32_t token) { return token >= config.vocab_size; });
  if (bad != item.tokens.end()) {
    return absl::InvalidArgumentError(absl::StrCat("token ", bad - item.tokens.begin(), " is ", *bad,
                                                   "; expected an id below the vocabulary's size ", config.vocab_size));
  }
  uint64_t rows = 0;
  switch (item.output_kind) {
    case SKEIN_OUTPUT_NONE:
      break;
    case SKEIN_OUTPUT_LAST_LOGITS:
    case SKEIN_OUTPUT_LAST_HIDDEN:
      rows = 1;
      break;
    case SKEIN_OUTPUT_ALL_LOGITS:
    case SKEIN_OUTPUT_ALL_HIDDEN:
      rows = item.tokens.size();
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat("output_kind ", item.output_kind, "; expected 0 to 4"));
  }
  const uint64_t row_floats = RowFloats(model, item.output_kind);
  if (item.output.size() < rows * row_floats) {
    return absl::OutOfRangeError(
        absl::StrCat("output_capacity ", item.output.size(), " floats; expected ", rows, " rows of ", row_floats));
  }
  return absl::OkStatus();
}

// An item that can run.
struct Runnable {
  size_t index;
  WriteRight right;
  CachedPrompt prompt;
};

// The prefix cache has nothing for those that want the rows of all their tokens.
CachedPrompt PromptOf(const EvalItem& item) {
  const bool can_skip = item.output_kind == SKEIN_OUTPUT_NONE || WantsLast(item.output_kind);
  return can_skip ? CachedPrompt::BeginEval(*item.stream, item.tokens) : CachedPrompt();
}

// Takes the rights of the items that can run; the others get their statuses.
std::vector<Runnable> FindRunnable(const Model& model, absl::Span<const absl::StatusOr<EvalItem>> items,
                                   std::vector<absl::Status>& statuses) {
  std::vector<Runnable> runnable;
  for (size_t i = 0; i < items.size(); ++i) {
    statuses[i] = items[i].ok() ? CheckItem(model, *items[i]) : items[i].status();
    if (!statuses[i].ok()) continue;
    absl::StatusOr<WriteRight> right = items[i]->stream->BeginWrite();
    statuses[i] = right.status();
    if (right.ok()) runnable.push_back({i, *std::move(right), PromptOf(*items[i])});
  }
  return runnable;
}

// Admits the items together.
absl::StatusOr<std::vector<Ticket>> Admit(const Engine& engine, absl::Span<const absl::StatusOr<EvalItem>> items,
                                          absl::Span<const Runnable> runnable) {
  std::vector<Demand> demands;
  for (const Runnable& item : runnable) {
    const Stream& stream = *items[item.index]->stream;
    const uint64_t num_pending = stream.Committed().pending.has_value() ? 1 : 0;
    const uint64_t num_tokens = items[item.index]->tokens.size() + num_pending - item.prompt.num_expected();
    demands.push_back({.tenant = stream.tenant(), .num_tokens = std::max<uint64_t>(1, num_tokens)});
  }
  return engine.admission().Admit(demands, engine.Now());
}

}  // namespace

std::vector<absl::Status> Eval(const Model& model, absl::Span<const absl::StatusOr<EvalItem>> items) {
  std::vector<absl::Status> statuses(items.size());
  std::vector<Runnable> runnable = FindRunnable(model, items, statuses);
  absl::StatusOr<std::vector<Ticket>> tickets = Admit(*model.engine(), items, runnable);
  if (!tickets.ok()) {
    for (const Runnable& item : runnable) statuses[item.index] = tickets.status();
    return statuses;
  }
  const auto latch = std::make_shared<Latch>();
  JobList jobs;
  for (size_t k = 0; k < runnable.size(); ++k) {
    const size_t i = runnable[k].index;
    Ticket& ticket = (*tickets)[k];
    const std::shared_ptr<TenantQueues> tenant = ticket.tenant();
    const Urgency urgency = ticket.job().urgency;
    auto job = std::make_shared<EvalJob>(*items[i], std::move(runnable[k].right), std::move(runnable[k].prompt),
                                         std::move(ticket), statuses[i], latch);
    job->SetJob(job);
    jobs.emplace_back(std::move(job), tenant, urgency);
    latch->Add();
    ++model.metrics().evals;
  }
  model.engine()->Add(jobs);
  latch->WaitForAtMost(0);
  return statuses;
}

}  // namespace skein
