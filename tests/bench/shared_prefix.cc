// Prompts that begin alike, through the C ABI: shared_prefix MODEL [TYPE]. Prints, for models that begin cold,
//
// - the share of the tokens of a shared system prompt that came from the prefix cache: 200 users with three turns each,
//   every turn a request on a new stream with the whole conversation as its prompt, 1, 2 and 64 users at a time;
// - the time to the first token behind a hit of 2,000 tokens, and behind 64 tokens that nobody has read;
// - the tokens per second of requests that share nothing, with and without the cache, in turns;
// - the states in the cache under a budget of eight.
//
// shared_prefix MODEL TYPE --restart FOLDER prints the first of these, and the time to the first token, for a process
// that begins with what another one left in FOLDER, which is empty or not there: 200 other users with the same system
// prompts.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/next_event.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::Median;
using skein::bench::NextEvent;
using skein::bench::SecondsSince;

using Tokens = std::vector<skein_token>;

constexpr uint32_t kNumUsers = 200;
constexpr uint32_t kNumTurns = 3;
constexpr uint32_t kUserTokens = 20;
constexpr int64_t kAnswerTokens = 8;
constexpr size_t kSystemTokens = 2000;

// A request on a stream of its own.
struct Asked {
  Tokens prompt;
  skein_stream stream = nullptr;
  Tokens answer;
  skein_event end = {};
};

// A model that begins without a state in its cache, but for those that others left in `folder`, if it is not "".
class Model {
 public:
  Model(skein_runtime runtime, const char* path, const char* type, int64_t prefix_cache, const std::string& folder = "")
      : runtime_(runtime) {
    skein_error error = {};
    skein_options options = nullptr;
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "type", type, &error), error);
    Check(skein_options_set_i64(options, "prefix_cache", prefix_cache, &error), error);
    if (!folder.empty()) {
      Check(skein_options_set_str(options, "state_folder", folder.c_str(), &error), error);
      Check(skein_options_set_str(options, "state_disk", "8GiB", &error), error);
    }
    // The bursts are larger than four seconds of reading on a small machine.
    Check(skein_options_set_i64(options, "max_queued_tokens", 1 << 24, &error), error);
    Check(skein_model_load(runtime, path, options, &model_, &error), error);
    Check(skein_options_release(options, &error), error);
    Check(skein_queue_create(runtime, nullptr, &queue_, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &request_options_, &error), error);
    Check(skein_options_set_f64(request_options_, "temperature", 0, &error), error);
    Check(skein_options_set_i64(request_options_, "stop_at_end", 0, &error), error);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_model_get_info(model_, &info, &error), error);
    vocab_size = info.vocab_size;
    state_bytes = 4 * info.num_state_floats;
  }
  ~Model() {
    skein_error error = {};
    Check(skein_options_release(request_options_, &error), error);
    Check(skein_queue_release(queue_, &error), error);
    Check(skein_model_release(model_, &error), error);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Runs all of them, `num_at_once` at a time, and fills in their answers. Gives the seconds.
  double Run(std::vector<Asked>& all, size_t num_at_once, int64_t max_tokens) {
    const Clock::time_point start = Clock::now();
    size_t next = 0;
    size_t num_ended = 0;
    for (; next < std::min(num_at_once, all.size()); ++next) Submit(all, next, max_tokens);
    while (num_ended < all.size()) {
      const skein_event event = NextEvent(queue_);
      Asked& asked = all[event.user_data];
      if (event.kind == SKEIN_EVENT_TOKEN) {
        asked.answer.push_back(event.token);
        continue;
      }
      asked.end = event;
      skein_error error = {};
      Check(skein_stream_release(asked.stream, &error), error);
      ++num_ended;
      if (next < all.size()) Submit(all, next++, max_tokens);
    }
    return SecondsSince(start);
  }

  Tokens Random(std::mt19937& random, size_t count) const {
    Tokens tokens(count);
    for (skein_token& token : tokens) token = 1 + static_cast<skein_token>(random() % (vocab_size - 1));
    return tokens;
  }

  // A figure of the metrics, which has the label of one model alone.
  double Metric(const char* name) const {
    skein_error error = {};
    std::string text(1 << 20, '\0');
    uint64_t size = 0;
    Check(skein_runtime_metrics(runtime_, text.data(), text.size(), &size, &error), error);
    const size_t line = text.find(std::string("\n") + name + "{");
    return line == std::string::npos ? -1 : std::atof(text.c_str() + text.find("} ", line) + 2);
  }

  uint32_t vocab_size = 0;
  uint64_t state_bytes = 0;

 private:
  void Submit(std::vector<Asked>& all, size_t index, int64_t max_tokens) {
    Asked& asked = all[index];
    skein_error error = {};
    skein_request request = nullptr;
    Check(skein_options_set_i64(request_options_, "max_tokens", max_tokens, &error), error);
    Check(skein_stream_create(model_, nullptr, &asked.stream, &error), error);
    Check(skein_request_create(asked.stream, &request, &error), error);
    Check(skein_request_set_options(request, request_options_, &error), error);
    Check(skein_request_set_prompt_tokens(request, asked.prompt.data(), asked.prompt.size(), &error), error);
    Check(skein_request_set_user_data(request, index, &error), error);
    Check(skein_queue_submit(queue_, &request, 1, &error), error);
    Check(skein_request_release(request, &error), error);
  }

  const skein_runtime runtime_;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  skein_options request_options_ = nullptr;
};

