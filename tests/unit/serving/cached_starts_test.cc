// The prefix cache for streams that start from a prefix object, and for evals.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/prefix.h"
#include "serving/eval.h"
#include "serving/go_back.h"
#include "skein/stream.h"
#include "tests/unit/serving/cached_prompt_harness.h"

namespace skein::test {
namespace {

// Streams that start from a prefix object behind `document`, which has a token pending.
class CachedPrefixTest : public CachedPromptTest {
 protected:
  CachedPrefixTest() {
    const auto reader = NewStream();
    document_ = Text(5, 40);
    const Outcome read = Run(NewRequest(reader, document_, 1));
    document_.push_back(read.tokens.at(0));
    prefix_ = *Prefix::Create(*reader, {});
  }
  // A request on a new stream from the prefix, which is to write what it writes without a cache.
  Outcome ReadBehind(const Prefix& prefix, const Tokens& prompt, const std::string& salt = "") {
    Outcome outcome = Run(NewRequest(*prefix.Start("", salt), prompt, 4));
    Tokens all = document_;
    all.insert(all.end(), prompt.begin(), prompt.end());
    EXPECT_EQ(outcome.tokens, Greedy(all, 4));
    EXPECT_EQ(outcome.terminal.num_prompt_tokens, prompt.size() + 1) << "the pending token is one of them";
    return outcome;
  }

  Tokens document_;
  std::shared_ptr<Prefix> prefix_;
};

TEST_F(CachedPrefixTest, PromptsBehindItThatBeginAlikeAreReadOnce) {
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(1)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(2)).terminal.cache, uint32_t{SKEIN_CACHE_NO_STATE});
  const uint64_t before = num_fed_;
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(3)).terminal.num_cached_tokens, 101u);
  EXPECT_EQ(num_fed_ - before, 21u + 3u) << "its own part, and the tokens drawn that were fed";
}

TEST_F(CachedPrefixTest, OtherPlacesAndOtherSaltsShareNothingWithIt) {
  const std::shared_ptr<Prefix> same_place = *Prefix::Create(**prefix_->Start(""), {});
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  EXPECT_EQ(Read(UserPrompt(4)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*same_place, UserPrompt(4)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(4), "b").terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(4)).terminal.num_cached_tokens, 101u);
}

TEST_F(CachedPrefixTest, StreamIsAtItsStartAfterAResetAndNotBehindIt) {
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  const auto stream = *prefix_->Start("");
  Run(NewRequest(stream, {1, 2}, 1));
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START});
  ASSERT_TRUE(Truncate(stream, 40).ok());
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START})
      << "the token that was pending is gone";
  ASSERT_TRUE(stream->Reset().ok());
  EXPECT_GE(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.num_cached_tokens, 101u);
}

// Hears of all states that are kept.
class CountingKeeper final : public PrefixKeeper {
 public:
  void OnKept(absl::string_view /*scope*/, absl::Span<const uint32_t> /*tokens*/) noexcept override { ++num_kept_; }
  void OnEnd(CopyState /*copy_state*/) noexcept override {}
  std::atomic<int> num_kept_{0};
};

TEST_F(CachedPrefixTest, NoStateBehindItIsKeptForLaterProcesses) {
  const auto keeper = std::make_shared<CountingKeeper>();
  model_->engine()->prefixes()->SetKeeper(keeper);
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  EXPECT_EQ(keeper->num_kept_, 0) << "a later process may give the same number to another place";
  Read(UserPrompt(1));
  EXPECT_GT(keeper->num_kept_, 0);
}

class CachedEvalTest : public CachedPromptTest {
 protected:
  // Evals of these tokens on new streams, in one call. They are to give what they give without a cache.
  void EvalAll(const std::vector<Tokens>& texts, uint32_t output_kind = SKEIN_OUTPUT_LAST_LOGITS) {
    constexpr uint32_t kRow = FakeStepRunner::kVocabSize;
    std::vector<std::vector<float>> rows;
    std::vector<absl::StatusOr<EvalItem>> items;
    for (const Tokens& tokens : texts) {
      rows.emplace_back((output_kind == SKEIN_OUTPUT_ALL_LOGITS ? tokens.size() : 1) * kRow);
      items.push_back(EvalItem{NewStream(), tokens, output_kind, absl::MakeSpan(rows.back())});
    }
    for (const absl::Status& status : Eval(*model_, items)) EXPECT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(items[i]->stream->Committed().position, texts[i].size());
      if (output_kind == SKEIN_OUTPUT_NONE) continue;
      const auto last = rows[i].end() - kRow;
      EXPECT_EQ(static_cast<uint32_t>(std::max_element(last, rows[i].end()) - last), Greedy(texts[i], 1)[0]);
    }
  }
};

