// The result of a stage: its outcome, the cases that failed, lines for a reader and figures for a program.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_REPORT_H_
#define SKEIN_BACKENDS_CUDA_CHECK_REPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cuda/check/json.h"

namespace skein::check {

enum class Outcome { kPassed, kShortened, kSkipped, kFailed };

const char* OutcomeName(Outcome outcome);

class Report {
 public:
  explicit Report(std::string stage) : stage_(std::move(stage)) {}

  const std::string& stage() const { return stage_; }

  // A line for the reader, printed at once.
  void Note(const std::string& line);
  // A result for programs: `figure` names what was measured and how.
  void Add(const JsonObject& figure) { figures_.push_back(figure.Get()); }

  void PassCase() { ++num_passed_; }
  // `why`: what was expected and found. `command` runs this case alone. The first failure is printed whole.
  void FailCase(const std::string& name, const std::string& why, const std::string& command);
  // A case for which there was no time, or which the device does not offer.
  void LeaveOut(const std::string& name, const std::string& why);
  // The stage as a whole did not run, or broke off.
  void Skip(const std::string& why);
  void Fail(const std::string& why);

  Outcome outcome() const;
  // One line: how many cases passed, failed and were left out.
  std::string Summary() const;
  // The whole report as a JSON object.
  std::string Json(double seconds) const;

 private:
  const std::string stage_;
  uint64_t num_passed_ = 0;
  uint64_t num_left_out_ = 0;
  std::string first_left_out_;
  std::vector<std::string> failed_cases_;
  std::string first_failure_;
  std::string skipped_;
  std::vector<std::string> notes_;
  std::vector<std::string> figures_;
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_REPORT_H_
