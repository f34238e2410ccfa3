#include "runtime/metrics.h"

#include <algorithm>
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
  text->Describe("prefix_cache_requests_total", "counter", "Requests, by what the prefix cache had for their prompts.");
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

void AddModels(const ObserverList& models, MetricsText* text) {
  AddJobs(models, text);
  AddSlots(models, text);
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
  };
  for (const auto& time : times)
    AddHistogram(models, time.name, time.help, time.histogram, kNanosecondsPerSecond, text);
  AddHistogram(models, "step_tokens", "Tokens of a step.", &ModelObserver::step_tokens, 1, text);
  AddHistogram(models, "step_entries", "Streams of a step.", &ModelObserver::step_entries, 1, text);
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
