// Metrics as text, in the exposition format of Prometheus. The metrics themselves are left out.
#ifndef SKEIN_RUNTIME_METRICS_TEXT_H_
#define SKEIN_RUNTIME_METRICS_TEXT_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/histogram.h"

namespace skein {

// The name of a label and its value, which may be any text.
using MetricLabel = std::pair<absl::string_view, absl::string_view>;

// Order: for each metric Describe, then all its samples. Names go without the "skein_" in front. Threads: one at a
// time.
class MetricsText {
 public:
  // `type`: "counter", "gauge" or "histogram".
  void Describe(absl::string_view name, absl::string_view type, absl::string_view help);

  // A number.
  template <typename Number>
  void Sample(absl::string_view name, absl::Span<const MetricLabel> labels, Number value) {
    absl::StrAppend(&text_, "skein_", name, LabelText(labels), " ", value, "\n");
  }

  // All lines of a histogram. `scale`: how many of its units make one of the metric's.
  void Sample(absl::string_view name, absl::Span<const MetricLabel> labels, const Histogram& histogram, uint64_t scale);

  std::string Take() { return std::move(text_); }

 private:
  // "" without labels. `bound`: the value of the label "le", "" for none.
  static std::string LabelText(absl::Span<const MetricLabel> labels, absl::string_view bound = "");

  std::string text_;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_METRICS_TEXT_H_