TEST_F(CachedEvalTest, EvalsThatBeginAlikeAreReadOnce) {
  for (const uint32_t kind : {SKEIN_OUTPUT_LAST_LOGITS, SKEIN_OUTPUT_NONE, SKEIN_OUTPUT_LAST_LOGITS}) {
    EvalAll({UserPrompt(kind)}, kind);
  }
  const uint64_t before = num_fed_;
  EvalAll({UserPrompt(7)});
  EXPECT_EQ(num_fed_ - before, 21u);
  EXPECT_EQ(Read(UserPrompt(8)).terminal.num_cached_tokens, 100u) << "a request goes on from what evals left";
}

TEST_F(CachedEvalTest, EvalsOfOneCallWaitForTheFirst) {
  EvalAll({UserPrompt(1), UserPrompt(2), UserPrompt(3), UserPrompt(4)});
  EXPECT_EQ(num_fed_, 100u + 4 * 21u);
  EXPECT_EQ(Counts().waits, 3u);
  EXPECT_EQ(Load().queued_tokens, 0u);
}

TEST_F(CachedEvalTest, EvalWhoseLeaderFailsGoesOnByItself) {
  const Tokens poisoned = UserPrompt(1, 40);
  hook_ = [](FakeStep& step) {
    const bool is_poisoned = std::count(step.tokens.begin(), step.tokens.end(), 201u) > 0;
    return is_poisoned ? absl::InternalError("poison") : absl::OkStatus();
  };
  const auto failing = NewStream();
  const auto good = NewStream();
  const Tokens other = UserPrompt(2);
  const std::vector<absl::StatusOr<EvalItem>> items = {EvalItem{failing, poisoned}, EvalItem{good, other}};
  const std::vector<absl::Status> statuses = Eval(*model_, items);
  EXPECT_FALSE(statuses[0].ok());
  EXPECT_TRUE(statuses[1].ok()) << statuses[1];
  EXPECT_EQ(failing->Committed().position, 0u);
  EXPECT_EQ(good->Committed().position, other.size());
}

TEST_F(CachedEvalTest, EvalThatFailsBehindAHitLeavesItsStreamWhereItWas) {
  for (uint32_t user = 0; user < 3; ++user) EvalAll({UserPrompt(user)});
  const uint64_t num_saved = Counts().saved_tokens;
  hook_ = [](FakeStep&) { return absl::InternalError("no step works"); };
  const auto stream = NewStream();
  const Tokens tokens = UserPrompt(4);
  const absl::StatusOr<EvalItem> item = EvalItem{stream, tokens};
  EXPECT_FALSE(Eval(*model_, {&item, 1})[0].ok());
  EXPECT_EQ(Counts().saved_tokens, num_saved + 100) << "it was a hit";
  EXPECT_EQ(stream->Committed().position, 0u);
  hook_ = nullptr;
  EXPECT_TRUE(Eval(*model_, {&item, 1})[0].ok());
  EXPECT_EQ(stream->Committed().position, tokens.size());
}

TEST_F(CachedEvalTest, AllRowsNeedAllTokens) {
  for (int i = 0; i < 3; ++i) EvalAll({UserPrompt(1)});
  const uint64_t before = num_fed_;
  EvalAll({UserPrompt(1)}, SKEIN_OUTPUT_ALL_LOGITS);
  EXPECT_EQ(num_fed_ - before, UserPrompt(1).size());
}

TEST_F(CachedEvalTest, ShortEvalsAreNoPrompts) {
  for (int i = 0; i < 3; ++i) EvalAll({Text(1, 15)});
  EXPECT_EQ(Counts().requests, PrefixCounts().requests);
  EXPECT_EQ(Counts().states, 0u);
}

}  // namespace
}  // namespace skein::test
