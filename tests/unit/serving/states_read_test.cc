// Which states are read by which streams, with the prefix cache and without.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "serving/eval.h"
#include "tests/unit/serving/cached_prompt_harness.h"

namespace skein::test {
namespace {

// Looks at the states that steps read. A stream that goes on reads each of its states once.
class StatesReadTest : public CachedPromptTest {
 protected:
  StatesReadTest() {
    hook_ = [this](FakeStep& step) {
      for (const skein_step_entry& entry : step.entries) {
        if (entry.read_slot == SKEIN_SLOT_INITIAL) {
          ++num_begun_;
        } else {
          most_reads_ = std::max(most_reads_, ++reads_of_slot_[entry.read_slot]);
        }
      }
      for (const skein_step_entry& entry : step.entries) reads_of_slot_[entry.write_slot] = 0;
      return absl::OkStatus();
    };
  }
  // Requests on new streams that begin alike, some at the same time.
  void ReadMany(const std::string& salt) {
    for (uint32_t user = 0; user < 4; ++user) Read(UserPrompt(user), salt);
    std::vector<std::shared_ptr<Request>> requests;
    for (uint32_t user = 0; user < 6; ++user) {
      requests.push_back(NewRequest(SaltedStream(salt), UserPrompt(user % 3), 4));
      ASSERT_TRUE(requests.back()->SetUserData(user).ok());
    }
    ASSERT_TRUE(Submit(requests, queue_).ok());
    FinishAll(requests.size());
    const Tokens text = UserPrompt(1);
    const absl::StatusOr<EvalItem> item = EvalItem{SaltedStream(salt), text};
    ASSERT_TRUE(Eval(*model_, {&item, 1})[0].ok());
  }
  static constexpr uint32_t kNumReadings = 11;  // of ReadMany

  std::map<uint32_t, uint32_t> reads_of_slot_;  // since it was written
  uint32_t num_begun_ = 0;                      // with the initial state
  uint32_t most_reads_ = 0;                     // of one state
};

TEST_F(StatesReadTest, WithTheCacheStatesAreReadByOthers) {
  ReadMany("");
  EXPECT_GT(most_reads_, 1u);
  EXPECT_LT(num_begun_, kNumReadings);
}

TEST_F(StatesReadTest, WithoutACacheNoStateIsReadByAnotherStream) {
  MakeModel(Limits(0));
  ReadMany("");
  EXPECT_EQ(most_reads_, 1u);
  EXPECT_EQ(num_begun_, kNumReadings);
}

TEST_F(StatesReadTest, StateOfAnotherSaltIsNeverRead) {
  ReadMany("a");
  most_reads_ = 0;
  num_begun_ = 0;
  for (const char* salt : {"b", "c", "d"}) Read(UserPrompt(1), salt);
  EXPECT_EQ(most_reads_, 1u) << "those that were kept for the salt a had been read before";
  EXPECT_EQ(num_begun_, 3u);
}

TEST_F(StatesReadTest, WhatATenantSeesDoesNotDependOnOtherSalts) {
  std::vector<std::pair<uint32_t, uint64_t>> alone, beside;
  const auto read = [this](std::vector<std::pair<uint32_t, uint64_t>>& seen) {
    for (uint32_t user = 0; user < 5; ++user) {
      const Outcome outcome = Read(UserPrompt(user), "b");
      seen.emplace_back(outcome.terminal.cache, outcome.terminal.num_cached_tokens);
    }
  };
  read(alone);
  MakeModel(Limits(32));
  ReadMany("a");
  read(beside);
  EXPECT_EQ(beside, alone);
}

}  // namespace
}  // namespace skein::test
