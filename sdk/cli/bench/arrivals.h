// The requests of a load: when each arrives, and how long its prompt and its answer are. Made from a seed, so that two
// measurements have the same load. Sending them is left out: load_run.h does it.
#ifndef SKEIN_CLI_BENCH_ARRIVALS_H_
#define SKEIN_CLI_BENCH_ARRIVALS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein::cli {

// Numbers of tokens, of which each request takes one at random: "64", "64,512", or all of a range "64-512".
class TokenCounts {
 public:
  // Throws UsageError that begins with `where`: an empty list, a number below 1 or above 2^32, a range that ends before
  // it begins.
  TokenCounts(std::string_view where, std::string_view text);

  // The one for `uniform`, a random number from 0 to 1, without 1.
  uint64_t Pick(double uniform) const;

 private:
  bool is_range_ = false;
  std::vector<uint64_t> values_;  // of a range: the first and the last
};

// Tenants with the share of the requests that each sends, such as "a=9,b=1".
class TenantShares {
 public:
  // One tenant, the common one.
  TenantShares() = default;
  // Throws UsageError that begins with `where`: no name, one that comes twice, or a share that is no number above 0.
  TenantShares(std::string_view where, std::string_view text);

  // The index of the one for `uniform`, a random number from 0 to 1, without 1.
  size_t Pick(double uniform) const;
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_ = {""};
  std::vector<double> ends_ = {1};  // of the shares, added up
};

struct Arrival {
  double seconds;  // after the start
  uint64_t num_prompt_tokens;
  uint64_t num_new_tokens;
  size_t tenant = 0;  // index
};

struct LoadShape {
  double rate;     // requests per second
  double seconds;  // in which they arrive
  TokenCounts prompt_tokens;
  TokenCounts new_tokens;
  TenantShares tenants;
  uint64_t seed;
};

// The arrivals in their order. The times between them are exponential: users who know nothing of one another.
std::vector<Arrival> PlanArrivals(const LoadShape& shape);

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_ARRIVALS_H_
