// Many conversations with one model in one process: many-users MODEL [USERS]. Every user talks to the same persona,
// which the model reads once: a prefix object, from whose state all streams start. Each user says three things; what
// others have said first is not read again. While they are answered, a table shows how many tokens a second the process
// writes, how many tokens of prompts it had to read, how many prompts went on from a cached state, and how many streams
// are parked in host memory; then every user takes the last turn back. C++ over the C ABI of skein alone.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "skein/skein.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr char kPersona[] =
    "This is the book of the shepherd who lived in the hills beyond the river. He answered all who came to him, the "
    "king and the beggar alike, in few words, and he spoke of the sea, of bread and of the stars.\n";
constexpr const char* kWords[] = {"And they asked him, Where is the water?", "And one said, Tell us of thy father.",
                                  "And the king said, What shall I do?", "And she asked, Who made the stars?",
                                  "And he said, Give us bread."};
constexpr uint32_t kNumTurns = 3;
constexpr int64_t kAnswerTokens = 16;

// Every call of the ABI returns its status and fills `error`.
void Check(skein_status status, const skein_error& error) {
  if (status == SKEIN_OK) return;
  std::fprintf(stderr, "many-users: %s: %s\n", skein_status_name(status), error.message);
  std::exit(1);
}

struct User {
  skein_stream stream = nullptr;
  uint32_t num_turns = 0;        // that were answered
  uint64_t last_turn_begin = 0;  // position
};

