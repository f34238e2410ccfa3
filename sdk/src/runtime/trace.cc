#include "runtime/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/utf8.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// `text` within the quotes of a JSON string.
std::string JsonEscaped(absl::string_view text) {
  std::string escaped;
  for (const char c : ReplaceNonUtf8(text)) {
    if (c == '"' || c == '\\') {
      escaped += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&escaped, "\\u%04x", static_cast<unsigned>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

// The text of one event. It holds the start of one that is too long, and says so.
class Trace::Event {
 public:
  Event() { bytes_[0] = '\0'; }

  // printf allocates nothing for integers and strings.
  __attribute__((format(printf, 2, 3))) void Print(const char* format, ...) noexcept {
    va_list arguments;
    va_start(arguments, format);
    const int added = std::vsnprintf(bytes_.data() + size_, bytes_.size() - size_, format, arguments);
    va_end(arguments);
    is_whole_ = is_whole_ && added >= 0 && static_cast<size_t>(added) < bytes_.size() - size_;
    if (is_whole_) size_ += static_cast<size_t>(added);
  }
  void PrintArguments(absl::Span<const TraceArgument> arguments) noexcept {
    Print(",\"args\":{");
    for (size_t i = 0; i < arguments.size(); ++i) {
      Print("%s\"%s\":%" PRIu64, i == 0 ? "" : ",", arguments[i].name, arguments[i].value);
    }
    Print("}");
  }
  // A key whose value is a time in microseconds.
  void PrintTime(const char* key, Clock::duration time) noexcept {
    const int64_t nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
    const int64_t positive = nanoseconds < 0 ? 0 : nanoseconds;
    Print(",\"%s\":%" PRId64 ".%03d", key, positive / 1000, static_cast<int>(positive % 1000));
  }

  absl::string_view text() const { return {bytes_.data(), size_}; }
  bool is_whole() const { return is_whole_; }

 private:
  std::array<char, 512> bytes_;
  size_t size_ = 0;
  bool is_whole_ = true;
};

absl::StatusOr<std::unique_ptr<Trace>> Trace::Open(const std::string& path, Log& log) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.is_open()) {
    const int error = errno;
    return absl::ErrnoToStatus(error, absl::StrCat("trace: ", path));
  }
  return std::unique_ptr<Trace>(new Trace(path, std::move(file), log));
}

Trace::Trace(std::string path, Descriptor file, Log& log)
    : path_(std::move(path)),
      opened_(Clock::now()),
      log_(log),
      file_(std::move(file)),
      buffer_(new char[kBufferBytes]) {
  buffer_[0] = '[';
  buffered_bytes_ = 1;
}

Trace::~Trace() {
  Flush();
  const MutexLock lock(mutex_);
  if (!is_open_) return;
  std::memcpy(buffer_.get(), "\n]\n", 3);
  buffered_bytes_ = 3;
  Write();
}

uint32_t Trace::AddProcess(absl::string_view name) {
  const uint32_t process = last_process_.fetch_add(1, std::memory_order_relaxed) + 1;
  constexpr size_t kMaxNameBytes = 64;
  Event event;
  event.Print(R"({"ph":"M","name":"process_name","pid":%)" PRIu32 R"(,"args":{"name":"%s"}})", process,
              JsonEscaped(name.substr(0, kMaxNameBytes)).c_str());
  Add(event);
  return process;
}

void Trace::NameTrack(uint32_t process, uint32_t track, const char* name) noexcept {
  Event event;
  event.Print(R"({"ph":"M","name":"thread_name","pid":%)" PRIu32 R"(,"tid":%)" PRIu32 R"(,"args":{"name":"%s"}})",
              process, track, name);
  Add(event);
}

void Trace::Span(uint32_t process, uint32_t track, const char* name, Clock::time_point begin, Clock::time_point end,
                 absl::Span<const TraceArgument> arguments) noexcept {
  Event event;
  event.Print(R"({"ph":"X","name":"%s","pid":%)" PRIu32 R"(,"tid":%)" PRIu32, name, process, track);
  event.PrintTime("ts", begin - opened_);
  event.PrintTime("dur", end - begin);
  event.PrintArguments(arguments);
  event.Print("}");
  Add(event);
}

void Trace::BeginAsync(uint32_t process, const char* name, uint64_t id, Clock::time_point time) noexcept {
  Event event;
  event.Print(R"({"ph":"b","cat":"request","name":"%s","id":"%)" PRIu64 R"(","pid":%)" PRIu32 R"(,"tid":0)", name, id,
              process);
  event.PrintTime("ts", time - opened_);
  event.Print("}");
  Add(event);
}

void Trace::EndAsync(uint32_t process, const char* name, uint64_t id, Clock::time_point time,
                     absl::Span<const TraceArgument> arguments) noexcept {
  Event event;
  event.Print(R"({"ph":"e","cat":"request","name":"%s","id":"%)" PRIu64 R"(","pid":%)" PRIu32 R"(,"tid":0)", name, id,
              process);
  event.PrintTime("ts", time - opened_);
  event.PrintArguments(arguments);
  event.Print("}");
  Add(event);
}

void Trace::Add(const Event& event) noexcept {
  if (!event.is_whole() || !is_open_.load(std::memory_order_relaxed)) return;
  const absl::string_view text = event.text();
  const MutexLock lock(mutex_);
  if (!is_open_) return;
  const bool is_first = file_bytes_ + buffered_bytes_ == 1;
  const absl::string_view separator = is_first ? "\n" : ",\n";
  if (buffered_bytes_ + separator.size() + text.size() > kBufferBytes) Write();
  for (const absl::string_view part : {separator, text}) {
    std::memcpy(buffer_.get() + buffered_bytes_, part.data(), part.size());
    buffered_bytes_ += part.size();
  }
}

void Trace::Flush() noexcept {
  if (!is_open_.load(std::memory_order_relaxed)) return;
  const MutexLock lock(mutex_);
  if (is_open_) Write();
}

void Trace::Write() noexcept {
  size_t done = 0;
  while (done < buffered_bytes_) {
    const ssize_t written = write(file_.number(), buffer_.get() + done, buffered_bytes_ - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      GiveUp(written < 0 ? errno : EIO);
      break;
    }
    done += static_cast<size_t>(written);
  }
  if (is_open_) file_bytes_ += done;
  buffered_bytes_ = 0;
}

void Trace::GiveUp(int error) noexcept {
  is_open_ = false;
  // An event that was cut goes, so that the file can be read. A device cannot be cut.
  const bool is_cut = ftruncate(file_.number(), static_cast<off_t>(file_bytes_)) == 0;
  file_.Close();
  Guarded([&] {
    const char* what = is_cut ? "; the file has the events before" : "";
    log_.Add(SKEIN_LOG_WARNING, absl::StrCat("trace: ", path_, ": ", strerror(error), what, "; tracing ends"));
    return absl::OkStatus();
  }).IgnoreError();  // without memory there is no line
}

}  // namespace skein
