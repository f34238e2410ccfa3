#include "serving/submit.h"

#include <list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "serving/sample.h"

namespace skein {
namespace {

// A request on its way to its engine. If it is destroyed before it gets there, request and stream are as they were.
class Submission {
 public:
  explicit Submission(std::shared_ptr<Request> request) : request_(std::move(request)) {}
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;
  ~Submission() {
    jobs_.clear();  // the job has the right to write to the stream
    if (is_begun_) request_->AbandonSubmit();
  }

  absl::Status Prepare(const std::shared_ptr<CompletionQueue>& queue) {
    SKEIN_ASSIGN_OR_RETURN(const RequestSpec spec, request_->BeginSubmit());
    is_begun_ = true;
    SKEIN_ASSIGN_OR_RETURN(WriteRight right, request_->stream()->BeginWrite());
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Job> job, Sample::Create(request_, queue, spec, std::move(right)));
    jobs_.emplace_back(std::move(job));
    return absl::OkStatus();
  }

  const Model& model() const { return *request_->stream()->model(); }

  // Adds the job to those that go to the engine. From here on the submission cannot be taken back.
  void MoveTo(JobList& jobs) noexcept {
    request_->stream()->SetWriter(request_);
    ++model().metrics().requests_submitted;
    is_begun_ = false;
    jobs.splice(jobs.end(), jobs_);
  }
  bool is_moved() const { return jobs_.empty(); }

 private:
  const std::shared_ptr<Request> request_;
  bool is_begun_ = false;
  JobList jobs_;  // the request's; in a list, so that moving it allocates nothing
};

}  // namespace

absl::Status Submit(absl::Span<const std::shared_ptr<Request>> requests,
                    const std::shared_ptr<CompletionQueue>& queue) {
  // Everything that can fail comes first.
  std::list<Submission> submissions;
  for (size_t i = 0; i < requests.size(); ++i) {
    const absl::Status status = submissions.emplace_back(requests[i]).Prepare(queue);
    if (!status.ok()) return requests.size() > 1 ? Annotate(status, absl::StrCat("request ", i)) : status;
  }
  for (const Submission& submission : submissions) queue->Attach(submission.model().engine());
  if (queue->is_closed()) return absl::CancelledError("queue: it is being released");

  for (auto first = submissions.begin(); first != submissions.end(); ++first) {
    if (first->is_moved()) continue;
    const std::shared_ptr<Engine> engine = first->model().engine();
    JobList together;
    for (auto other = first; other != submissions.end(); ++other) {
      if (!other->is_moved() && other->model().engine() == engine) other->MoveTo(together);
    }
    engine->Add(together);
  }
  return absl::OkStatus();
}

}  // namespace skein
