#include "bench/load_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "bench/svg_plot.h"
#include "table.h"

namespace skein::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double> kPercents[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}};

std::string Milliseconds(double seconds) { return FormatNumber(1000 * seconds, 1); }

double Rate(uint64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

// The share of `part` in the time.
double ShareIn(const EngineTime& time, double part) { return time.Whole() > 0 ? part / time.Whole() : 0; }

Json TimesJson(const Times& times) {
  Json json = {{"count", times.values().size()}};
  for (const auto& [key, percent] : kPercents) json[key] = times.Percentile(percent);
  json["max"] = times.Percentile(100);
  return json;
}

// Adds the times of a request that is done.
void AddTimes(const LoadResult& result, std::vector<double>& first_token, std::vector<double>& gaps,
              std::vector<double>& whole) {
  whole.push_back(result.whole);
  if (!result.tokens.empty()) first_token.push_back(result.tokens[0]);
  for (size_t i = 1; i < result.tokens.size(); ++i) gaps.push_back(result.tokens[i] - result.tokens[i - 1]);
}

}  // namespace

Times::Times(std::vector<double> values) : values_(std::move(values)) { std::sort(values_.begin(), values_.end()); }

double Times::Percentile(double percent) const {
  if (values_.empty()) return 0;
  const double rank = std::ceil(percent / 100 * static_cast<double>(values_.size()));
  return values_[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

EngineTime EngineTime::FromMetrics(std::string_view metrics) {
  EngineTime time;
  std::istringstream lines{std::string(metrics)};
  const std::pair<std::string_view, double*> sums[] = {{"skein_plan_seconds_sum{", &time.plan},
                                                       {"skein_step_duration_seconds_sum{", &time.steps},
                                                       {"skein_conclude_seconds_sum{", &time.conclude}};
  for (std::string line; std::getline(lines, line);) {
    for (const auto& [name, sum] : sums) {
      if (line.starts_with(name)) *sum += std::stod(line.substr(line.rfind(' ') + 1));
    }
  }
  return time;
}

EngineTime EngineTime::operator-(const EngineTime& earlier) const {
  return {plan - earlier.plan, steps - earlier.steps, conclude - earlier.conclude};
}

LoadReport::LoadReport(const LoadShape& shape, uint64_t num_shared_tokens, const LoadRun& run,
                       const EngineTime& engine_time)
    : shape_(shape), num_shared_tokens_(num_shared_tokens), seconds_(run.seconds), engine_time_(engine_time) {
  Count(run);
  CountTenants(run);
}

void LoadReport::Count(const LoadRun& run) {
  std::vector<double> queue, first_token, gaps, whole, retry_after;
  for (const LoadResult& result : run.results) {
    ++num_ends_[result.end];
    num_prompt_tokens_ += result.num_prompt_tokens;
    num_cached_tokens_ += result.num_cached_tokens;
    num_new_tokens_ += result.tokens.size();
    if (result.end == LoadEnd::kRefused) retry_after.push_back(result.retry_after_ms * 1e-3);
    if (result.end == LoadEnd::kFailed && failure_.empty()) failure_ = result.message;
    if (result.end != LoadEnd::kDone) continue;
    queue.push_back(result.queue);
    AddTimes(result, first_token, gaps, whole);
  }
  queue_ = Times(std::move(queue));
  first_token_ = Times(std::move(first_token));
  gaps_ = Times(std::move(gaps));
  whole_ = Times(std::move(whole));
  retry_after_ = Times(std::move(retry_after));
}

void LoadReport::CountTenants(const LoadRun& run) {
  tenants_.resize(shape_.tenants.names().size());
  for (size_t i = 0; i < tenants_.size(); ++i) {
    Tenant& tenant = tenants_[i];
    std::vector<double> first_token, gaps, whole;
    for (const LoadResult& result : run.results) {
      if (result.tenant != i) continue;
      tenant.num_done += result.end == LoadEnd::kDone ? 1 : 0;
      tenant.num_refused += result.end == LoadEnd::kRefused ? 1 : 0;
      tenant.num_tokens += result.num_prompt_tokens + result.tokens.size();
      if (result.end != LoadEnd::kDone) continue;
      AddTimes(result, first_token, gaps, whole);
    }
    tenant.first_token = Times(std::move(first_token));
    tenant.gaps = Times(std::move(gaps));
    tenant.whole = Times(std::move(whole));
  }
}

std::string LoadReport::TenantsText() const {
  if (!has_tenants()) return "";
  std::vector<std::vector<std::string>> rows = {
      {"TENANT", "DONE", "REFUSED", "TOKENS/S", "FIRST TOKEN P50", "P90", "P99", "BETWEEN TOKENS P50", "P90", "P99"}};
  for (size_t i = 0; i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    rows.push_back({shape_.tenants.names()[i], std::to_string(tenant.num_done), std::to_string(tenant.num_refused),
                    FormatNumber(Rate(tenant.num_tokens, seconds_), 1)});
    for (const Times* times : {&tenant.first_token, &tenant.gaps}) {
      for (const auto& [key, percent] : kPercents) rows.back().push_back(Milliseconds(times->Percentile(percent)));
    }
  }
  return FormatTable(rows);
}

std::vector<LoadReport::Row> LoadReport::Rows() const {
  return {{"queue_seconds", "queue", queue_},
          {"first_token_seconds", "first token", first_token_},
          {"between_tokens_seconds", "between tokens", gaps_},
          {"whole_request_seconds", "whole request", whole_}};
}

std::string LoadReport::TableText() const {
  std::vector<std::vector<std::string>> rows = {{"MILLISECONDS", "P50", "P90", "P99", "MAX", "COUNT"}};
  const auto add = [&rows](const char* name, const Times& times) {
    rows.push_back({name});
    for (const auto& [key, percent] : kPercents) rows.back().push_back(Milliseconds(times.Percentile(percent)));
    rows.back().push_back(Milliseconds(times.Percentile(100)));
    rows.back().push_back(std::to_string(times.values().size()));
  };
  for (const Row& row : Rows()) add(row.name, row.times);
  if (!retry_after_.values().empty()) add("refused: try again after", retry_after_);
  uint64_t num_requests = 0;
  for (const auto& [end, count] : num_ends_) num_requests += count;
  const auto ended = [this](LoadEnd end) {
    const auto found = num_ends_.find(end);
    return std::to_string(found == num_ends_.end() ? 0 : found->second);
  };
  return FormatTable(rows) + std::to_string(num_requests) + " requests in " + FormatNumber(seconds_, 1) +
         " s: " + ended(LoadEnd::kDone) + " done, " + ended(LoadEnd::kRefused) + " refused, " +
         ended(LoadEnd::kFailed) + " failed, " + ended(LoadEnd::kCancelled) + " cancelled; " +
         FormatNumber(Rate(num_prompt_tokens_, seconds_), 1) + " prompt tokens/s, " +
         FormatNumber(Rate(num_new_tokens_, seconds_), 1) + " new tokens/s; " + FormatNumber(100 * CachedShare(), 1) +
         " % of the prompt tokens came from the prefix cache\n" + TenantsText();
}

double LoadReport::CachedShare() const {
  return num_prompt_tokens_ == 0 ? 0
                                 : static_cast<double>(num_cached_tokens_) / static_cast<double>(num_prompt_tokens_);
}

std::string LoadReport::EngineText() const {
  const auto percent = [this](double part) { return FormatNumber(100 * ShareIn(engine_time_, part), 2) + " %"; };
  return "of the engine's time " + percent(engine_time_.plan) + " went to planning, " + percent(engine_time_.conclude) +
         " to draws and texts, the rest to steps; it was busy for " +
         FormatNumber(seconds_ > 0 ? 100 * engine_time_.Whole() / seconds_ : 0, 1) + " % of the time";
}

std::string LoadReport::JsonText(const skein_model_info& info) const {
  Json json = {{"model", info.name},
               {"device", info.device},
               {"type", info.type},
               {"arrival_rate", shape_.rate},
               {"duration_seconds", shape_.seconds},
               {"shared_prefix_tokens", num_shared_tokens_},
               {"seed", shape_.seed},
               {"seconds", seconds_}};
  const std::pair<const char*, LoadEnd> ends[] = {{"num_done", LoadEnd::kDone},
                                                  {"num_refused", LoadEnd::kRefused},
                                                  {"num_failed", LoadEnd::kFailed},
                                                  {"num_cancelled", LoadEnd::kCancelled}};
  for (const auto& [key, end] : ends) {
    const auto found = num_ends_.find(end);
    json[key] = found == num_ends_.end() ? 0 : found->second;
  }
  json["prompt_tokens_per_second"] = Rate(num_prompt_tokens_, seconds_);
  json["cached_share"] = CachedShare();
  json["new_tokens_per_second"] = Rate(num_new_tokens_, seconds_);
  for (const Row& row : Rows()) json[row.key] = TimesJson(row.times);
  json["retry_after_seconds"] = TimesJson(retry_after_);
  for (size_t i = 0; has_tenants() && i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    json["tenants"].push_back({{"name", shape_.tenants.names()[i]},
                               {"num_done", tenant.num_done},
                               {"num_refused", tenant.num_refused},
                               {"tokens_per_second", Rate(tenant.num_tokens, seconds_)},
                               {"first_token_seconds", TimesJson(tenant.first_token)},
                               {"between_tokens_seconds", TimesJson(tenant.gaps)},
                               {"whole_request_seconds", TimesJson(tenant.whole)}});
  }
  json["engine_seconds"] = {
      {"plan", engine_time_.plan}, {"steps", engine_time_.steps}, {"conclude", engine_time_.conclude}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string LoadReport::Plot(const skein_model_info& info) const {
  std::vector<PlotCurve> curves;
  std::vector<std::pair<std::string, const Times&>> shown = {
      {"first token", first_token_}, {"between tokens", gaps_}, {"whole request", whole_}};
  for (size_t i = 0; has_tenants() && i < tenants_.size(); ++i) {
    shown.emplace_back("first token of " + shape_.tenants.names()[i], tenants_[i].first_token);
    shown.emplace_back("between tokens of " + shape_.tenants.names()[i], tenants_[i].gaps);
  }
  for (const auto& [name, times] : shown) {
    PlotCurve curve = {name, times.values()};
    for (double& seconds : curve.values) seconds *= 1000;
    curves.push_back(std::move(curve));
  }
  const std::string title = std::string(info.name) + " (" + info.type + ") on " + info.device + ", " +
                            FormatNumber(shape_.rate, 1) + " requests/s: share of times up to x";
  return CumulativePlot(title, "milliseconds", curves);
}

}  // namespace skein::cli
