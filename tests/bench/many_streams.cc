// Many streams on one model, through the C ABI: many_streams MODEL [TYPE] [ROUNDS] [PART]. Prints, of all parts or of
// the one that is named,
//
// - aggregate: what a token of 64 requests costs against a step of the same rows, which evals make without drawing or
//   texts;
// - half_open: what 16 of 32 open streams cost, the first 16 against every second one;
// - drawing: what a token costs at temperature 1 with top-p 0.9 against a greedy one, for 8 and for 32 streams. The
//   logits of a made-up model are flat: nearly all words of its vocabulary are above the cut;
// - prompt_beside: the times between two tokens of 8 streams, alone and while a prompt of 2,000 tokens is read beside
//   them, and the time to the prompt's first token, alone and beside them;
// - mixed: what 31 streams that decode and a chunk of a prompt cost in one step against the two apart.
//
// The sides of a comparison take turns, round by round, so that the work of other processes falls on both sides.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/next_event.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::NextEvent;
using skein::bench::Quantile;
using skein::bench::SecondsSince;

constexpr uint32_t kNumStreams = 64;
constexpr uint32_t kPromptTokens = 2000;
constexpr uint32_t kChunkTokens = 32;

enum class Drawing { kGreedy, kTopP };

// A model with its streams. The process ends with it, so nothing is released.
class Model {
 public:
  Model(const char* path, const char* type) {
    skein_error error = {};
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime_, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "type", type, &error), error);
    Check(skein_options_set_i64(options, "max_batch_streams", kNumStreams + 1, &error), error);
    // So long that a busy machine shares its steps as an idle one does.
    Check(skein_options_set_i64(options, "step_time_ms", 2000, &error), error);
    Check(skein_options_set_i64(options, "prefix_cache", 0, &error), error);
    Check(skein_model_load(runtime_, path, options, &model_, &error), error);
    Check(skein_queue_create(runtime_, nullptr, &queue_, &error), error);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_model_get_info(model_, &info, &error), error);
    vocab_size_ = info.vocab_size;
    logits_.resize(size_t{kNumStreams} * vocab_size_);
    for (uint32_t i = 0; i < kPromptTokens; ++i) tokens_.push_back(1 + i * 7919 % (vocab_size_ - 1));
    streams_.resize(kNumStreams + 1);
    for (skein_stream& stream : streams_) Check(skein_stream_create(model_, nullptr, &stream, &error), error);
  }

  struct Item {
    uint32_t stream, num_tokens;
  };
  // Seconds of an eval of these items in one call.
  double Eval(const std::vector<Item>& items) {
    std::vector<skein_eval_item> list(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      list[i].stream = streams_[items[i].stream];
      list[i].tokens = tokens_.data();
      list[i].num_tokens = items[i].num_tokens;
      list[i].output = logits_.data() + i % kNumStreams * vocab_size_;
      list[i].output_capacity = vocab_size_;
      list[i].output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    }
    skein_error error = {};
    const Clock::time_point start = Clock::now();
    Check(skein_eval(model_, list.data(), sizeof(skein_eval_item), static_cast<uint32_t>(list.size()), &error), error);
    return SecondsSince(start);
  }

  // Submits a request; `stream` is its user data.
  void Submit(uint32_t stream, uint32_t num_prompt_tokens, int64_t max_tokens, Drawing drawing = Drawing::kGreedy) {
    skein_error error = {};
    skein_options options = nullptr;
    skein_request request = nullptr;
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error), error);
    const bool is_greedy = drawing == Drawing::kGreedy;
    Check(skein_options_set_f64(options, "temperature", is_greedy ? 0 : 1, &error), error);
    Check(skein_options_set_f64(options, "top_p", is_greedy ? 1 : 0.9, &error), error);
    Check(skein_options_set_i64(options, "max_tokens", max_tokens, &error), error);
    Check(skein_options_set_i64(options, "stop_at_end", 0, &error), error);
    Check(skein_request_create(streams_[stream], &request, &error), error);
    Check(skein_request_set_prompt_tokens(request, tokens_.data(), num_prompt_tokens, &error), error);
    Check(skein_request_set_options(request, options, &error), error);
    Check(skein_request_set_user_data(request, stream, &error), error);
    Check(skein_queue_submit(queue_, &request, 1, &error), error);
    Check(skein_request_release(request, &error), error);
    Check(skein_options_release(options, &error), error);
    ++num_open_;
  }

  // Waits for the next event. False: all requests have ended.
  bool Next(skein_event& event) {
    if (num_open_ == 0) return false;
    event = NextEvent(queue_);
    if (event.kind != SKEIN_EVENT_TOKEN) --num_open_;
    return true;
  }

 private:
  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  uint32_t vocab_size_ = 0;
  std::vector<skein_stream> streams_;
  std::vector<skein_token> tokens_;
  std::vector<float> logits_;
  uint32_t num_open_ = 0;
};

