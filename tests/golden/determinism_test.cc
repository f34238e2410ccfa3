// Through the C ABI: what a conversation says, and the state that it ends in, are the same bits whether it runs alone
// or among many others that join, leave, are cancelled, cut its prompts into chunks, and continue on forks and from
// snapshots. For q8 and q4 on `cpu` always; for the other types under the option `deterministic`.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/drain.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr size_t kNumConversations = 24;
constexpr size_t kNumTurns = 3;

struct Turn {
  std::vector<uint32_t> prompt;
  int64_t max_tokens;
  int64_t seed;
  double temperature;
};

using Conversation = std::vector<Turn>;

// The results of a conversation.
struct Outcome {
  std::vector<std::vector<uint32_t>> replies;
  std::vector<uint32_t> state;  // bits

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

std::vector<Conversation> Conversations(uint32_t vocab_size) {
  std::mt19937 random(5);
  std::vector<Conversation> conversations(kNumConversations);
  for (Conversation& conversation : conversations) {
    for (size_t i = 0; i < kNumTurns; ++i) {
      Turn turn;
      turn.max_tokens = 1 + static_cast<int64_t>(random() % 12);
      turn.seed = static_cast<int64_t>(random());
      turn.temperature = random() % 3 == 0 ? 0 : 1;
      turn.prompt.resize(1 + (random() % 4 == 0 ? random() % 150 : random() % 10));
      for (uint32_t& token : turn.prompt) token = static_cast<uint32_t>(random() % vocab_size);
      conversation.push_back(turn);
    }
  }
  return conversations;
}

struct Case {
  const char* name;
  const char* path;  // of tests/data or the model in the box; else of a made-up model
  const char* device;
  const char* type;
  bool is_deterministic;

  friend void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }
};

class DeterminismTest : public ::testing::TestWithParam<Case> {
 protected:
  OwnedModel Load(int64_t max_batch_tokens) const {
    const std::string path = GetParam().path;
    OwnedModel model;
    skein_error error = {};
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", GetParam().device}, {"type", GetParam().type}},
                    {{"max_batch_streams", 2 * kNumConversations},
                     {"max_batch_tokens", max_batch_tokens},
                     {"deterministic", GetParam().is_deterministic ? 1 : 0}});
    const std::string full = path.starts_with("synthetic:") ? path : DataPath(path);
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), full.c_str(), options.get(), model.out(), &error), error));
    return model;
  }

  OwnedQueue NewQueue() const {
    OwnedQueue queue;
    EXPECT_EQ(skein_queue_create(runtime_.get(), nullptr, queue.out(), nullptr), SKEIN_OK);
    return queue;
  }

  static OwnedRequest Submit(skein_queue queue, skein_stream stream, const Turn& turn, uint64_t user_data) {
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                                             {{"max_tokens", turn.max_tokens}, {"seed", turn.seed}, {"stop_at_end", 0}},
                                             {{"temperature", turn.temperature}, {"top_p", 0.95}});
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_TRUE(
        Ok(skein_request_set_prompt_tokens(request.get(), turn.prompt.data(), turn.prompt.size(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), user_data, &error), error));
    const skein_request handle = request.get();
    EXPECT_TRUE(Ok(skein_queue_submit(queue, &handle, 1, &error), error));
    return request;
  }

  Outcome Alone(skein_model model, const Conversation& conversation) const {
    const OwnedQueue queue = NewQueue();
    const OwnedStream stream = MakeStream(model);
    Outcome outcome;
    for (const Turn& turn : conversation) {
      const OwnedRequest request = Submit(queue.get(), stream.get(), turn, 0);
      outcome.replies.push_back(DrainUntilEnded(queue.get(), 1)[0].tokens);
    }
    outcome.state = Bits(StateOf(stream.get()));
    return outcome;
  }

  const OwnedRuntime runtime_ = MakeRuntime();
};

// All conversations at once, in an order that a seed gives.
class Crowd {
 public:
  Crowd(skein_model model, skein_queue queue, const std::vector<Conversation>& conversations, uint32_t seed,
        OwnedRequest (*submit)(skein_queue, skein_stream, const Turn&, uint64_t))
      : model_(model), queue_(queue), conversations_(conversations), submit_(submit), random_(seed) {
    members_.resize(conversations.size());
  }

