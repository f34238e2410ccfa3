#include "runtime/metrics.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/metrics_text.h"

namespace skein {
namespace {

using ObserverList = std::vector<std::shared_ptr<const ModelObserver>>;

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// A counter or gauge over all models.
void AddTotal(const char* name, const char* type, const char* help, int64_t value, MetricsText* text) {
  text->Describe(name, type, help);
  text->Sample(name, {}, value);
}

void AddJobs(const ObserverList& models, MetricsText* text) {
  text->Describe("jobs", "gauge", "Requests and items of evals at the last step, by state.");
  for (const auto& model : models) {
    const JobCounts jobs = model->jobs();
    const std::pair<const char*, uint64_t> states[] = {
        {"queued", jobs.queued}, {"running", jobs.running}, {"waiting_for_reader", jobs.paused}};
    for (const auto& [state, count] : states) {
      text->Sample("jobs", {{"model", model->model().name}, {"state", state}}, count);
    }
  }
}

void AddSlots(const ObserverList& models, MetricsText* text) {
  text->Describe("slots", "gauge", "Places for states on the devices.");
  for (const auto& model : models) {
    if (!model->model().count_slots) continue;
    const SlotCounts slots = model->model().count_slots();
    text->Sample("slots", {{"model", model->model().name}, {"state", "held"}}, slots.held);
    text->Sample("slots", {{"model", model->model().name}, {"state", "free"}}, slots.free);
  }
}

void AddStates(const ObserverList& models, MetricsText* text) {
  text->Describe("states", "gauge", "States of streams and caches, by place.");
  for (const auto& model : models) {
    if (!model->model().count_slots) continue;
    const SlotCounts slots = model->model().count_slots();
    const std::pair<const char*, uint64_t> places[] = {
        {"slot", slots.held}, {"host_memory", slots.in_host}, {"disk", slots.on_disk}};
    for (const auto& [place, count] : places) {
      text->Sample("states", {{"model", model->model().name}, {"place", place}}, count);
    }
  }
}

void AddStateMoves(const ObserverList& models, MetricsText* text) {
  const auto add = [&](const char* name, const char* help, uint64_t (*unit)(const SlotCounts&)) {
    text->Describe(name, "counter", help);
    for (const auto& model : models) {
      if (!model->model().count_slots) continue;
      const SlotCounts counts = model->model().count_slots();
      const std::pair<const char*, uint64_t> moves[] = {{"park", counts.parked},
                                                        {"wake", counts.woken},
                                                        {"to_disk", counts.to_disk},
                                                        {"from_disk", counts.from_disk}};
      for (const auto& [move, count] : moves) {
        text->Sample(name, {{"model", model->model().name}, {"move", move}}, count * unit(counts));
      }
    }
  };
  add("state_moves_total", "States that moved between slots, host memory and disk.",
      [](const SlotCounts&) -> uint64_t { return 1; });
  add("state_moved_bytes_total", "Their size.", [](const SlotCounts& counts) { return counts.state_bytes; });
}

void AddCheckpoints(const ObserverList& models, MetricsText* text) {
  const struct {
    const char* name;
    const char* type;
    const char* help;
    uint64_t CheckpointCounts::*count;
  } figures[] = {
      {"checkpoints", "gauge", "States that are kept for streams to go back to.", &CheckpointCounts::states},
      {"checkpoints_kept_total", "counter", "States that were kept for that.", &CheckpointCounts::kept},
      {"checkpoints_dropped_total", "counter", "Those of them that were dropped for want of room.",
       &CheckpointCounts::dropped},
  };
  for (const auto& figure : figures) {
    text->Describe(figure.name, figure.type, figure.help);
    for (const auto& model : models) {
      if (!model->model().count_checkpoints) continue;
      text->Sample(figure.name, {{"model", model->model().name}}, model->model().count_checkpoints().*figure.count);
    }
  }
}

void AddLimits(const ObserverList& models, MetricsText* text) {
  text->Describe("limit", "gauge", "Limits inside the engine, with the option of the model that sets each.");
  for (const auto& model : models) {
    for (const ModelLimit& limit : model->model().limits) {
      text->Sample("limit", {{"model", model->model().name}, {"limit", limit.name}, {"option", limit.option}},
                   limit.value);
    }
  }
}

constexpr const char* kCacheOutcomes[] = {nullptr, "hit", "off", "not_at_start", "cold", "no_state", "evicted", "rows"};

void AddPrefixes(const ObserverList& models, MetricsText* text) {
  text->Describe("prefix_cache_requests_total", "counter",
                 "Requests, and evals that may use it, by what the prefix cache had for them.");
  for (const auto& model : models) {
    if (!model->model().count_prefixes) continue;
    const PrefixCounts counts = model->model().count_prefixes();
    for (size_t i = 1; i < std::size(kCacheOutcomes); ++i) {
      text->Sample("prefix_cache_requests_total", {{"model", model->model().name}, {"outcome", kCacheOutcomes[i]}},
                   counts.requests[i]);
    }
  }
  const struct {
    const char* name;
    const char* type;
    const char* help;
    uint64_t PrefixCounts::*count;
  } figures[] = {
      {"prefix_cache_saved_tokens_total", "counter", "Tokens of prompts that a cached state had read.",
       &PrefixCounts::saved_tokens},
      {"prefix_cache_waits_total", "counter", "Waits for a prompt with the same beginning that was being read.",
       &PrefixCounts::waits},
      {"prefix_cache_evictions_total", "counter", "States dropped from the prefix cache.", &PrefixCounts::evictions},
      {"prefix_cache_states", "gauge", "States in the prefix cache.", &PrefixCounts::states},
      {"prefix_cache_bytes", "gauge", "Their size.", &PrefixCounts::state_bytes},
  };
  for (const auto& figure : figures) {
    text->Describe(figure.name, figure.type, figure.help);
    for (const auto& model : models) {
      if (!model->model().count_prefixes) continue;
      text->Sample(figure.name, {{"model", model->model().name}}, model->model().count_prefixes().*figure.count);
    }
  }
}

// One histogram of each model.
template <typename HistogramType>
void AddHistogram(const ObserverList& models, const char* name, const char* help,
                  const HistogramType& (ModelObserver::*histogram)() const, uint64_t scale, MetricsText* text) {
  text->Describe(name, "histogram", help);
  for (const auto& model : models) {
    text->Sample(name, {{"model", model->model().name}}, ((*model).*histogram)(), scale);
  }
}

// A tenant of a model, as the metrics show it.
struct ShownTenant {
  std::array<MetricLabel, 2> labels;
  const TenantObserver* observer;
  QueueCounts queue;
};

// The tenants of all models; those without an observer of their own come last, as one.
std::vector<ShownTenant> ShowTenants(const ObserverList& models) {
  std::vector<ShownTenant> tenants;
  for (const auto& model : models) {
    const ObservedModel& of = model->model();
    QueueCounts rest = of.count_queue ? of.count_queue() : QueueCounts();
    // The counts are not of one moment.
    const auto take = [](uint64_t& from, uint64_t part) { from -= std::min(from, part); };
    for (const TenantObserver* observer : model->tenants().Values()) {
      const QueueCounts queue = of.count_queue_of ? of.count_queue_of(observer->name()) : QueueCounts();
      tenants.push_back({{MetricLabel{"model", of.name}, {"tenant", observer->shown()}}, observer, queue});
      take(rest.num_waiting, queue.num_waiting);
      take(rest.num_running, queue.num_running);
      take(rest.queued_tokens, queue.queued_tokens);
    }
    if (const TenantObserver* others = model->tenants().others()) {
      tenants.push_back({{MetricLabel{"model", of.name}, {"tenants", "others"}}, others, rest});
    }
  }
  return tenants;
}

// A number for each state or kind of each tenant.
void AddOfTenants(const std::vector<ShownTenant>& tenants, const char* name, const char* type, const char* help,
                  const char* label,
                  const std::vector<std::pair<const char*, uint64_t (*)(const ShownTenant&)>>& values,
                  MetricsText* text) {
  text->Describe(name, type, help);
  for (const ShownTenant& tenant : tenants) {
    for (const auto& [kind, value] : values) {
      text->Sample(name, {tenant.labels[0], tenant.labels[1], {label, kind}}, value(tenant));
    }
  }
}

void AddTenants(const ObserverList& models, MetricsText* text) {
  const std::vector<ShownTenant> tenants = ShowTenants(models);
  AddOfTenants(tenants, "tenant_jobs", "gauge", "Requests, evals, scores and embeddings of a tenant, by state.",
               "state",
               {{"queued", [](const ShownTenant& tenant) { return tenant.queue.num_waiting; }},
                {"running", [](const ShownTenant& tenant) { return tenant.queue.num_running; }}},
               text);
  text->Describe("tenant_queued_tokens", "gauge", "Known tokens of a tenant that wait to be read.");
  for (const ShownTenant& tenant : tenants) {
    text->Sample("tenant_queued_tokens", tenant.labels, tenant.queue.queued_tokens);
  }
  AddOfTenants(tenants, "tenant_tokens_total", "counter", "Tokens that a tenant was served.", "kind",
               {{"read", [](const ShownTenant& tenant) { return tenant.observer->num_fed(); }},
                {"drawn", [](const ShownTenant& tenant) { return tenant.observer->num_drawn(); }}},
               text);
  text->Describe("tenant_first_token_seconds", "histogram", "As first_token_seconds, of a tenant.");
  for (const ShownTenant& tenant : tenants) {
    text->Sample("tenant_first_token_seconds", tenant.labels, tenant.observer->first_token_time(),
                 kNanosecondsPerSecond);
  }
  text->Describe("tenant_token_gap_seconds", "histogram", "As token_gap_seconds, of a tenant.");
  for (const ShownTenant& tenant : tenants) {
    text->Sample("tenant_token_gap_seconds", tenant.labels, tenant.observer->token_gap(), kNanosecondsPerSecond);
  }
}

void AddModels(const ObserverList& models, MetricsText* text) {
  AddJobs(models, text);
  AddSlots(models, text);
  AddStates(models, text);
  AddStateMoves(models, text);
  AddCheckpoints(models, text);
  AddLimits(models, text);
  AddPrefixes(models, text);
  const struct {
    const char* name;
    const char* help;
    const TimeHistogram& (ModelObserver::*histogram)() const;
  } times[] = {
      {"plan_seconds", "Time to plan a step.", &ModelObserver::plan_time},
      {"step_duration_seconds", "Time of a step on the devices.", &ModelObserver::step_time},
      {"conclude_seconds", "Time to draw the tokens of a step and to deliver their texts.",
       &ModelObserver::conclude_time},
      {"first_token_seconds", "Time from the submission of a request to its first token.",
       &ModelObserver::first_token_time},
      {"token_gap_seconds", "Time between two tokens of a request that did not wait for its reader.",
       &ModelObserver::token_gap},
      {"state_wake_seconds", "Time to bring a state from host memory to a slot.", &ModelObserver::wake_time},
      {"state_fetch_seconds", "Time from the wish for a state on disk until it is in host memory.",
       &ModelObserver::fetch_time},
  };
  for (const auto& time : times)
    AddHistogram(models, time.name, time.help, time.histogram, kNanosecondsPerSecond, text);
  AddHistogram(models, "step_tokens", "Tokens of a step.", &ModelObserver::step_tokens, 1, text);
  AddHistogram(models, "step_entries", "Streams of a step.", &ModelObserver::step_entries, 1, text);
  AddTenants(models, text);
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

std::shared_ptr<ModelObserver> ObservedModels::Add(ObservedModel model, Trace* trace) {
  const MutexLock lock(mutex_);
  std::erase_if(observers_, [](const auto& observer) { return observer.expired(); });
  const auto is_taken = [this](const std::string& name) {
    return std::any_of(observers_.begin(), observers_.end(), [&name](const auto& weak) {
      const auto observer = weak.lock();
      return observer != nullptr && observer->model().name == name;
    });
  };
  const std::string name = model.name;
  for (int number = 2; is_taken(model.name); ++number) model.name = absl::StrCat(name, "#", number);
  auto observer = std::make_shared<ModelObserver>(std::move(model), trace);
  observers_.push_back(observer);
  return observer;
}

ObserverList ObservedModels::Values() const {
  const MutexLock lock(mutex_);
  ObserverList alive;
  for (const auto& weak : observers_) {
    if (auto observer = weak.lock()) alive.push_back(std::move(observer));
  }
  return alive;
}

std::string Metrics::Text() const {
  MetricsText text;
  const auto counter = [&text](const char* name, const char* help, const std::atomic<uint64_t>& value) {
    AddTotal(name, "counter", help, static_cast<int64_t>(value.load()), &text);
  };
  counter("steps_total", "Steps run on the devices.", steps);
  counter("step_errors_total", "Steps that failed as a whole.", step_errors);
  text.Describe("step_seconds_total", "counter", "Time spent in steps.");
  text.Sample("step_seconds_total", {}, static_cast<double>(step_microseconds.load()) * 1e-6);
  counter("prefill_tokens_total", "Known tokens fed.", prefill_tokens);
  counter("decode_tokens_total", "Sampled tokens fed.", decode_tokens);
  counter("multiplications_total", "Multiplications in matrix products, on devices that count them.", multiplications);
  text.Describe("library_multiplications_total", "counter", "Those of them that a library ran, by library.");
  for (const auto& [library, count] : library_multiplications.Values()) {
    text.Sample("library_multiplications_total", {{"library", library}}, count);
  }
  counter("requests_submitted_total", "Requests submitted.", requests_submitted);
  counter("requests_done_total", "Requests that ended well.", requests_done);
  counter("requests_failed_total", "Requests that ended with an error.", requests_failed);
  counter("requests_cancelled_total", "Requests cancelled.", requests_cancelled);
  counter("evals_total", "Items of synchronous evals.", evals);
  AddTotal("streams", "gauge", "Streams alive.", streams.load(), &text);
  AddTotal("models", "gauge", "Models loaded.", models.load(), &text);
  const ObserverList observed = observed_models.Values();
  if (!observed.empty()) AddModels(observed, &text);
  return text.Take();
}

}  // namespace skein
