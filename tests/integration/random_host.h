// A host that does random things with streams of a model: submits, cancels, forks, takes snapshots, restores, resets,
// goes back, branches off, evaluates, saves and loads files, and makes prefix objects and starts from them. It notes
// what each request was and gave. Many prompts begin with a text that all hosts have. Some hold a token that a device
// is told to fail.
#ifndef SKEIN_TESTS_INTEGRATION_RANDOM_HOST_H_
#define SKEIN_TESTS_INTEGRATION_RANDOM_HOST_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/host.h"
#include "tests/support/remove_folder.h"

namespace skein::test {

// The device fails entries that feed this token.
inline constexpr uint32_t kPoison = 40;

// One in so many requests and streams is compared with what it is alone. The sanitizers look at what happens at the
// same time: with them the hosts do no less, and fewer results are computed again, one after the other.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr size_t kOneIn = 8;
#else
inline constexpr size_t kOneIn = 1;
#endif

// Of a model that Load loads.
inline constexpr int64_t kMaxStreams = 400;

// The tokens that a stream has read, as the host knows them from events.
struct History {
  std::vector<uint32_t> tokens;
  bool has_pending = false;  // the last token was sampled and not fed
  size_t num_unknown = 0;    // tokens that the stream does not know, because it was restored behind them
};

// A request, and what came of it.
struct Record {
  History before;
  std::vector<uint32_t> prompt;
  int64_t max_tokens = 0;
  int64_t seed = 0;
  double temperature = 0;
  std::vector<uint32_t> tokens;  // delivered
  uint64_t num_cached = 0;       // tokens of the prompt that the prefix cache had
  uint32_t end = 0;
  uint32_t reason = 0;
};

struct Setting {
  const char* name;
  const char* file;
  const char* device;
  const char* type;
  int64_t max_batch_tokens;
  bool poisons;
  size_t num_requests;          // of each host
  bool has_few_places = false;  // for states: most of them are on disk
};

inline std::ostream& operator<<(std::ostream& out, const Setting& setting) { return out << setting.name; }

inline std::string PathOf(const Setting& setting) {
  return setting.file[0] == '/' ? setting.file : DataPath(setting.file);
}
inline std::string StateFolderOf(const Setting& setting) {
  return ::testing::TempDir() + "/states-" + setting.name + "-" + std::to_string(getpid());
}

// A model with a few slots and a few places in host memory. It begins with no states on disk, and has room for at least
// a thousand there: the copies of the prefix cache, of which memory has a record each, are soon as many as there may
// be.
inline OwnedModel LoadWithFewPlaces(skein_runtime runtime, const Setting& setting) {
  const std::string path = PathOf(setting);
  RemoveFolder(StateFolderOf(setting));
  OwnedModel model;
  skein_error error = {};
  constexpr uint64_t kMostBesideAState = 32 << 10;  // in its place on disk
  uint64_t state_bytes;
  {
    const OwnedModel any = LoadModel(runtime, path, "cpu");
    state_bytes = InfoOf(any.get()).num_state_floats * sizeof(float);
  }
  const OwnedOptions options = MakeOptions(
      SKEIN_OPTIONS_MODEL,
      {{"device", setting.device},
       {"type", setting.type},
       {"state_memory", std::to_string(9 * state_bytes)},
       {"state_host_memory", std::to_string(20 * state_bytes)},
       {"state_disk", std::to_string(1000 * (state_bytes + kMostBesideAState))},
       {"state_folder", StateFolderOf(setting)}},
      {{"max_streams", kMaxStreams}, {"max_batch_streams", 12}, {"max_batch_tokens", setting.max_batch_tokens}});
  EXPECT_TRUE(Ok(skein_model_load(runtime, path.c_str(), options.get(), model.out(), &error), error));
  return model;
}

// `prefix_cache`: bytes; -1: the default.
inline OwnedModel Load(skein_runtime runtime, const Setting& setting, int64_t max_batch_tokens,
                       int64_t prefix_cache = -1) {
  OwnedModel model;
  skein_error error = {};
  std::vector<std::pair<std::string, int64_t>> numbers = {
      {"max_streams", kMaxStreams}, {"max_batch_streams", kMaxStreams}, {"max_batch_tokens", max_batch_tokens}};
  if (prefix_cache >= 0) numbers.emplace_back("prefix_cache", prefix_cache);
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", setting.device}, {"type", setting.type}}, numbers);
  EXPECT_TRUE(Ok(skein_model_load(runtime, PathOf(setting).c_str(), options.get(), model.out(), &error), error));
  return model;
}

inline OwnedRequest MakeRequest(skein_stream stream, const Record& record, uint64_t user_data) {
  OwnedRequest request;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
  EXPECT_TRUE(
      Ok(skein_request_set_prompt_tokens(request.get(), record.prompt.data(), record.prompt.size(), &error), error));
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", record.max_tokens}, {"seed", record.seed}},
                  {{"temperature", record.temperature}});
  EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
  EXPECT_TRUE(Ok(skein_request_set_logit_bias(request.get(), kPoison, -INFINITY, &error), error));
  EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
  return request;
}