std::vector<Model::Item> OneEach(uint32_t num_streams, uint32_t stride = 1) {
  std::vector<Model::Item> items;
  for (uint32_t i = 0; i < num_streams; ++i) items.push_back({i * stride, 1});
  return items;
}

// Seconds for a token of each of `num_streams` requests: between their first tokens and their last.
double RequestTime(Model& model, uint32_t num_streams, uint32_t stride, uint32_t num_tokens,
                   Drawing drawing = Drawing::kGreedy) {
  for (uint32_t i = 0; i < num_streams; ++i) model.Submit(i * stride, 1, num_tokens + 1, drawing);
  skein_event event = {};
  uint32_t num_first = 0;
  Clock::time_point start, end;
  while (model.Next(event)) {
    if (event.kind != SKEIN_EVENT_TOKEN) continue;
    if (event.num_tokens == 1 && ++num_first == num_streams) start = Clock::now();
    end = Clock::now();
  }
  return std::chrono::duration<double>(end - start).count() / num_tokens;
}

void MeasureAggregate(Model& model, int rounds) {
  std::vector<double> raw, requests;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 5; ++i) raw.push_back(model.Eval(OneEach(kNumStreams)));
    requests.push_back(RequestTime(model, kNumStreams, 1, 5));
  }
  const double step = Quantile(raw, 0.5), request = Quantile(requests, 0.5);
  std::printf("64 streams: raw step %.2f ms, a token of 64 requests %.2f ms, ratio %.3f\n", 1e3 * step, 1e3 * request,
              request / step);
}

void MeasureHalfOpen(Model& model, int rounds) {
  std::vector<double> adjacent, every_second;
  for (int round = 0; round < rounds; ++round) {
    adjacent.push_back(RequestTime(model, 16, 1, 20));
    every_second.push_back(RequestTime(model, 16, 2, 20));
  }
  std::printf("16 of 32: adjacent %.2f ms, every second %.2f ms, ratio %.3f\n", 1e3 * Quantile(adjacent, 0.5),
              1e3 * Quantile(every_second, 0.5), Quantile(every_second, 0.5) / Quantile(adjacent, 0.5));
}

// Seconds of processor time that the process has used.
double ProcessorTime() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void MeasureDrawing(Model& model, int rounds) {
  constexpr uint32_t kNumTokens = 10;
  for (const uint32_t num_streams : {8u, 32u}) {
    std::vector<double> times[2];
    double processor[2] = {};
    for (int round = 0; round < 4 * rounds; ++round) {
      for (const Drawing drawing : {Drawing::kGreedy, Drawing::kTopP}) {
        const auto index = static_cast<size_t>(drawing);
        const double before = ProcessorTime();
        times[index].push_back(RequestTime(model, num_streams, 1, kNumTokens, drawing));
        processor[index] += ProcessorTime() - before;
      }
    }
    const double greedy = Quantile(times[0], 0.5), top_p = Quantile(times[1], 0.5);
    std::printf(
        "%u streams: greedy %.2f ms, temperature 1 with top-p 0.9 %.2f ms, ratio %.3f, of processor time %.3f\n",
        num_streams, 1e3 * greedy, 1e3 * top_p, top_p / greedy, processor[1] / processor[0]);
  }
}

struct Gaps {
  std::vector<double> alone, beside;  // seconds between two tokens of a stream
  std::vector<double> prompt_alone, prompt_beside;
};

