// The figures of a load: percentiles of the times that users feel, what was refused, and the throughput; as a table, as
// JSON and as a plot.
#ifndef SKEIN_CLI_BENCH_LOAD_REPORT_H_
#define SKEIN_CLI_BENCH_LOAD_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_run.h"
#include "skein/skein.h"

namespace skein::cli {

// Sorted times in seconds.
class Times {
 public:
  explicit Times(std::vector<double> values);

  const std::vector<double>& values() const { return values_; }
  // The least value that `percent` of all values are not above; 0 if there is none.
  double Percentile(double percent) const;

 private:
  std::vector<double> values_;
};

// The time of the engine's thread by what it does, of metrics of libskein in which nothing else ran.
struct EngineTime {
  double plan = 0;      // seconds
  double steps = 0;     // on the devices
  double conclude = 0;  // draws and texts

  // Reads the text of skein_runtime_metrics.
  static EngineTime FromMetrics(std::string_view metrics);
  EngineTime operator-(const EngineTime& earlier) const;
  double Whole() const { return plan + steps + conclude; }
};

class LoadReport {
 public:
  LoadReport(const LoadShape& shape, uint64_t num_shared_tokens, const LoadRun& run, const EngineTime& engine_time);

  // For people.
  std::string TableText() const;
  // One line about the time of the engine's thread.
  std::string EngineText() const;
  // Of the prompts' tokens, those that the prefix cache had.
  double CachedShare() const;
  // `info` is that of the model.
  std::string JsonText(const skein_model_info& info) const;
  std::string Plot(const skein_model_info& info) const;

  // The message of the first request that failed; "" if none did.
  const std::string& failure() const { return failure_; }

 private:
  struct Row {
    const char* key;   // in JSON
    const char* name;  // for people
    const Times& times;
  };
  std::vector<Row> Rows() const;
  // A table, in milliseconds; "" without tenants.
  std::string TenantsText() const;
  void Count(const LoadRun& run);
  void CountTenants(const LoadRun& run);
  bool has_tenants() const { return !shape_.tenants.names()[0].empty(); }

  const LoadShape shape_;
  const uint64_t num_shared_tokens_;
  const double seconds_;
  const EngineTime engine_time_;
  std::map<LoadEnd, uint64_t> num_ends_;
  uint64_t num_prompt_tokens_ = 0;
  uint64_t num_cached_tokens_ = 0;
  uint64_t num_new_tokens_ = 0;
  std::string failure_;
  Times queue_{{}};
  Times first_token_{{}};
  Times gaps_{{}};
  Times whole_{{}};
  Times retry_after_{{}};  // of the refusals

  // The figures of one tenant.
  struct Tenant {
    uint64_t num_done = 0;
    uint64_t num_refused = 0;
    uint64_t num_tokens = 0;  // of prompts and new ones
    Times first_token{{}};
    Times gaps{{}};
    Times whole{{}};
  };
  std::vector<Tenant> tenants_;  // by index
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_LOAD_REPORT_H_
