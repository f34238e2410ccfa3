#include "cuda/check/report.h"

#include <cstdio>

namespace skein::check {
namespace {

std::vector<std::string> JsonTexts(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(JsonText(text));
  return quoted;
}

}  // namespace

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed:
      return "passed";
    case Outcome::kShortened:
      return "shortened";
    case Outcome::kSkipped:
      return "skipped";
    default:
      return "FAILED";
  }
}

void Report::Note(const std::string& line) {
  notes_.push_back(line);
  std::printf("  %s\n", line.c_str());
  std::fflush(stdout);
}

void Report::FailCase(const std::string& name, const std::string& why, const std::string& command) {
  failed_cases_.push_back(name);
  if (failed_cases_.size() > 1) return;
  first_failure_ = name + ": " + why;
  std::printf("  FAILED %s\n    %s\n    this case alone: %s\n", name.c_str(), why.c_str(), command.c_str());
  std::fflush(stdout);
}

void Report::LeaveOut(const std::string& name, const std::string& why) {
  if (num_left_out_++ == 0) first_left_out_ = name + ": " + why;
}

void Report::Skip(const std::string& why) { skipped_ = why; }

void Report::Fail(const std::string& why) {
  failed_cases_.push_back(stage_);
  if (first_failure_.empty()) first_failure_ = why;
}

Outcome Report::outcome() const {
  if (!failed_cases_.empty()) return Outcome::kFailed;
  if (!skipped_.empty()) return Outcome::kSkipped;
  return num_left_out_ > 0 ? Outcome::kShortened : Outcome::kPassed;
}

std::string Report::Summary() const {
  if (failed_cases_.empty() && !skipped_.empty()) return skipped_;
  std::string text = std::to_string(num_passed_) + " cases passed";
  if (num_left_out_ > 0) text += ", " + std::to_string(num_left_out_) + " left out (" + first_left_out_ + ")";
  if (failed_cases_.empty()) return text;
  text += ", " + std::to_string(failed_cases_.size()) + " failed; the first: " + first_failure_;
  constexpr size_t kMost = 12;
  for (size_t i = 1; i < failed_cases_.size() && i < kMost; ++i) text += (i == 1 ? "; then " : ", ") + failed_cases_[i];
  if (failed_cases_.size() > kMost) text += " and others";
  return text;
}

std::string Report::Json(double seconds) const {
  return JsonObject()
      .Text("stage", stage_)
      .Text("outcome", OutcomeName(outcome()))
      .Text("summary", Summary())
      .Number("seconds", seconds)
      .Add("failed_cases", JsonArray(JsonTexts(failed_cases_)))
      .Add("notes", JsonArray(JsonTexts(notes_)))
      .Add("figures", JsonArray(figures_))
      .Get();
}

}  // namespace skein::check
