// skein plugins: the plugins that were found, and those that were refused, with the reason. --probe loads one in a
// helper process, so that a plugin that crashes, hangs or ends its process does no harm.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "failure.h"
#include "output.h"
#include "session.h"
#include "table.h"

namespace skein::cli {
namespace {

using Json = nlohmann::ordered_json;

// The descriptor on which the helper process answers. Not stdout, because a plugin may print.
constexpr int kAnswerDescriptor = 3;
constexpr std::chrono::seconds kProbeTime(30);

const char* KindName(uint32_t kind) {
  switch (kind) {
    case SKEIN_PLUGIN_KIND_BACKEND:
      return "backend";
    case SKEIN_PLUGIN_KIND_FORMAT:
      return "format";
    case SKEIN_PLUGIN_KIND_TOKENIZER:
      return "tokenizer";
    default:
      return "-";
  }
}

// Every file that the runtime looked at.
Json Records(const Runtime& runtime) {
  Json records = Json::array();
  for (const skein_plugin_info& info : runtime.Plugins()) {
    records.push_back({{"path", info.path},
                       {"loaded", info.loaded != 0},
                       {"kind", KindName(info.kind)},
                       {"id", info.id},
                       {"version", info.version},
                       {"abi", info.abi},
                       {"reason", info.reason}});
  }
  return records;
}

// A record of a plugin that was not loaded, in the form of Records.
Json RefusedRecord(const std::string& path, const std::string& reason) {
  return {{"path", path},  {"loaded", false}, {"kind", "-"},     {"id", ""},
          {"version", ""}, {"abi", 0},        {"reason", reason}};
}

// JSON text; bytes of paths and messages that are no UTF-8 become U+FFFD.
std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string FormatRecords(const Json& records) {
  std::vector<std::vector<std::string>> rows = {{"STATUS", "KIND", "ID", "VERSION", "ABI", "FILE"}};
  std::string reasons;
  for (const Json& record : records) {
    const bool loaded = record.at("loaded").get<bool>();
    const auto or_dash = [&](const char* key) {
      const auto text = record.at(key).get<std::string>();
      return text.empty() ? std::string("-") : text;
    };
    rows.push_back({loaded ? "loaded" : "refused", or_dash("kind"), or_dash("id"), or_dash("version"),
                    loaded ? std::to_string(record.at("abi").get<uint32_t>()) : "-", or_dash("path")});
    const std::string reason = record.at("reason").get<std::string>();
    if (reason.empty()) continue;
    // Most reasons name the file.
    const bool names_file = reason.starts_with(or_dash("path"));
    reasons += (loaded ? "left out: " : "refused: ") + (names_file ? "" : or_dash("path") + ": ") + reason + "\n";
  }
  return FormatTable(rows) + (reasons.empty() ? "" : "\n" + reasons);
}

// --- the helper process ---

// Loads the plugin and nothing else, asks a backend for its devices, and writes one JSON object on kAnswerDescriptor.
int AnswerProbe(const Arguments& arguments) {
  if (arguments.operands().empty()) throw UsageError("probe-plugin: expected a file");
  const std::string& path = arguments.operands()[0];
  const Runtime runtime(RuntimeOptions{{"search", 0}});
  Json record;
  try {
    runtime.LoadPlugin(path);
    record = Records(runtime).at(0);
    record["devices"] = Json::array();
    for (const skein_device_info& device : runtime.Devices()) record["devices"].push_back(device.name);
  } catch (const Error& failure) {
    record = RefusedRecord(path, failure.what());
  }
  const std::string answer = Dump(record, -1);
  return write(kAnswerDescriptor, answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1;
}

// --- the process that asks ---

// Both ends of a pipe; closed when it goes.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw Failure(std::string("plugins: no pipe: ") + std::strerror(errno));
  }
  ~Pipe() {
    close(ends_[0]);
    CloseWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void CloseWriter() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

// Starts this program as `skein probe-plugin PATH`, its answers going into `pipe`, its stdout to stderr.
pid_t StartHelper(const std::string& path, const Pipe& pipe) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer(), kAnswerDescriptor);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  std::vector<std::string> words = {"skein", "probe-plugin", "--", path};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t process = 0;
  const int error = posix_spawn(&process, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Failure(std::string("plugins: the helper process does not start: ") + std::strerror(error));
  return process;
}

// The bytes of the pipe until its end; nothing if kProbeTime passes first.
std::optional<std::string> ReadAnswer(int descriptor) {
  const auto deadline = std::chrono::steady_clock::now() + kProbeTime;
  std::string answer;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting = {descriptor, POLLIN, 0};
    const int ready = left.count() > 0 ? poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    char piece[4096];
    const ssize_t size = read(descriptor, piece, sizeof(piece));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return answer;
    answer.append(piece, static_cast<size_t>(size));
  }
}

// The record of the plugin at `path`, loaded in a helper process.
Json Probe(const std::string& path) {
  Pipe pipe;
  const pid_t process = StartHelper(path, pipe);
  pipe.CloseWriter();
  const std::optional<std::string> answer = ReadAnswer(pipe.reader());
  if (!answer) kill(process, SIGKILL);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!answer) {
    return RefusedRecord(path, "did not answer within " + std::to_string(kProbeTime.count()) + " seconds");
  }
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return RefusedRecord(path,
                         "its process was ended by signal " + std::to_string(number) + " (" + strsignal(number) + ")");
  }
  Json record = Json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) {
    return RefusedRecord(
        path, "its process ended with exit code " + std::to_string(WEXITSTATUS(status)) + " before it answered");
  }
  return record;
}

int ProbeAndReport(const std::string& file, bool json) {
  // A path, so that the loader does not search its folders for a bare name.
  const std::string path = std::filesystem::absolute(file).string();
  const Json record = Probe(path);
  const bool loaded = record.at("loaded").get<bool>();
  if (json) {
    DataWriter().Write(Dump(record, 2) + "\n");
  } else if (loaded) {
    std::string text = FormatRecords(Json::array({record}));
    for (const Json& device : record.at("devices")) text += "device: " + device.get<std::string>() + "\n";
    DataWriter().Write(text);
  }
  if (loaded) return 0;
  const auto reason = record.at("reason").get<std::string>();
  // The library's messages name the file; those about the helper process do not.
  Note("skein: " + (reason.find(path) == std::string::npos ? path + ": " : "") + reason);
  return 1;
}

int ListPlugins(const Arguments& arguments) {
  if (const auto file = arguments.Text("probe")) return ProbeAndReport(*file, arguments.Has("json"));
  const Session session(arguments);
  const Json records = Records(session.runtime());
  DataWriter().Write(arguments.Has("json") ? Dump(records, 2) + "\n" : FormatRecords(records));
  return 0;
}

}  // namespace

Command PluginsCommand() {
  return {
      .name = "plugins",
      .synopsis = "[--probe FILE] [options]",
      .summary = "list the plugins found, and why others were refused",
      .options = WithRuntimeOptions({
          {.name = "probe",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "load one plugin in a helper process and say whether it fits"},
          {.name = "json", .help = "as JSON"},
      }),
      .run = ListPlugins,
  };
}

Command ProbePluginCommand() {
  return {
      .name = "probe-plugin",
      .synopsis = "FILE",
      .summary = "the helper process of `skein plugins --probe`: answers on descriptor 3",
      .max_operands = 1,
      .options = {},
      .run = AnswerProbe,
      .hidden = true,
  };
}

}  // namespace skein::cli
