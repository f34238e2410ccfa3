#include "bench/load_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "interrupt.h"

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Token i of a text that differs from request to request, for the cache lines of the embedding.
Token MadeUpToken(uint64_t request, uint64_t i, uint32_t vocab_size) {
  return static_cast<Token>((request * 104729 + i * 7919) % vocab_size);
}

std::vector<Token> MadeUpPrompt(uint64_t request, uint64_t num_tokens, uint32_t vocab_size) {
  std::vector<Token> tokens(num_tokens);
  for (uint64_t i = 0; i < num_tokens; ++i) tokens[i] = MadeUpToken(request, i, vocab_size);
  return tokens;
}

// One request of the load. The submitting thread writes it before it submits, and the reading thread afterwards.
struct Slot {
  Stream stream;
  Request request;
  double late = 0;  // seconds from the arrival to the submission
  LoadResult result;
};

class LoadRunner {
 public:
  LoadRunner(const Runtime& runtime, const Model& model, std::span<const Arrival> arrivals,
             std::span<const std::string> tenants, uint64_t num_shared_tokens)
      : model_(model), arrivals_(arrivals), queue_(runtime), vocab_size_(model.Info().vocab_size) {
    slots_.resize(arrivals.size());
    shared_ = MadeUpPrompt(arrivals_.size(), num_shared_tokens, vocab_size_);
    for (const std::string& tenant : tenants) {
      stream_options_.emplace_back();
      if (!tenant.empty()) stream_options_.back().Set("tenant", tenant);
    }
  }

  LoadRun Run() {
    start_ = Clock::now();
    {
      const std::jthread submitter([this] { SubmitAll(); });
      try {
        ReadUntilEnd();
      } catch (...) {
        is_interrupted_ = true;
        throw;
      }
    }
    if (failure_) std::rethrow_exception(failure_);
    LoadRun run;
    run.seconds = Seconds(Clock::now() - start_);
    for (Slot& slot : slots_) run.results.push_back(std::move(slot.result));
    return run;
  }

 private:
  // Of the submitting thread.
  void SubmitAll() noexcept {
    try {
      for (size_t i = 0; i < arrivals_.size(); ++i) SubmitWhenDue(i);
    } catch (...) {
      failure_ = std::current_exception();
    }
    is_submitted_ = true;
  }

  void SubmitWhenDue(size_t i) {
    const auto due =
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(arrivals_[i].seconds));
    while (!is_interrupted_ && Clock::now() < due) {
      std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(50)));
    }
    if (is_interrupted_) return;
    Slot& slot = slots_[i];
    slot.result.tenant = arrivals_[i].tenant;
    try {
      slot.stream = Stream(model_, stream_options_.at(slot.result.tenant));
      slot.request = MakeRequest(slot.stream, i);
      slot.late = Seconds(Clock::now() - due);
      queue_.Submit(slot.request);
    } catch (const Error& error) {
      if (error.code() != SKEIN_RESOURCE_EXHAUSTED) throw;
      Refuse(slot, error);
    }
  }

  Request MakeRequest(const Stream& stream, size_t i) const {
    // As many tokens in every run.
    Request request(stream, {{"max_tokens", arrivals_[i].num_new_tokens}, {"seed", i}, {"stop_at_end", 0}});
    std::vector<Token> prompt = shared_;
    const std::vector<Token> own = MadeUpPrompt(i, arrivals_[i].num_prompt_tokens, vocab_size_);
    prompt.insert(prompt.end(), own.begin(), own.end());
    request.SetPrompt(prompt);
    request.SetUserData(i);
    return request;
  }

  // The library has no room for it.
  static void Refuse(Slot& slot, const Error& error) {
    slot.result.end = LoadEnd::kRefused;
    slot.result.message = error.what();
    slot.result.retry_after_ms = error.retry_after_ms();
    slot.request.Close();
    slot.stream.Close();
  }

  void ReadUntilEnd() {
    constexpr std::chrono::milliseconds kWait(20);
    while (!is_submitted_ || queue_.num_running() > 0) {
      if (Interrupted() && !is_interrupted_) is_interrupted_ = true;
      if (queue_.Wait(kWait)) {
        for (const Event& event : queue_.Poll()) Take(event);
      }
      // No more are submitted by then, so that all can be cancelled.
      if (is_interrupted_ && is_submitted_) CancelAll();
    }
  }

  void CancelAll() {
    for (const Slot& slot : slots_) {
      if (slot.request) slot.request.Cancel();
    }
  }

  void Take(const Event& event) {
    Slot& slot = slots_.at(event.user_data);
    LoadResult& result = slot.result;
    result.num_prompt_tokens = event.num_prompt_tokens;
    result.num_cached_tokens = event.num_cached_tokens;
    result.queue = slot.late + static_cast<double>(event.queue_us) * 1e-6;
    // The engine's times: this thread takes several events at once.
    result.whole = slot.late + static_cast<double>(event.queue_us + event.prefill_us + event.decode_us) * 1e-6;
    switch (event.kind) {
      case SKEIN_EVENT_TOKEN:
        result.tokens.push_back(result.whole);
        return;
      case SKEIN_EVENT_DONE:
        result.end = LoadEnd::kDone;
        break;
      case SKEIN_EVENT_ERROR:
        result.end = LoadEnd::kFailed;
        result.message = event.text();
        break;
      default:
        result.end = LoadEnd::kCancelled;
    }
    slot.request.Close();
    slot.stream.Close();
  }

  const Model& model_;
  const std::span<const Arrival> arrivals_;
  Queue queue_;
  const uint32_t vocab_size_;
  std::vector<StreamOptions> stream_options_;  // by tenant
  std::vector<Token> shared_;                  // in front of all prompts
  Clock::time_point start_;
  std::vector<Slot> slots_;  // by arrival
  std::atomic<bool> is_submitted_{false};
  std::atomic<bool> is_interrupted_{false};
  std::exception_ptr failure_;  // of the submitting thread; read once that has ended
};

}  // namespace

LoadRun RunLoad(const Runtime& runtime, const Model& model, std::span<const Arrival> arrivals,
                std::span<const std::string> tenants, uint64_t num_shared_tokens) {
  return LoadRunner(runtime, model, arrivals, tenants, num_shared_tokens).Run();
}

}  // namespace skein::cli