inline skein_status Feed(skein_model model, skein_stream stream, const std::vector<uint32_t>& tokens) {
  skein_eval_item item = {};
  item.stream = stream;
  item.tokens = tokens.data();
  item.num_tokens = tokens.size();
  return skein_eval(model, &item, sizeof(item), 1, nullptr);
}

// One host with its own streams and its own queue. It does random things with them until it has submitted as many
// requests as it should, and then waits for the rest.
class Host {
 public:
  Host(const Setting& setting, skein_runtime runtime, skein_model model, uint32_t seed)
      : setting_(setting),
        model_(model),
        vocab_size_(InfoOf(model).vocab_size),
        random_(seed),
        file_(::testing::TempDir() + "/random-host-" + setting.name + "-" + std::to_string(getpid()) + "-" +
              std::to_string(seed)) {
    EXPECT_EQ(skein_queue_create(runtime, nullptr, queue_.out(), nullptr), SKEIN_OK);
    std::mt19937 common(7);
    for (std::vector<uint32_t>& text : common_texts_) text = SomeTokens(common, 20, 60);
  }
  ~Host() { std::filesystem::remove(file_); }

  void Run(size_t num_streams, size_t num_requests) {
    for (size_t i = 0; i < num_streams; ++i) seats_.push_back({MakeStream(model_), {}, {}, {}, {}});
    while (records_.size() < num_requests) {
      Act(seats_[Below(seats_.size())]);
      TakeEvents(0);
    }
    while (num_running_ > 0 && !::testing::Test::HasFailure()) TakeEvents(20000);
  }

  // After Run: the states, one in kOneIn, are those of streams of `other` that read the same tokens alone, to the bit.
  void ExpectStatesAsAlone(skein_model other) const {
    for (size_t i = 0; i < seats_.size(); i += kOneIn) {
      const Seat& seat = seats_[i];
      std::vector<uint32_t> read = seat.history.tokens;
      if (seat.history.has_pending) read.pop_back();
      const OwnedStream alone = MakeStream(other);
      if (!read.empty()) {
        ASSERT_EQ(Feed(other, alone.get(), read), SKEIN_OK);
      }
      ASSERT_TRUE(StateOf(seat.stream.get()) == StateOf(alone.get())) << "behind " << read.size() << " tokens";
    }
  }

  std::vector<std::unique_ptr<Record>> records_;  // by user data

 private:
  // A stream and what the host knows of it.
  struct Seat {
    OwnedStream stream;
    History history;
    History origin;        // where a reset takes it
    OwnedRequest request;  // runs if its handle is there
    size_t record = 0;
  };

  // A prefix object, and what it has read.
  struct Place {
    OwnedPrefix prefix;
    History history;
  };

  uint32_t Below(size_t bound) { return static_cast<uint32_t>(random_() % bound); }

