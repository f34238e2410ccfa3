// Steps beside other work: shared_machine MODEL [TYPE] [ROUNDS] [same | own]. Takes the steps of one stream, of 32
// streams and of a prompt beside no, one and two processes that spin, in turns, and prints a table: the time of a step,
// its ratio to that beside no process, and how many steps one thread did alone. It reads the threads' clocks through
// the C ABI's process alone, so that one program measures any version of the library (LD_LIBRARY_PATH).
//
// The processes that spin are of this program's session, or each has its own. That makes a difference where Linux
// groups the threads of a session (sched_autogroup): a processor is shared among sessions first, then in each among its
// threads. To yield it is to leave it to a thread of one's own session only.
//
// "Others" is the share of the machine that processes other than these had meanwhile: where it is not small, the row
// tells of them too.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::SecondsSince;

constexpr uint32_t kNumStreams = 32;
constexpr uint32_t kPromptTokens = 256;
constexpr size_t kMostSpinning = 2;
// A step belongs to one thread if all others together had less than this share of its time.
constexpr double kAloneShare = 0.1;

enum class Session { kSame, kOwn };

// A process that spins while it is told to. It is made before the library has threads.
class SpinningProcess {
 public:
  explicit SpinningProcess(Session session) : id_(fork()) {
    if (id_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (session == Session::kOwn) setsid();
    raise(SIGSTOP);
    for (volatile bool spins = true; spins;) {
    }
    _exit(0);
  }
  ~SpinningProcess() {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  SpinningProcess(const SpinningProcess&) = delete;
  SpinningProcess& operator=(const SpinningProcess&) = delete;

  void Start() { kill(id_, SIGCONT); }
  void Stop() { kill(id_, SIGSTOP); }
  double Seconds() const {
    clockid_t clock = 0;
    timespec time = {};
    if (clock_getcpuclockid(id_, &clock) == 0) clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

 private:
  const pid_t id_;
};

// The processor time of each thread of this process.
std::map<int, double> ThreadSeconds() {
  std::map<int, double> seconds;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const int id = std::atoi(entry.path().filename().c_str());
    // The kernel's number for the clock of a thread, which glibc has no name for outside the thread's own handle.
    const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(id) << 3 | 6);
    timespec time = {};
    if (clock_gettime(clock, &time) == 0) {
      seconds[id] = static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    }
  }
  return seconds;
}

// Processor time that all processes of the machine have had.
double MachineSeconds() {
  std::ifstream stat("/proc/stat");
  std::string name;
  stat >> name;
  double ticks = 0;
  for (int field = 0; field < 7; ++field) {  // user nice system idle iowait irq softirq
    double value = 0;
    stat >> value;
    if (field != 3 && field != 4) ticks += value;
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ProcessSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// A model with its streams. The process ends with it, so nothing is released.
class Model {
 public:
  Model(const char* path, const char* type) {
    skein_error error = {};
    skein_runtime runtime = nullptr;
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "type", type, &error), error);
    Check(skein_model_load(runtime, path, options, &model_, &error), error);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_model_get_info(model_, &info, &error), error);
    logits_.resize(size_t{kNumStreams} * info.vocab_size);
    for (uint32_t i = 0; i < kPromptTokens; ++i) tokens_.push_back(i * 7919 % info.vocab_size);
    for (uint32_t i = 0; i < kNumStreams; ++i) {
      skein_eval_item item = {};
      Check(skein_stream_create(model_, nullptr, &item.stream, &error), error);
      item.tokens = tokens_.data();
      item.output = logits_.data() + size_t{i} * info.vocab_size;
      item.output_capacity = info.vocab_size;
      item.output_kind = SKEIN_OUTPUT_LAST_LOGITS;
      items_.push_back(item);
    }
  }

  void Step(uint32_t num_streams, uint32_t num_tokens) {
    for (uint32_t i = 0; i < num_streams; ++i) items_[i].num_tokens = num_tokens;
    skein_error error = {};
    Check(skein_eval(model_, items_.data(), sizeof(skein_eval_item), num_streams, &error), error);
  }

