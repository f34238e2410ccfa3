#include "bench/arrivals.h"

#include <algorithm>
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

double ParseShare(std::string_view where, std::string_view text) {
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error == std::errc() && end == text.data() + text.size() && share > 0 && std::isfinite(share)) return share;
  throw UsageError(std::string(where) + ": expected shares above 0 such as a=9,b=1; found \"" + std::string(text) +
                   "\"");
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

TenantShares::TenantShares(std::string_view where, std::string_view text) {
  names_.clear();
  ends_.clear();
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const size_t equals = part.find('=');
    const std::string name(part.substr(0, equals));
    if (name.empty() || equals == std::string_view::npos ||
        std::find(names_.begin(), names_.end(), name) != names_.end()) {
      throw UsageError(std::string(where) + ": expected names, each once, with shares such as a=9,b=1; found \"" +
                       std::string(part) + "\"");
    }
    names_.push_back(name);
    ends_.push_back((ends_.empty() ? 0 : ends_.back()) + ParseShare(where, part.substr(equals + 1)));
    if (comma == std::string_view::npos) return;
    text.remove_prefix(comma + 1);
  }
}

size_t TenantShares::Pick(double uniform) const {
  const auto found = std::upper_bound(ends_.begin(), ends_.end(), uniform * ends_.back());
  return std::min<size_t>(static_cast<size_t>(found - ends_.begin()), ends_.size() - 1);
}

std::vector<Arrival> PlanArrivals(const LoadShape& shape) {
  Uniform uniform(shape.seed);
  std::vector<Arrival> arrivals;
  double seconds = 0;
  while (true) {
    seconds -= std::log(1 - uniform()) / shape.rate;
    if (seconds >= shape.seconds) return arrivals;
    const uint64_t num_prompt_tokens = shape.prompt_tokens.Pick(uniform());
    const uint64_t num_new_tokens = shape.new_tokens.Pick(uniform());
    const bool has_tenants = shape.tenants.names().size() > 1;
    arrivals.push_back({seconds, num_prompt_tokens, num_new_tokens, has_tenants ? shape.tenants.Pick(uniform()) : 0});
  }
}

}  // namespace skein::cli
