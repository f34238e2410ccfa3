#include "runtime/metrics_text.h"

#include <array>
#include <charconv>
#include <cstddef>

#include "absl/strings/str_replace.h"

namespace skein {
namespace {

// A label as the format wants it.
std::string Assignment(const MetricLabel& label) {
  return absl::StrCat(label.first, "=\"",
                      absl::StrReplaceAll(label.second, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

// value / scale in as many digits as tell it from its neighbours.
std::string Quotient(uint64_t value, uint64_t scale) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(),
                                          static_cast<double>(value) / static_cast<double>(scale));
  return error == std::errc() ? std::string(digits.data(), end) : "NaN";
}

}  // namespace

void MetricsText::Describe(absl::string_view name, absl::string_view type, absl::string_view help) {
  absl::StrAppend(&text_, "# HELP skein_", name, " ", help, "\n# TYPE skein_", name, " ", type, "\n");
}

void MetricsText::Sample(absl::string_view name, absl::Span<const MetricLabel> labels, const Histogram& histogram,
                         uint64_t scale) {
  uint64_t count = 0;  // of all values up to a bound, as the format has it
  for (size_t bucket = 0; bucket < histogram.num_buckets(); ++bucket) {
    count += histogram.Count(bucket);
    const bool is_last = bucket + 1 == histogram.num_buckets();
    const std::string bound = is_last ? "+Inf" : Quotient(histogram.Bound(bucket), scale);
    absl::StrAppend(&text_, "skein_", name, "_bucket", LabelText(labels, bound), " ", count, "\n");
  }
  const std::string plain = LabelText(labels);
  absl::StrAppend(&text_, "skein_", name, "_sum", plain, " ", Quotient(histogram.sum(), scale), "\n");
  absl::StrAppend(&text_, "skein_", name, "_count", plain, " ", count, "\n");
}

std::string MetricsText::LabelText(absl::Span<const MetricLabel> labels, absl::string_view bound) {
  std::string text;
  for (const MetricLabel& label : labels) absl::StrAppend(&text, text.empty() ? "" : ",", Assignment(label));
  if (!bound.empty()) absl::StrAppend(&text, text.empty() ? "" : ",", Assignment({"le", bound}));
  return text.empty() ? "" : absl::StrCat("{", text, "}");
}

}  // namespace skein