  // None of them is the poison.
  std::vector<uint32_t> SomeTokens(std::mt19937& random, size_t least, size_t most) const {
    std::vector<uint32_t> tokens(least + random() % (most - least + 1));
    for (uint32_t& token : tokens) {
      do token = 1 + static_cast<uint32_t>(random() % (vocab_size_ - 1));
      while (token == kPoison);
    }
    return tokens;
  }

  std::vector<uint32_t> SomeTokens(size_t least, size_t most) {
    std::vector<uint32_t> tokens = SomeTokens(random_, least, most);
    if (setting_.poisons && !tokens.empty() && Below(8) == 0) tokens[Below(tokens.size())] = kPoison;
    return tokens;
  }

  void Act(Seat& seat) {
    const bool runs = seat.request.get() != nullptr;
    switch (Below(20)) {
      case 0:
        if (!runs) return;
        EXPECT_EQ(skein_request_cancel(seat.request.get(), nullptr), SKEIN_OK);
        return;
      case 1:
        if (!runs) Fork(seat);
        return;
      case 2:
        if (!runs) Restore(seat);
        return;
      case 3:
        if (!runs) Eval(seat);
        return;
      case 4:
        if (runs || Below(4) != 0) return;
        EXPECT_EQ(skein_stream_reset(seat.stream.get(), nullptr), SKEIN_OK);
        seat.history = seat.origin;
        return;
      case 5:
        if (!runs) Truncate(seat);
        return;
      case 6:
        if (!runs) ForkAt(seat);
        return;
      case 7:
        if (!runs) MakePlace(seat);
        return;
      case 8:
        if (!runs) StartAtPlace(seat);
        return;
      case 9:
        if (!runs && Below(3) == 0) SaveAndLoad(seat);
        return;
      case 10:
        if (Below(3) == 0) SaveAndLoadPlace();
        return;
      default:
        if (!runs) Submit(seat);
    }
  }

  // Takes the history back to a random position that is known, and gives that.
  uint64_t GoBack(History& history) {
    const size_t position = history.num_unknown + Below(history.tokens.size() - history.num_unknown + 1);
    if (position < history.tokens.size()) history.has_pending = false;
    history.tokens.resize(position);
    return position;
  }

  // Whether a way back was found. In a stream that was restored, the state at its begin may be gone.
  static bool IsBack(skein_status status, const History& history, const skein_error& error) {
    const bool is_gone = status == SKEIN_OUT_OF_RANGE && history.num_unknown > 0;
    EXPECT_TRUE(is_gone || Ok(status, error));
    return status == SKEIN_OK;
  }

  void Truncate(Seat& seat) {
    History history = seat.history;
    const uint64_t position = GoBack(history);
    uint64_t replayed = 0;
    skein_error error = {};
    if (!IsBack(skein_stream_truncate(seat.stream.get(), position, &replayed, &error), history, error)) return;
    EXPECT_LE(replayed, position);
    seat.history = std::move(history);
    ExpectTokens(seat);
  }

  void ForkAt(Seat& seat) {
    Seat& other = seats_[Below(seats_.size())];
    if (&other == &seat || other.request.get() != nullptr) return;
    History history = seat.history;
    const uint64_t position = GoBack(history);
    OwnedStream copy;
    skein_error error = {};
    if (!IsBack(skein_stream_fork_at(seat.stream.get(), position, copy.out(), nullptr, &error), history, error)) return;
    other.stream = std::move(copy);
    other.history = std::move(history);
    other.origin = seat.origin;
    ExpectTokens(other);
  }

  static void ExpectTokens(const Seat& seat) {
    const std::vector<uint32_t>& known = seat.history.tokens;
    std::vector<uint32_t> tokens(known.size() + 1);
    uint64_t count = 0;
    EXPECT_EQ(
        skein_stream_tokens(seat.stream.get(), seat.history.num_unknown, tokens.data(), tokens.size(), &count, nullptr),
        SKEIN_OK);
    tokens.resize(count);
    EXPECT_TRUE(std::equal(tokens.begin(), tokens.end(),
                           known.begin() + static_cast<std::ptrdiff_t>(seat.history.num_unknown), known.end()));
  }