struct Program {
  skein_runtime runtime;
  const char* path;
  const char* type;

  // Of the tokens of the shared system prompts, and of those that some request had read before.
  struct Shares {
    double system, known;
  };

  Shares Conversations(const std::vector<uint32_t>& system_sizes, size_t num_at_once) const {
    Model model(runtime, path, type, int64_t{256} << 20);
    return Conversations(model, system_sizes, num_at_once, 8);
  }

  // `seed` tells the users; the system prompts are always the same.
  static Shares Conversations(Model& model, const std::vector<uint32_t>& system_sizes, size_t num_at_once,
                              uint32_t seed) {
    std::mt19937 system_random(7);
    std::mt19937 random(seed);
    double num_system = 0, num_system_cached = 0, num_known = 0, num_cached = 0;
    for (const uint32_t system_size : system_sizes) {
      const Tokens system = model.Random(system_random, system_size);
      std::vector<Tokens> histories(kNumUsers, system);
      for (uint32_t turn = 0; turn < kNumTurns; ++turn) {
        std::vector<Asked> all(kNumUsers);
        for (uint32_t user = 0; user < kNumUsers; ++user) {
          num_known += static_cast<double>(histories[user].size());
          const Tokens own = model.Random(random, kUserTokens);
          histories[user].insert(histories[user].end(), own.begin(), own.end());
          all[user].prompt = histories[user];
        }
        model.Run(all, num_at_once, kAnswerTokens);
        for (uint32_t user = 0; user < kNumUsers; ++user) {
          const uint64_t cached = all[user].end.num_cached_tokens;
          num_system += system_size;
          num_system_cached += static_cast<double>(std::min<uint64_t>(cached, system_size));
          num_cached += static_cast<double>(cached);
          histories[user].insert(histories[user].end(), all[user].answer.begin(), all[user].answer.end());
        }
      }
    }
    return {num_system_cached / num_system, num_cached / num_known};
  }

  void PrintShares() const {
    std::printf("%-28s %10s %26s %26s\n", "system prompt, tokens", "at once", "of it from the cache",
                "of all known tokens");
    for (const size_t num_at_once : {1, 2, 64}) {
      const Shares shares = Conversations({kSystemTokens}, num_at_once);
      std::printf("%-28s %10zu %25.2f%% %25.2f%%\n", "2000", num_at_once, 100 * shares.system, 100 * shares.known);
    }
    for (const size_t num_at_once : {1, 2, 64}) {
      const Shares shares = Conversations({40, 80, 160, 320, 500}, num_at_once);
      std::printf("%-28s %10zu %25.2f%% %25.2f%%\n", "40, 80, 160, 320, 500", num_at_once, 100 * shares.system,
                  100 * shares.known);
    }
  }

  void PrintFirstToken() const {
    Model model(runtime, path, type, int64_t{256} << 20);
    PrintFirstToken(model);
  }

  static void PrintFirstToken(Model& model) {
    std::mt19937 system_random(7);
    std::mt19937 random(9);
    const Tokens system = model.Random(system_random, kSystemTokens);
    std::vector<double> hit, cold;
    for (int i = 0; i < 60; ++i) {
      for (const bool hits : {true, false}) {
        std::vector<Asked> one(1);
        if (hits) one[0].prompt = system;
        const Tokens own = model.Random(random, hits ? 8 : 64);
        one[0].prompt.insert(one[0].prompt.end(), own.begin(), own.end());
        const double seconds = model.Run(one, 1, 1);
        const bool counts = i >= 3 && (one[0].end.cache == SKEIN_CACHE_HIT) == hits;
        if (counts) (hits ? hit : cold).push_back(1e6 * seconds);
      }
    }
    std::printf("first token, us, median: %.0f behind 2,000 cached tokens and 8 others (%zu), %.0f behind 64 (%zu)\n",
                Median(hit), hit.size(), Median(cold), cold.size());
  }

