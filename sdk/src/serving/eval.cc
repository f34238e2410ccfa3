#include "serving/eval.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "skein/stream.h"

namespace skein {
namespace {

// Counts the items that run, for the caller to wait on.
class Latch {
 public:
  explicit Latch(size_t count) : count_(count) {}
  void CountDown() {
    const MutexLock lock(mutex_);
    --count_;
    done_.NotifyAll();
  }
  void Wait() {
    const MutexLock lock(mutex_);
    while (count_ > 0) done_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar done_;
  size_t count_ ABSL_GUARDED_BY(mutex_);
};

bool WantsHidden(uint32_t output_kind) {
  return output_kind == SKEIN_OUTPUT_LAST_HIDDEN || output_kind == SKEIN_OUTPUT_ALL_HIDDEN;
}

class EvalJob : public Job {
 public:
  // `status` and what `item` points to outlive the job's end, which `latch` is told of.
  EvalJob(StreamState at, const EvalItem& item, absl::Status& status, std::shared_ptr<Latch> latch)
      : Job(item.stream, std::move(at)),
        output_kind_(item.output_kind),
        output_(item.output),
        status_(status),
        latch_(std::move(latch)) {
    tokens_ = std::move(at_.pending);
    at_.pending.clear();
    num_before_ = tokens_.size();
    tokens_.insert(tokens_.end(), item.tokens.begin(), item.tokens.end());
    const ModelConfig& config = item.stream->model()->config();
    row_floats_ = WantsHidden(item.output_kind) ? config.d_model : config.vocab_size;
  }

  Readiness Poll() override { return ended_ ? Readiness::kEnded : Readiness::kReady; }

  void Fail(const absl::Status& status) override { End(status); }

  void RequestOutput(uint32_t num_tokens, skein_step_entry& entry) override {
    // Rows are wanted for the item's own tokens from `first` on; what was pending is not among them.
    uint64_t first = num_before_;
    if (output_kind_ == SKEIN_OUTPUT_NONE) return;
    if (output_kind_ == SKEIN_OUTPUT_LAST_LOGITS || output_kind_ == SKEIN_OUTPUT_LAST_HIDDEN) {
      first = tokens_.size() - 1;
    }
    const uint64_t begin = std::max(first, num_fed_);
    const uint64_t end = num_fed_ + num_tokens;
    if (begin >= end) return;
    entry.output = WantsHidden(output_kind_) ? SKEIN_STEP_HIDDEN : SKEIN_STEP_LOGITS;
    entry.output_start = static_cast<uint32_t>(begin - num_fed_);
    entry.output_rows = output_.data() + (begin - first) * row_floats_;
  }

  void AfterStep() override {
    if (num_waiting() > 0) return;
    stream_->Commit(at_);
    End(absl::OkStatus());
  }

 private:
  void End(const absl::Status& status) {
    ended_ = true;
    LeaveStream();
    status_ = status;
    latch_->CountDown();  // the caller may be gone from here on
  }

  const uint32_t output_kind_;
  const absl::Span<float> output_;
  absl::Status& status_;
  const std::shared_ptr<Latch> latch_;
  uint64_t num_before_ = 0;  // pending tokens in front of the item's own
  uint64_t row_floats_ = 0;
  bool ended_ = false;
};

}  // namespace

absl::Status CheckEvalItem(const Model& model, const EvalItem& item) {
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
  const uint64_t row_floats = WantsHidden(item.output_kind) ? config.d_model : config.vocab_size;
  if (item.output.size() < rows * row_floats) {
    return absl::OutOfRangeError(
        absl::StrCat("output_capacity ", item.output.size(), " floats; expected ", rows, " rows of ", row_floats));
  }
  return absl::OkStatus();
}

std::vector<absl::Status> Eval(Model& model, absl::Span<const EvalItem> items) {
  std::vector<absl::Status> statuses(items.size());
  const auto latch = std::make_shared<Latch>(items.size());
  std::vector<std::shared_ptr<Job>> jobs;
  for (size_t i = 0; i < items.size(); ++i) {
    absl::StatusOr<StreamState> at = items[i].stream->BeginWrite();
    if (at.ok()) {
      jobs.push_back(std::make_shared<EvalJob>(*std::move(at), items[i], statuses[i], latch));
    } else {
      statuses[i] = at.status();
      latch->CountDown();
    }
  }
  model.metrics().evals += jobs.size();
  model.engine().Add(std::move(jobs));
  latch->Wait();
  return statuses;
}

}  // namespace skein
