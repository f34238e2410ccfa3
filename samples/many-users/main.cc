// Many conversations with one model in one process: many-users MODEL [USERS]. Every user talks to the same persona,
// which the model reads once: a prefix object, from whose state all streams start. Each user says three things; what
// others have said first is not read again. While they are answered, a table shows how many tokens a second the process
// writes, how many tokens of prompts it had to read, how many prompts went on from a cached state, and how many streams
// are parked in host memory; then every user takes the last turn back.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "skein/skein.hpp"

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

struct User {
  skein::Stream stream;
  uint32_t num_turns = 0;        // that were answered
  uint64_t last_turn_begin = 0;  // position
};

class Village {
 public:
  Village(const char* model_path, uint32_t num_users)
      : model_(runtime_, model_path, {{"max_streams", num_users + 1}}), users_(num_users) {}

  // One stream reads the persona. All others start from its state, which is not copied.
  void ReadPersona() {
    const skein::Stream reader(model_);
    Submit(reader, kPersona, 0, 1);
    for (const skein::Event& event : queue_) event.ThrowIfError();
    persona_ = skein::Prefix(reader, "shepherd", "samples/many-users");
    for (User& user : users_) user.stream = persona_.Start();
  }

  // All users talk at once; who was answered speaks again.
  void Talk() {
    start_ = Clock::now();
    std::printf("%8s %8s %9s %9s %12s %11s %7s\n", "seconds", "talking", "answered", "tokens/s", "tokens read",
                "cache hits", "parked");
    for (uint64_t i = 0; i < users_.size(); ++i) Say(i);
    Clock::time_point shown = start_;
    for (const skein::Event& event : queue_) {
      Take(event);
      if (Clock::now() - shown < std::chrono::milliseconds(500)) continue;
      shown = Clock::now();
      PrintRow();
    }
    PrintRow();
    std::printf("The persona's %llu tokens were read once, for %zu users.\n",
                static_cast<unsigned long long>(persona_.Info().position), users_.size());
  }

  // Every user takes the last turn back.
  void Undo() {
    uint64_t num_reread = 0;
    const Clock::time_point start = Clock::now();
    for (const User& user : users_) num_reread += user.stream.Truncate(user.last_turn_begin);
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    const auto num_users = static_cast<double>(users_.size());
    std::printf("Taking back a turn: %.2f ms and %.1f tokens read again for each user.\n", milliseconds / num_users,
                static_cast<double>(num_reread) / num_users);
  }

 private:
  void Say(uint64_t number) {
    User& user = users_[number];
    user.last_turn_begin = user.stream.Position();
    Submit(user.stream, kWords[(number + user.num_turns) % std::size(kWords)], number, kAnswerTokens);
  }

  // `number` comes back in the events, which also come without the request's owner.
  void Submit(const skein::Stream& stream, const char* text, uint64_t number, int64_t max_tokens) {
    const skein::Request request(stream, text, {{"max_tokens", max_tokens}, {"stop_at_end", 0}});
    request.SetUserData(number);
    queue_.Submit(request);
  }

  void Take(const skein::Event& event) {
    event.ThrowIfError();
    if (event.is_token()) ++num_tokens_;
    if (!event.is_terminal()) return;
    num_read_ += event.num_prompt_tokens - event.num_cached_tokens;
    if (event.cache == SKEIN_CACHE_HIT) ++num_hits_;
    ++num_answered_;
    if (++users_[event.user_data].num_turns < kNumTurns) Say(event.user_data);
  }

  void PrintRow() {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::printf("%8.1f %8zu %9u %9.0f %12llu %11u %7llu\n", seconds, queue_.num_running(), num_answered_,
                static_cast<double>(num_tokens_) / seconds, static_cast<unsigned long long>(num_read_), num_hits_,
                static_cast<unsigned long long>(NumParked()));
    std::fflush(stdout);
  }

  // States that lie in host memory, as the metrics have it.
  uint64_t NumParked() const {
    const std::string text = runtime_.Metrics(), key = "place=\"host_memory\"} ";
    const size_t at = text.find(key);
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + key.size(), nullptr, 10);
  }

  skein::Runtime runtime_;
  skein::Model model_;
  skein::Queue queue_{runtime_};
  skein::Prefix persona_;
  std::vector<User> users_;
  uint32_t num_answered_ = 0, num_hits_ = 0;
  uint64_t num_tokens_ = 0, num_read_ = 0;
  Clock::time_point start_;
};

}  // namespace

int main(int argc, char** argv) {
  const int num_users = argc > 2 ? std::atoi(argv[2]) : 200;
  if (argc < 2 || argc > 3 || num_users < 1 || num_users > 100000) {
    std::fprintf(stderr, "usage: many-users MODEL [USERS]\n");
    return 2;
  }
  try {
    Village village(argv[1], static_cast<uint32_t>(num_users));
    village.ReadPersona();
    village.Talk();
    village.Undo();
  } catch (const skein::Error& error) {
    std::fprintf(stderr, "many-users: %s: %s\n", error.code_name(), error.what());
    return 1;
  }
  return 0;
}