  void Submit(Seat& seat) {
    auto record = std::make_unique<Record>();
    record->before = seat.history;
    record->prompt = SomeTokens(seat.history.has_pending ? 0 : 1, Below(6) == 0 ? 120 : 12);
    if (Below(3) == 0) {
      const std::vector<uint32_t>& common = common_texts_[Below(common_texts_.size())];
      record->prompt.insert(record->prompt.begin(), common.begin(), common.end());
    }
    record->max_tokens = 1 + Below(12);
    record->seed = Below(1000);
    record->temperature = Below(3) == 0 ? 0 : 1;
    seat.record = records_.size();
    seat.request = MakeRequest(seat.stream.get(), *record, seat.record);
    records_.push_back(std::move(record));
    seat_of_[seat.record] = &seat;
    const skein_request handle = seat.request.get();
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_queue_submit(queue_.get(), &handle, 1, &error), error));
    ++num_running_;
  }

  // Another stream that does not run becomes a fork of this one.
  void Fork(Seat& seat) {
    Seat& other = seats_[Below(seats_.size())];
    if (&other == &seat || other.request.get() != nullptr) return;
    OwnedStream copy;
    EXPECT_EQ(skein_stream_fork(seat.stream.get(), copy.out(), nullptr), SKEIN_OK);
    other.stream = std::move(copy);
    other.history = seat.history;
    other.origin = seat.origin;
  }

  // --- prefix objects and files ---

  void MakePlace(const Seat& seat) {
    Place& place = places_[Below(places_.size())];
    skein_error error = {};
    OwnedPrefix prefix;
    EXPECT_TRUE(Ok(skein_prefix_create(seat.stream.get(), "a place", "", prefix.out(), &error), error));
    place.prefix = std::move(prefix);
    place.history = seat.history;
  }

  void StartAtPlace(Seat& seat) {
    const Place& place = places_[Below(places_.size())];
    if (place.prefix.get() == nullptr) return;
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"cache_salt", Below(3) == 0 ? "b" : ""}});
    skein_error error = {};
    OwnedStream stream;
    EXPECT_TRUE(Ok(skein_prefix_start(place.prefix.get(), options.get(), stream.out(), &error), error));
    seat.stream = std::move(stream);
    seat.history = seat.origin = place.history;
    ExpectTokens(seat);
  }

  // Another stream that does not run is loaded from a file of this one.
  void SaveAndLoad(Seat& seat) {
    Seat& other = seats_[Below(seats_.size())];
    if (other.request.get() != nullptr) return;
    const uint32_t past = Below(3) == 0 ? 0 : SKEIN_SAVE_PAST;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_stream_save(seat.stream.get(), file_.c_str(), SKEIN_SAVE_REPLACE | past, &error), error));
    EXPECT_TRUE(Ok(skein_stream_load(other.stream.get(), file_.c_str(), &error), error));
    other.history = Read(seat.history, past);
    ExpectTokens(other);
  }

  void SaveAndLoadPlace() {
    Place& place = places_[Below(places_.size())];
    if (place.prefix.get() == nullptr) return;
    const uint32_t past = Below(3) == 0 ? 0 : SKEIN_SAVE_PAST;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_prefix_save(place.prefix.get(), file_.c_str(), SKEIN_SAVE_REPLACE | past, &error), error));
    OwnedPrefix loaded;
    EXPECT_TRUE(Ok(skein_prefix_load(model_, file_.c_str(), loaded.out(), &error), error));
    place.prefix = std::move(loaded);
    place.history = Read(place.history, past);
  }

  // The history of what is read from a file or a snapshot: without the past, the tokens in the state are not known.
  static History Read(History history, uint32_t past) {
    if (past == 0) history.num_unknown = history.tokens.size() - (history.has_pending ? 1 : 0);
    return history;
  }

  // Another stream that does not run is restored from a snapshot of this one.
  void Restore(Seat& seat) {
    Seat& other = seats_[Below(seats_.size())];
    if (other.request.get() != nullptr) return;
    const uint32_t past = Below(2) == 0 ? 0 : SKEIN_SAVE_PAST;
    uint64_t size = 0;
    EXPECT_EQ(skein_stream_snapshot_with(seat.stream.get(), past, nullptr, 0, &size, nullptr), SKEIN_OK);
    // Checkpoints of the stream may go meanwhile, but none comes.
    std::vector<uint8_t> bytes(size);
    EXPECT_EQ(skein_stream_snapshot_with(seat.stream.get(), past, bytes.data(), size, &size, nullptr), SKEIN_OK);
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_stream_restore(other.stream.get(), bytes.data(), size, &error), error));
    other.history = Read(seat.history, past);
    ExpectTokens(other);
  }

  void Eval(Seat& seat) {
    std::vector<uint32_t> tokens = SomeTokens(1, 20);
    if (Below(3) == 0) tokens.insert(tokens.begin(), common_texts_[0].begin(), common_texts_[0].end());
    if (Feed(model_, seat.stream.get(), tokens) != SKEIN_OK) {
      EXPECT_TRUE(std::count(tokens.begin(), tokens.end(), kPoison) > 0);
      return;  // the stream is where it was
    }
    seat.history.tokens.insert(seat.history.tokens.end(), tokens.begin(), tokens.end());
    seat.history.has_pending = false;
  }

  void TakeEvents(int64_t timeout_ms) {
    uint32_t ready = 0;
    EXPECT_EQ(skein_queue_wait(queue_.get(), timeout_ms, &ready, nullptr), SKEIN_OK);
    if (ready == 0) {
      EXPECT_EQ(timeout_ms, 0) << num_running_ << " requests run, and no event came";
      return;
    }
    skein_event events[16];
    std::string text(1 << 16, '\0');
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    EXPECT_EQ(skein_queue_poll(queue_.get(), events, sizeof(skein_event), 16, text.data(), text.size(), &count,
                               &text_bytes, nullptr),
              SKEIN_OK);
    for (uint32_t i = 0; i < count; ++i) TakeEvent(events[i], text.substr(events[i].text_offset, events[i].text_bytes));
  }

  void TakeEvent(const skein_event& event, const std::string& text) {
    Record& record = *records_[event.user_data];
    if (event.kind == SKEIN_EVENT_TOKEN) {
      record.tokens.push_back(event.token);
      return;
    }
    record.end = event.kind;
    record.reason = event.reason;
    record.num_cached = event.num_cached_tokens;
    if (event.kind == SKEIN_EVENT_ERROR) {
      EXPECT_TRUE(std::count(record.prompt.begin(), record.prompt.end(), kPoison) > 0) << text;
    }
    Seat& seat = *seat_of_[event.user_data];
    // A pending token is part of what the request reads first.
    const uint64_t num_pending = record.before.has_pending ? 1 : 0;
    std::vector<uint32_t>& tokens = seat.history.tokens;
    ASSERT_GE(event.num_prompt_tokens + tokens.size(), num_pending);
    if (event.num_prompt_tokens > 0) {
      const auto num_read = static_cast<std::ptrdiff_t>(event.num_prompt_tokens - num_pending);
      tokens.insert(tokens.end(), record.prompt.begin(), record.prompt.begin() + num_read);
      tokens.insert(tokens.end(), record.tokens.begin(), record.tokens.end());
      // A stop token is not part of the stream, and the token before it has been fed.
      seat.history.has_pending = !record.tokens.empty() && event.reason != SKEIN_REASON_STOP_TOKEN;
    }
    EXPECT_EQ(event.position + (seat.history.has_pending ? 1 : 0), tokens.size());
    seat.request.Close();
    --num_running_;
  }

  const Setting& setting_;
  const skein_model model_;
  const uint32_t vocab_size_;
  std::mt19937 random_;
  const std::string file_;
  std::array<std::vector<uint32_t>, 3> common_texts_;
  std::array<Place, 5> places_;
  OwnedQueue queue_;
  std::vector<Seat> seats_;
  std::map<size_t, Seat*> seat_of_;  // by record
  size_t num_running_ = 0;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_RANDOM_HOST_H_