// Nothing of it is released, because the process ends with it.
class Village {
 public:
  Village(const char* model_path, uint32_t num_users) : users_(num_users) {
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime_, &error_), error_);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error_), error_);
    Check(skein_options_set_i64(options, "max_streams", int64_t{num_users} + 1, &error_), error_);
    Check(skein_model_load(runtime_, model_path, options, &model_, &error_), error_);
    Check(skein_options_release(options, &error_), error_);
    Check(skein_queue_create(runtime_, nullptr, &queue_, &error_), error_);
  }

  // One stream reads the persona. All others start from its state, which is not copied.
  void ReadPersona() {
    skein_stream reader = nullptr;
    Check(skein_stream_create(model_, nullptr, &reader, &error_), error_);
    Submit(reader, kPersona, 0, 1);
    while (num_running_ > 0) TakeEvents();
    Check(skein_prefix_create(reader, "shepherd", "samples/many-users", &persona_, &error_), error_);
    Check(skein_stream_release(reader, &error_), error_);
    num_tokens_ = num_read_ = 0;
    for (User& user : users_) Check(skein_prefix_start(persona_, nullptr, &user.stream, &error_), error_);
  }

  // All users talk at once; who was answered speaks again.
  void Talk() {
    start_ = Clock::now();
    std::printf("%8s %8s %9s %9s %12s %11s %7s\n", "seconds", "talking", "answered", "tokens/s", "tokens read",
                "cache hits", "parked");
    for (uint64_t i = 0; i < users_.size(); ++i) Say(i);
    Clock::time_point shown = start_;
    while (num_running_ > 0) {
      TakeEvents();
      if (Clock::now() - shown < std::chrono::milliseconds(500)) continue;
      shown = Clock::now();
      PrintRow();
    }
    PrintRow();
    std::printf("The persona's %llu tokens were read once, for %zu users.\n", PersonaTokens(), users_.size());
  }

  // Every user takes the last turn back.
  void Undo() {
    uint64_t num_reread = 0;
    const Clock::time_point start = Clock::now();
    for (const User& user : users_) {
      uint64_t replayed = 0;
      Check(skein_stream_truncate(user.stream, user.last_turn_begin, &replayed, &error_), error_);
      num_reread += replayed;
    }
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    const auto num_users = static_cast<double>(users_.size());
    std::printf("Taking back a turn: %.2f ms and %.1f tokens read again for each user.\n", milliseconds / num_users,
                static_cast<double>(num_reread) / num_users);
  }

 private:
  unsigned long long PersonaTokens() {
    skein_prefix_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_prefix_get_info(persona_, &info, &error_), error_);
    return info.position;
  }

  void Say(uint64_t number) {
    User& user = users_[number];
    Check(skein_stream_position(user.stream, &user.last_turn_begin, &error_), error_);
    Submit(user.stream, kWords[(number + user.num_turns) % std::size(kWords)], number, kAnswerTokens);
  }

  // `number` comes back in the events.
  void Submit(skein_stream stream, const std::string& text, uint64_t number, int64_t max_tokens) {
    skein_request request = nullptr;
    skein_options options = nullptr;
    Check(skein_request_create(stream, &request, &error_), error_);
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error_), error_);
    Check(skein_options_set_i64(options, "max_tokens", max_tokens, &error_), error_);
    Check(skein_options_set_i64(options, "stop_at_end", 0, &error_), error_);
    Check(skein_request_set_options(request, options, &error_), error_);
    Check(skein_request_set_prompt(request, text.data(), text.size(), &error_), error_);
    Check(skein_request_set_user_data(request, number, &error_), error_);
    Check(skein_queue_submit(queue_, &request, 1, &error_), error_);
    Check(skein_request_release(request, &error_), error_);  // its events still come
    Check(skein_options_release(options, &error_), error_);
    ++num_running_;
  }

  void TakeEvents() {
    skein_event events[64];
    char text[8192];
    uint32_t ready = 0, count = 0;
    uint64_t text_bytes = 0;
    Check(skein_queue_wait(queue_, 500, &ready, &error_), error_);
    Check(skein_queue_poll(queue_, events, sizeof(events[0]), 64, text, sizeof(text), &count, &text_bytes, &error_),
          error_);
    for (uint32_t i = 0; i < count; ++i) Take(events[i], text + events[i].text_offset);
  }

  void Take(const skein_event& event, const char* text) {
    if (event.kind == SKEIN_EVENT_TOKEN) {
      ++num_tokens_;
      return;
    }
    if (event.kind != SKEIN_EVENT_DONE) {
      std::fprintf(stderr, "many-users: %.*s\n", static_cast<int>(event.text_bytes), text);
      std::exit(1);
    }
    --num_running_;
    num_read_ += event.num_prompt_tokens - event.num_cached_tokens;
    if (event.cache == SKEIN_CACHE_HIT) ++num_hits_;
    if (persona_ == nullptr) return;  // it is being read
    ++num_answered_;
    if (++users_[event.user_data].num_turns < kNumTurns) Say(event.user_data);
  }

  void PrintRow() {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::printf("%8.1f %8u %9u %9.0f %12llu %11u %7llu\n", seconds, num_running_, num_answered_,
                static_cast<double>(num_tokens_) / seconds, static_cast<unsigned long long>(num_read_), num_hits_,
                NumParked());
    std::fflush(stdout);
  }

  // States that lie in host memory, as the metrics have it.
  unsigned long long NumParked() {
    std::string text(1 << 20, '\0');
    uint64_t size = 0;
    Check(skein_runtime_metrics(runtime_, text.data(), text.size(), &size, &error_), error_);
    const std::string key = "place=\"host_memory\"} ";
    const size_t at = text.find(key);
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
  }

  skein_error error_ = {};
  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  skein_prefix persona_ = nullptr;
  std::vector<User> users_;
  uint32_t num_running_ = 0, num_answered_ = 0, num_hits_ = 0;
  uint64_t num_tokens_ = 0, num_read_ = 0;
  Clock::time_point start_;
};

}  // namespace

int main(int argc, char** argv) {
  const long num_users = argc > 2 ? std::atol(argv[2]) : 200;
  if (argc < 2 || argc > 3 || num_users < 1 || num_users > 100000) {
    std::fprintf(stderr, "usage: many-users MODEL [USERS]\n");
    return 2;
  }
  Village village(argv[1], static_cast<uint32_t>(num_users));
  village.ReadPersona();
  village.Talk();
  village.Undo();
  return 0;
}
