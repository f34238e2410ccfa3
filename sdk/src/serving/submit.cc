#include "serving/submit.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "runtime/option_keys.h"
#include "scheduler/admission.h"
#include "serving/cached_prompt.h"
#include "serving/sample.h"

namespace skein {
namespace {

// A request on its way to its engine. If it is destroyed before it gets there, request and stream are as they were.
class Submission {
 public:
  // `name` stands in front of the errors of this request.
  Submission(std::shared_ptr<Request> request, std::string name)
      : request_(std::move(request)), name_(std::move(name)) {}
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;
  ~Submission() {
    jobs_.clear();  // the job has the right to write to the stream
    prompt_ = CachedPrompt();
    right_.Release();
    if (is_begun_) request_->AbandonSubmit();
  }

  // Takes the request, for a queue, and the right to write to its stream.
  absl::Status Begin(const CompletionQueue& queue) { return Named(TakeRequest(queue)); }

  Demand demand() const {
    const auto milliseconds = [this](const IntOption& key) {
      const int64_t value = spec_.options[key];
      return value == 0 ? std::nullopt : std::optional(std::chrono::milliseconds(value));
    };
    const uint64_t num_pending = request_->stream()->Committed().pending.has_value() ? 1 : 0;
    return {.tenant = request_->stream()->tenant(),
            .num_tokens = std::max<uint64_t>(1, spec_.prompt.size() + num_pending - prompt_.num_expected()),
            .num_answer_tokens = static_cast<uint64_t>(spec_.options[request_options::kMaxTokens]),
            .num_answers = static_cast<uint32_t>(
                std::max(spec_.options[request_options::kN], spec_.options[request_options::kBestOf])),
            .priority = static_cast<int32_t>(spec_.options[request_options::kPriority]),
            .first_token = milliseconds(request_options::kFirstTokenMs),
            .end = milliseconds(request_options::kDeadlineMs)};
  }

  absl::Status MakeJob(const std::shared_ptr<CompletionQueue>& queue, Ticket ticket) {
    return Named(
        Sample::Create(request_, queue, spec_, std::move(right_), std::move(ticket), std::move(prompt_), jobs_));
  }

  const Model& model() const { return *request_->stream()->model(); }

  // Adds the job to those that go to the engine. From here on the submission cannot be taken back.
  void MoveTo(JobList& jobs) noexcept {
    request_->stream()->SetWriter(request_);
    ++model().metrics().requests_submitted;
    is_begun_ = false;
    jobs.splice(jobs.end(), jobs_);
  }

 private:
  absl::Status TakeRequest(const CompletionQueue& queue) {
    if (!queue.Serves(model().runtime())) {
      return absl::InvalidArgumentError(
          "queue: of another runtime; expected one of the runtime of the request's model");
    }
    SKEIN_ASSIGN_OR_RETURN(spec_, request_->BeginSubmit());
    is_begun_ = true;
    SKEIN_ASSIGN_OR_RETURN(right_, request_->stream()->BeginWrite());
    prompt_ = CachedPrompt::Begin(*request_->stream(), spec_);
    return absl::OkStatus();
  }
  absl::Status Named(const absl::Status& status) const { return name_.empty() ? status : Annotate(status, name_); }

  const std::shared_ptr<Request> request_;
  const std::string name_;
  RequestSpec spec_;
  WriteRight right_;
  CachedPrompt prompt_;
  bool is_begun_ = false;
  JobList jobs_;  // the request's; in a list, so that moving it allocates nothing
};

// The requests of one model.
struct ModelSubmissions {
  const Model* model;
  std::list<Submission> submissions;
};

std::list<Submission>& Of(const Model& model, std::list<ModelSubmissions>& models) {
  for (ModelSubmissions& known : models) {
    if (known.model == &model) return known.submissions;
  }
  return models.emplace_back(ModelSubmissions{&model, {}}).submissions;
}

absl::Status Admit(ModelSubmissions& model, const std::shared_ptr<CompletionQueue>& queue) {
  const Engine& engine = *model.model->engine();
  std::vector<Demand> demands;
  for (const Submission& submission : model.submissions) demands.push_back(submission.demand());
  SKEIN_ASSIGN_OR_RETURN(std::vector<Ticket> tickets, engine.admission().Admit(demands, engine.Now()));
  auto ticket = tickets.begin();
  for (Submission& submission : model.submissions) {
    SKEIN_RETURN_IF_ERROR(submission.MakeJob(queue, std::move(*ticket++)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Submit(absl::Span<const std::shared_ptr<Request>> requests,
                    const std::shared_ptr<CompletionQueue>& queue) {
  // Everything that can fail comes first.
  std::list<ModelSubmissions> models;
  for (size_t i = 0; i < requests.size(); ++i) {
    std::list<Submission>& submissions = Of(*requests[i]->stream()->model(), models);
    const std::string name = requests.size() > 1 ? absl::StrCat("request ", i) : "";
    SKEIN_RETURN_IF_ERROR(submissions.emplace_back(requests[i], name).Begin(*queue));
  }
  for (ModelSubmissions& model : models) SKEIN_RETURN_IF_ERROR(Admit(model, queue));
  for (const ModelSubmissions& model : models) queue->Attach(model.model->engine());
  if (queue->is_closed()) return absl::CancelledError("queue: it is being released");

  for (ModelSubmissions& model : models) {
    const std::shared_ptr<Engine> engine = model.model->engine();
    JobList together;
    for (Submission& submission : model.submissions) submission.MoveTo(together);
    engine->Add(together);
  }
  return absl::OkStatus();
}

}  // namespace skein