  void PrintCost() const {
    Model with(runtime, path, type, int64_t{256} << 20);
    Model without(runtime, path, type, 0);
    std::mt19937 random(9);
    std::vector<double> ratios;
    for (int round = 0; round < 16; ++round) {
      std::vector<Asked> all(48);
      for (Asked& asked : all) asked.prompt = with.Random(random, 300);
      std::vector<Asked> same = all;
      double seconds[2];
      for (const int side : {round % 2, 1 - round % 2}) {
        seconds[side] = side == 0 ? with.Run(all, 16, 32) : without.Run(same, 16, 32);
      }
      if (round > 0) ratios.push_back(seconds[0] / seconds[1]);
    }
    std::printf("nothing shared: %.2f %% more time with the cache (median of %zu rounds)\n", 100 * (Median(ratios) - 1),
                ratios.size());
  }

  void PrintBudget() const {
    uint64_t state_bytes = 0;
    { state_bytes = Model(runtime, path, type, 0).state_bytes; }
    Model model(runtime, path, type, static_cast<int64_t>(8 * state_bytes + state_bytes / 2));
    std::mt19937 random(10);
    double most = 0;
    for (int round = 0; round < 40; ++round) {
      std::vector<Asked> all(4);
      for (Asked& asked : all) asked.prompt = model.Random(random, 100);
      model.Run(all, 4, 4);
      most = std::max(most, model.Metric("skein_prefix_cache_states"));
    }
    std::printf("budget of 8 states: %.0f at most, %.0f dropped\n", most,
                model.Metric("skein_prefix_cache_evictions_total"));
  }
};

// Runs `work` in a process of its own, which is the first in it to use the library.
void InProcess(const std::function<void()>& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::exit(0);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "shared_prefix: a process of its own failed\n");
    std::exit(1);
  }
}

struct SystemPrompts {
  const char* text;
  std::vector<uint32_t> sizes;
};

// The users of one process, whose model begins with what is in `folder`. The first process finds nothing there.
void Serve(const char* path, const char* type, const std::string& folder, const SystemPrompts& prompts,
           size_t num_at_once, bool is_first) {
  skein_error error = {};
  skein_runtime runtime = nullptr;
  Check(skein_runtime_create(nullptr, &runtime, &error), error);
  {
    Model model(runtime, path, type, int64_t{256} << 20, folder);
    const Program::Shares shares = Program::Conversations(model, prompts.sizes, num_at_once, is_first ? 8 : 10);
    std::printf("%-24s %-16s %10zu %25.2f%% %25.2f%%\n", prompts.text, is_first ? "first" : "after a restart",
                num_at_once, 100 * shares.system, 100 * shares.known);
    if (!is_first && prompts.sizes[0] == kSystemTokens) Program::PrintFirstToken(model);
  }
  Check(skein_runtime_release(runtime, &error), error);
}

void PrintRestarts(const char* path, const char* type, const std::string& folder) {
  if (std::filesystem::exists(folder) && !std::filesystem::is_empty(folder)) {
    std::fprintf(stderr, "shared_prefix: %s: expected an empty folder\n", folder.c_str());
    std::exit(2);
  }
  std::printf("%-24s %-16s %10s %26s %26s\n", "system prompt, tokens", "process", "at once", "of it from the cache",
              "of all known tokens");
  const SystemPrompts kinds[] = {{"2000", {kSystemTokens}}, {"40, 80, 160, 320, 500", {40, 80, 160, 320, 500}}};
  for (const SystemPrompts& prompts : kinds) {
    for (const size_t num_at_once : {1, 2, 64}) {
      for (const bool is_first : {true, false}) {
        InProcess([&] { Serve(path, type, folder, prompts, num_at_once, is_first); });
      }
      std::filesystem::remove_all(folder);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: shared_prefix MODEL [TYPE [--restart FOLDER]]\n");
    return 2;
  }
  if (argc == 5 && std::strcmp(argv[3], "--restart") == 0) {
    PrintRestarts(argv[1], argv[2], argv[4]);
    return 0;
  }
  skein_error error = {};
  skein_runtime runtime = nullptr;
  Check(skein_runtime_create(nullptr, &runtime, &error), error);
  const Program program = {runtime, argv[1], argc > 2 ? argv[2] : "auto"};
  program.PrintShares();
  program.PrintFirstToken();
  program.PrintCost();
  program.PrintBudget();
  Check(skein_runtime_release(runtime, &error), error);
  return 0;
}
