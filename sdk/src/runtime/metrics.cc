#include "runtime/metrics.h"

#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace skein {
namespace {

// A label's value as the format wants it.
std::string Quoted(absl::string_view value) {
  return absl::StrCat("\"", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

}  // namespace

void LibraryCounters::Add(absl::string_view library, uint64_t count) noexcept {
  const MutexLock lock(mutex_);
  const auto known = values_.find(library);
  if (known != values_.end()) {
    known->second += count;
    return;
  }
  if (values_.size() == kMaxLibraries) return;
  try {
    values_.emplace(library, count);
  } catch (const std::bad_alloc&) {
    // Not counted, as the header says.
  }
}

std::map<std::string, uint64_t, std::less<>> LibraryCounters::Values() const {
  const MutexLock lock(mutex_);
  return values_;
}

std::string Metrics::Text() const {
  std::string text;
  const auto describe = [&text](const char* name, const char* type, const char* help) {
    absl::StrAppend(&text, "# HELP skein_", name, " ", help, "\n# TYPE skein_", name, " ", type, "\n");
  };
  const auto add = [&text, &describe](const char* name, const char* type, const char* help, auto value) {
    describe(name, type, help);
    absl::StrAppend(&text, "skein_", name, " ", value, "\n");
  };
  add("steps_total", "counter", "Steps run on the devices.", steps.load());
  add("step_errors_total", "counter", "Steps that failed as a whole.", step_errors.load());
  add("step_seconds_total", "counter", "Time spent in steps.", static_cast<double>(step_microseconds.load()) * 1e-6);
  add("prefill_tokens_total", "counter", "Known tokens fed.", prefill_tokens.load());
  add("decode_tokens_total", "counter", "Sampled tokens fed.", decode_tokens.load());
  add("multiplications_total", "counter", "Multiplications in matrix products, on devices that count them.",
      multiplications.load());
  describe("library_multiplications_total", "counter", "Those of them that a library ran, by library.");
  for (const auto& [library, count] : library_multiplications.Values()) {
    absl::StrAppend(&text, "skein_library_multiplications_total{library=", Quoted(library), "} ", count, "\n");
  }
  add("requests_submitted_total", "counter", "Requests submitted.", requests_submitted.load());
  add("requests_done_total", "counter", "Requests that ended well.", requests_done.load());
  add("requests_failed_total", "counter", "Requests that ended with an error.", requests_failed.load());
  add("requests_cancelled_total", "counter", "Requests cancelled.", requests_cancelled.load());
  add("evals_total", "counter", "Items of synchronous evals.", evals.load());
  add("streams", "gauge", "Streams alive.", streams.load());
  add("models", "gauge", "Models loaded.", models.load());
  return text;
}

}  // namespace skein