// 8 streams decode; after a while a prompt comes, if `has_prompt`.
void RunBeside(Model& model, bool has_prompt, Gaps& gaps) {
  constexpr uint32_t kDecoding = 8, kBefore = 20;
  const int64_t num_tokens = has_prompt ? 400 : 60;
  std::vector<Clock::time_point> last(kDecoding);
  for (uint32_t i = 0; i < kDecoding; ++i) model.Submit(i, 1, num_tokens);
  skein_event event = {};
  Clock::time_point submitted;
  bool is_read = false;
  while (model.Next(event)) {
    if (event.kind != SKEIN_EVENT_TOKEN) continue;
    const Clock::time_point now = Clock::now();
    if (event.user_data == kNumStreams) {
      if (!is_read) gaps.prompt_beside.push_back(std::chrono::duration<double>(now - submitted).count());
      is_read = true;
      continue;
    }
    const bool is_beside = submitted != Clock::time_point() && !is_read;
    const double gap = std::chrono::duration<double>(now - last[event.user_data]).count();
    // The tokens around the arrival and the end belong to neither.
    if (event.num_tokens > 5 && (is_beside || !has_prompt)) (has_prompt ? gaps.beside : gaps.alone).push_back(gap);
    last[event.user_data] = now;
    if (has_prompt && event.user_data == 0 && event.num_tokens == kBefore) {
      submitted = Clock::now();
      model.Submit(kNumStreams, kPromptTokens, 1);
    }
  }
}

void MeasurePromptBeside(Model& model, int rounds) {
  Gaps gaps;
  for (int round = 0; round < rounds; ++round) {
    RunBeside(model, false, gaps);
    RunBeside(model, true, gaps);
    const Clock::time_point start = Clock::now();
    model.Submit(kNumStreams, kPromptTokens, 1);
    skein_event event = {};
    while (model.Next(event)) {
      if (event.kind == SKEIN_EVENT_TOKEN) gaps.prompt_alone.push_back(SecondsSince(start));
    }
  }
  std::printf("8 streams alone: p50 %.1f p99 %.1f ms; beside a prompt of %u: p50 %.1f p99 %.1f ms, ratio of p99 %.2f\n",
              1e3 * Quantile(gaps.alone, 0.5), 1e3 * Quantile(gaps.alone, 0.99), kPromptTokens,
              1e3 * Quantile(gaps.beside, 0.5), 1e3 * Quantile(gaps.beside, 0.99),
              Quantile(gaps.beside, 0.99) / Quantile(gaps.alone, 0.99));
  std::printf("the prompt's first token: alone %.2f s, beside 8 streams %.2f s, ratio %.2f\n",
              Quantile(gaps.prompt_alone, 0.5), Quantile(gaps.prompt_beside, 0.5),
              Quantile(gaps.prompt_beside, 0.5) / Quantile(gaps.prompt_alone, 0.5));
}

void MeasureMixed(Model& model, int rounds) {
  std::vector<double> decode, chunk, mixed;
  std::vector<Model::Item> both = OneEach(31);
  both.push_back({kNumStreams, kChunkTokens});
  for (int round = 0; round < 4 * rounds; ++round) {
    decode.push_back(model.Eval(OneEach(31)));
    chunk.push_back(model.Eval({{kNumStreams, kChunkTokens}}));
    mixed.push_back(model.Eval(both));
  }
  std::printf("31 streams %.2f ms, a chunk of %u %.2f ms, in one step %.2f ms, ratio to the two apart %.3f\n",
              1e3 * Quantile(decode, 0.5), kChunkTokens, 1e3 * Quantile(chunk, 0.5), 1e3 * Quantile(mixed, 0.5),
              Quantile(mixed, 0.5) / (Quantile(decode, 0.5) + Quantile(chunk, 0.5)));
}

struct Part {
  const char* name;
  void (*measure)(Model& model, int rounds);
};
constexpr Part kParts[] = {{"aggregate", MeasureAggregate},
                           {"half_open", MeasureHalfOpen},
                           {"drawing", MeasureDrawing},
                           {"prompt_beside", MeasurePromptBeside},
                           {"mixed", MeasureMixed}};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    std::fprintf(stderr, "usage: many_streams MODEL [TYPE] [ROUNDS] [PART]\n");
    return 2;
  }
  Model model(argv[1], argc > 2 ? argv[2] : "auto");
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const std::string only = argc > 4 ? argv[4] : "";
  model.Eval(OneEach(kNumStreams));  // first use of memory
  for (const Part& part : kParts) {
    if (only.empty() || only == part.name) part.measure(model, rounds);
    std::fflush(stdout);
  }
  return 0;
}