 private:
  skein_model model_ = nullptr;
  std::vector<skein_token> tokens_;
  std::vector<float> logits_;
  std::vector<skein_eval_item> items_;
};

struct Work {
  const char* name;
  uint32_t num_streams, num_tokens, steps_per_round;
};
constexpr Work kWorks[] = {
    {"decode, 1 stream", 1, 1, 60}, {"decode, 32 streams", kNumStreams, 1, 20}, {"prompt of 256", 1, kPromptTokens, 8}};

struct Figures {
  std::vector<double> seconds;
  uint32_t num_alone = 0;
  double others_seconds = 0;

  double Quantile(double share) const {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
  }
  double Sum() const {
    double sum = 0;
    for (const double step : seconds) sum += step;
    return sum;
  }
  double Mean() const { return Sum() / static_cast<double>(seconds.size()); }
};

using Processes = std::array<SpinningProcess, kMostSpinning>;

double OwnSeconds(const Processes& processes) {
  double seconds = ProcessSeconds();
  for (const SpinningProcess& process : processes) seconds += process.Seconds();
  return seconds;
}

bool WasAlone(const std::map<int, double>& before) {
  double sum = 0, most = 0;
  for (const auto& [id, seconds] : ThreadSeconds()) {
    const auto old = before.find(id);
    const double spent = seconds - (old == before.end() ? 0 : old->second);
    sum += spent;
    most = std::max(most, spent);
  }
  return sum - most < kAloneShare * sum;
}

void Measure(Model& model, const Work& work, const Processes& processes, Figures& figures) {
  model.Step(work.num_streams, work.num_tokens);  // first use of memory, and of the processes
  const double others_before = MachineSeconds() - OwnSeconds(processes);
  for (uint32_t i = 0; i < work.steps_per_round; ++i) {
    const std::map<int, double> before = ThreadSeconds();
    const Clock::time_point start = Clock::now();
    model.Step(work.num_streams, work.num_tokens);
    figures.seconds.push_back(SecondsSince(start));
    figures.num_alone += WasAlone(before);
  }
  figures.others_seconds += MachineSeconds() - OwnSeconds(processes) - others_before;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string session_name = argc > 4 ? argv[4] : "same";
  if (argc < 2 || argc > 5 || (session_name != "same" && session_name != "own")) {
    std::fprintf(stderr, "usage: shared_machine MODEL [TYPE] [ROUNDS] [same | own]\n");
    return 2;
  }
  const Session session = session_name == "own" ? Session::kOwn : Session::kSame;
  Processes processes = {SpinningProcess(session), SpinningProcess(session)};
  Model model(argv[1], argc > 2 ? argv[2] : "auto");
  const int num_rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  std::array<std::array<Figures, kMostSpinning + 1>, std::size(kWorks)> figures;
  for (int round = 0; round < num_rounds; ++round) {
    for (size_t num_spinning = 0; num_spinning <= kMostSpinning; ++num_spinning) {
      for (size_t i = 0; i < num_spinning; ++i) processes[i].Start();
      for (size_t i = 0; i < std::size(kWorks); ++i) Measure(model, kWorks[i], processes, figures[i][num_spinning]);
      for (SpinningProcess& process : processes) process.Stop();
    }
  }
  std::printf("%-20s %8s %10s %10s %10s %8s %10s %8s\n", "step", "spinning", "mean ms", "median ms", "p90 ms", "ratio",
              "% alone", "% others");
  for (size_t i = 0; i < std::size(kWorks); ++i) {
    for (size_t num_spinning = 0; num_spinning <= kMostSpinning; ++num_spinning) {
      const Figures& own = figures[i][num_spinning];
      const auto processors = static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
      std::printf("%-20s %8zu %10.2f %10.2f %10.2f %8.2f %10.1f %8.1f\n", kWorks[i].name, num_spinning,
                  1e3 * own.Mean(), 1e3 * own.Quantile(0.5), 1e3 * own.Quantile(0.9), own.Mean() / figures[i][0].Mean(),
                  100.0 * own.num_alone / static_cast<double>(own.seconds.size()),
                  100 * own.others_seconds / (own.Sum() * processors));
    }
  }
  std::fflush(stdout);
  return 0;
}
