#include "arrivals.h"

#include <charconv>
#include <cmath>
#include <random>
#include <system_error>

#include "arguments.h"

namespace skein::cli {
namespace {

constexpr uint64_t kMaxTokens = uint64_t{1} << 32;

uint64_t ParseCount(std::string_view where, std::string_view text) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count >= 1 && count <= kMaxTokens) return count;
  throw UsageError(std::string(where) + ": expected numbers of tokens such as 64, 64,512 or 64-512; found \"" +
                   std::string(text) + "\"");
}

// Random numbers from 0 to 1, without 1. The distributions of the standard library differ between its implementations.
class Uniform {
 public:
  explicit Uniform(uint64_t seed) : engine_(seed) {}
  double operator()() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace

TokenCounts::TokenCounts(std::string_view where, std::string_view text) {
  const size_t dash = text.find('-');
  is_range_ = dash != std::string_view::npos;
  if (is_range_) {
    values_ = {ParseCount(where, text.substr(0, dash)), ParseCount(where, text.substr(dash + 1))};
    if (values_[0] <= values_[1]) return;
    throw UsageError(std::string(where) + ": expected a range from a smaller number to a larger one; found \"" +
                     std::string(text) + "\"");
  }
  while (true) {
    const size_t comma = text.find(',');
    values_.push_back(ParseCount(where, text.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

uint64_t TokenCounts::Pick(double uniform) const {
  const auto scaled = [uniform](uint64_t count) { return static_cast<uint64_t>(uniform * static_cast<double>(count)); };
  return is_range_ ? values_[0] + scaled(values_[1] - values_[0] + 1) : values_[scaled(values_.size())];
}

std::vector<Arrival> PlanArrivals(const LoadShape& shape) {
  Uniform uniform(shape.seed);
  std::vector<Arrival> arrivals;
  double seconds = 0;
  while (true) {
    seconds -= std::log(1 - uniform()) / shape.rate;
    if (seconds >= shape.seconds) return arrivals;
    const uint64_t num_prompt_tokens = shape.prompt_tokens.Pick(uniform());
    arrivals.push_back({seconds, num_prompt_tokens, shape.new_tokens.Pick(uniform())});
  }
}

}  // namespace skein::cli
