#include "bench/load_run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "call_options.h"
#include "interrupt.h"

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Token i of a text that differs from request to request, for the cache lines of the embedding.
skein_token MadeUpToken(uint64_t request, uint64_t i, uint32_t vocab_size) {
  return static_cast<skein_token>((request * 104729 + i * 7919) % vocab_size);
}

std::vector<skein_token> MadeUpPrompt(uint64_t request, uint64_t num_tokens, uint32_t vocab_size) {
  std::vector<skein_token> tokens(num_tokens);
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
  LoadRunner(skein_runtime runtime, skein_model model, std::span<const Arrival> arrivals,
             std::span<const std::string> tenants, uint64_t num_shared_tokens)
      : model_(model), arrivals_(arrivals), queue_(Make<Queue>(skein_queue_create, runtime, nullptr)) {
    auto info = Sized<skein_model_info>();
    Call(skein_model_get_info, model, &info);
    vocab_size_ = info.vocab_size;
    slots_.resize(arrivals.size());
    shared_ = MadeUpPrompt(arrivals_.size(), num_shared_tokens, vocab_size_);
    for (const std::string& tenant : tenants) {
      stream_options_.emplace_back(SKEIN_OPTIONS_STREAM);
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
    try {
      Prepare(i);
      slots_[i].late = Seconds(Clock::now() - due);
      Submit(slots_[i].request.get());
    } catch (const Refusal& refusal) {
      Refuse(slots_[i], refusal.error);
    }
  }

  struct Refusal {
    skein_error error;
  };

  // Throws Refusal instead of Error where the library has no room.
  template <typename Function, typename... Arguments>
  static void CallWithRoom(Function* function, Arguments... arguments) {
    skein_error error = {};
    const skein_status status = function(arguments..., &error);
    if (status == SKEIN_RESOURCE_EXHAUSTED) throw Refusal{error};
    if (status != SKEIN_OK) throw Error(error);
  }

  void Prepare(size_t i) {
    Slot& slot = slots_[i];
    const size_t tenant = arrivals_[i].tenant;
    slot.result.tenant = tenant;
    skein_stream stream = nullptr;
    CallWithRoom(skein_stream_create, model_, stream_options_.at(tenant).get(), &stream);
    slot.stream = Stream(stream);
    slot.request = Make<Request>(skein_request_create, stream);
    CallOptions options(SKEIN_OPTIONS_REQUEST);
    options.Set("max_tokens", static_cast<int64_t>(arrivals_[i].num_new_tokens));
    options.Set("seed", static_cast<int64_t>(i));
    options.Set("stop_at_end", 0);  // as many tokens in every run
    Call(skein_request_set_options, slot.request.get(), options.get());
    std::vector<skein_token> prompt = shared_;
    const std::vector<skein_token> own = MadeUpPrompt(i, arrivals_[i].num_prompt_tokens, vocab_size_);
    prompt.insert(prompt.end(), own.begin(), own.end());
    Call(skein_request_set_prompt_tokens, slot.request.get(), prompt.data(), uint64_t{prompt.size()});
    Call(skein_request_set_user_data, slot.request.get(), uint64_t{i});
  }

  void Submit(skein_request request) {
    ++num_running_;
    try {
      CallWithRoom(skein_queue_submit, queue_.get(), static_cast<const skein_request*>(&request), uint32_t{1});
    } catch (...) {
      --num_running_;
      throw;
    }
  }

  static void Refuse(Slot& slot, const skein_error& error) {
    slot.result.end = LoadEnd::kRefused;
    slot.result.message = error.message;
    slot.result.retry_after_ms = error.retry_after_ms;
    slot.request.Close();
    slot.stream.Close();
  }

  void ReadUntilEnd() {
    constexpr int64_t kWaitMs = 20;
    while (!is_submitted_ || num_running_ > 0) {
      if (Interrupted() && !is_interrupted_) is_interrupted_ = true;
      uint32_t ready = 0;
      Call(skein_queue_wait, queue_.get(), kWaitMs, &ready);
      if (ready != 0) TakeEvents();
      // No more are submitted by then, so that all can be cancelled.
      if (is_interrupted_ && is_submitted_) CancelAll();
    }
  }

  void CancelAll() {
    for (const Slot& slot : slots_) {
      if (slot.request) Call(skein_request_cancel, slot.request.get());
    }
  }

  void TakeEvents() {
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    skein_error error = {};
    const skein_status status =
        skein_queue_poll(queue_.get(), events_.data(), sizeof(skein_event), static_cast<uint32_t>(events_.size()),
                         text_.data(), text_.size(), &count, &text_bytes, &error);
    if (status == SKEIN_OUT_OF_RANGE && text_bytes > text_.size()) {
      text_.resize(text_bytes);
      return;
    }
    if (status != SKEIN_OK) throw Error(error);
    for (uint32_t i = 0; i < count; ++i) Take(events_[i]);
  }

  void Take(const skein_event& event) {
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
        result.message.assign(text_, event.text_offset, event.text_bytes);
        break;
      default:
        result.end = LoadEnd::kCancelled;
    }
    slot.request.Close();
    slot.stream.Close();
    --num_running_;
  }

  const skein_model model_;
  const std::span<const Arrival> arrivals_;
  const Queue queue_;
  uint32_t vocab_size_ = 0;
  std::vector<CallOptions> stream_options_;  // by tenant
  std::vector<skein_token> shared_;          // in front of all prompts
  Clock::time_point start_;
  std::vector<Slot> slots_;  // by arrival
  std::atomic<bool> is_submitted_{false};
  std::atomic<bool> is_interrupted_{false};
  std::atomic<int64_t> num_running_{0};
  std::exception_ptr failure_;  // of the submitting thread; read once that has ended
  // Of the reading thread.
  std::vector<skein_event> events_ = std::vector<skein_event>(256);
  std::string text_ = std::string(65536, '\0');
};

}  // namespace

LoadRun RunLoad(skein_runtime runtime, skein_model model, std::span<const Arrival> arrivals,
                std::span<const std::string> tenants, uint64_t num_shared_tokens) {
  return LoadRunner(runtime, model, arrivals, tenants, num_shared_tokens).Run();
}

}  // namespace skein::cli