  std::vector<Outcome> Run() {
    while (
        std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.turn < kNumTurns; })) {
      for (size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].turn < kNumTurns && members_[i].request.get() == nullptr && random_() % 4 != 0) Begin(i);
      }
      if (random_() % 3 == 0) Disturb();
      const bool has_requests = std::any_of(members_.begin(), members_.end(),
                                            [](const Member& member) { return member.request.get() != nullptr; });
      if (has_requests && !TakeEvents(queue_, delivered_)) {
        ADD_FAILURE() << "no event within 20 s";
        break;
      }
      for (size_t i = 0; i < members_.size(); ++i) End(i);
    }
    std::vector<Outcome> outcomes;
    for (Member& member : members_) {
      member.outcome.state = Bits(StateOf(member.stream.get()));
      outcomes.push_back(member.outcome);
    }
    return outcomes;
  }

 private:
  struct Member {
    OwnedStream stream;
    OwnedRequest request;
    size_t turn = 0;
    Outcome outcome;
  };

  // The user data of a turn: no two have the same.
  static uint64_t Id(size_t member, size_t turn) { return member * kNumTurns + turn; }

  // A stream that goes on where `stream` stands.
  OwnedStream Moved(OwnedStream stream) {
    OwnedStream other;
    skein_error error = {};
    if (random_() % 2 == 0) {
      EXPECT_TRUE(Ok(skein_stream_fork(stream.get(), other.out(), &error), error));
      return other;
    }
    uint64_t size = 0;
    EXPECT_EQ(skein_stream_snapshot(stream.get(), nullptr, 0, &size, nullptr), SKEIN_OK);
    std::vector<uint8_t> bytes(size);
    EXPECT_TRUE(Ok(skein_stream_snapshot(stream.get(), bytes.data(), bytes.size(), &size, &error), error));
    other = MakeStream(model_);
    EXPECT_TRUE(Ok(skein_stream_restore(other.get(), bytes.data(), size, &error), error));
    return other;
  }

  void Begin(size_t index) {
    Member& member = members_[index];
    if (member.stream.get() == nullptr) member.stream = MakeStream(model_);
    if (member.turn > 0 && random_() % 2 == 0) member.stream = Moved(std::move(member.stream));
    member.request = submit_(queue_, member.stream.get(), conversations_[index][member.turn], Id(index, member.turn));
  }

  void End(size_t index) {
    Member& member = members_[index];
    if (member.request.get() == nullptr) return;
    const Delivered& delivered = delivered_[Id(index, member.turn)];
    if (delivered.num_terminal == 0) return;
    EXPECT_EQ(delivered.status, SKEIN_OK);
    member.outcome.replies.push_back(delivered.tokens);
    member.request.Close();
    ++member.turn;
  }

  // A neighbour that is cancelled as soon as it is there, and one that is only read by an eval.
  void Disturb() {
    const OwnedStream leaves = MakeStream(model_);
    const Turn& turn = conversations_[random_() % conversations_.size()][random_() % kNumTurns];
    const OwnedRequest request = submit_(queue_, leaves.get(), turn, 1'000'000 + num_disturbances_++);
    const OwnedStream evaluated = MakeStream(model_);
    AllLogits(model_, evaluated.get(), turn.prompt);
    EXPECT_EQ(skein_request_cancel(request.get(), nullptr), SKEIN_OK);
  }

  const skein_model model_;
  const skein_queue queue_;
  const std::vector<Conversation>& conversations_;
  OwnedRequest (*const submit_)(skein_queue, skein_stream, const Turn&, uint64_t);
  std::mt19937 random_;
  std::vector<Member> members_;
  std::map<uint64_t, Delivered> delivered_;
  uint64_t num_disturbances_ = 0;
};

TEST_P(DeterminismTest, AConversationIsTheSameAloneAndInACrowd) {
  const OwnedModel quiet = Load(256);
  ASSERT_NE(quiet.get(), nullptr);
  const std::vector<Conversation> conversations = Conversations(InfoOf(quiet.get()).vocab_size);
  std::vector<Outcome> expected;
  for (const Conversation& conversation : conversations) expected.push_back(Alone(quiet.get(), conversation));
  uint32_t seed = 0;
  for (const int64_t max_batch_tokens : {512, 29}) {
    const OwnedModel model = Load(max_batch_tokens);
    const OwnedQueue queue = NewQueue();
    const std::vector<Outcome> found = Crowd(model.get(), queue.get(), conversations, ++seed, Submit).Run();
    for (size_t i = 0; i < conversations.size(); ++i) {
      EXPECT_EQ(found[i].replies, expected[i].replies) << "conversation " << i << ", steps of " << max_batch_tokens;
      EXPECT_EQ(found[i].state, expected[i].state) << "conversation " << i << ", steps of " << max_batch_tokens;
    }
  }
}

constexpr char kWide[] = "synthetic:C=512,L=2,F=2048,N=64,V=512";
constexpr char kBox[] = "../../samples/models/skein-demo.skein";

constexpr Case kCases[] = {
    {"v4_q8", "v4-odd.safetensors", "cpu", "q8", false},
    {"v4_q4", "v4-odd.safetensors", "cpu", "q4", false},
    {"v5_0_q8", "v5.0-n8.safetensors", "cpu", "q8", false},
    {"v5_1_q4", "v5.1-n16.pth", "cpu", "q4", false},
    {"v5_2_q8", "v5.2-mixed.pth", "cpu", "q8", false},
    {"v6_q8", "v6-odd.safetensors", "cpu", "q8", false},
    {"v6_q4", "v6-n32.pth", "cpu", "q4", false},
    {"v7_q8", "v7-odd.safetensors", "cpu", "q8", false},
    {"wide_q8", kWide, "cpu", "q8", false},
    {"wide_q4", kWide, "cpu", "q4", false},
    {"box_q8", kBox, "cpu", "q8", false},
    {"wide_f32", kWide, "cpu", "f32", true},
    {"wide_f16", kWide, "cpu", "f16", true},
    {"wide_bf16", kWide, "cpu", "bf16", true},
    {"wide_bf16_weights", kWide, "cpu", "auto", true},
    {"box_f32", kBox, "cpu", "f32", true},
    {"box_bf16", kBox, "cpu", "bf16", true},
    {"v4_f32", "v4-odd.safetensors", "cpu", "f32", true},
    {"v6_bf16", "v6-odd.safetensors", "cpu", "bf16", true},
    {"split_q8", kWide, "cpu=0-0,reference=1-1", "q8", true},
    {"split_f32", kWide, "cpu=0-0,reference=1-1", "f32", true},
    {"split_bf16", kWide, "reference=0-0,cpu=1-1", "bf16", true},
};

INSTANTIATE_TEST_SUITE_P(Models, DeterminismTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skein::test
