#include "serving/logprob_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "skein/request.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LogprobRecordTest, GivesRowsOfTheTextThatIsNamed) {
  LogprobRecord record;
  record.Begin(2, 1, 0);
  record.Add(0, {7, -1}, std::vector<TokenLogprob>{{8, -0.5f}});
  record.Add(1, {9, -2}, std::vector<TokenLogprob>{{9, -2}});
  record.Add(1, {4, -3}, std::vector<TokenLogprob>{{5, -1}});
  record.Add(SKEIN_SAMPLE_PROMPT, {3, -4}, {});
  EXPECT_THAT(*record.Read(0, 0, 1), ElementsAre(TokenLogprob{7, -1}, TokenLogprob{8, -0.5f}));
  EXPECT_THAT(*record.Read(1, 1, 1), ElementsAre(TokenLogprob{4, -3}, TokenLogprob{5, -1}));
  EXPECT_THAT(*record.Read(SKEIN_SAMPLE_PROMPT, 0, 1), ElementsAre(TokenLogprob{3, -4}));
  EXPECT_TRUE(record.Read(1, 2, 0)->empty());
}

TEST(LogprobRecordTest, KeepsTheLastTokensOfASampleAndAWholePrompt) {
  constexpr uint64_t kMany = LogprobRecord::kMaxKept + 10;
  LogprobRecord record;
  record.Begin(1, 0, 0);
  for (uint32_t i = 0; i < kMany; ++i) {
    record.Add(0, {i, 0}, {});
    record.Add(SKEIN_SAMPLE_PROMPT, {i, 0}, {});
  }
  const absl::Status gone = record.Read(0, 9, 1).status();
  EXPECT_TRUE(absl::IsNotFound(gone));
  EXPECT_THAT(std::string(gone.message()), HasSubstr("those from 10 to 4106"));
  const auto kept = *record.Read(0, 10, LogprobRecord::kMaxKept);
  for (uint32_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i].token, i + 10);
  EXPECT_EQ((*record.Read(SKEIN_SAMPLE_PROMPT, 0, kMany))[5].token, 5u);
}

TEST(LogprobRecordTest, NumbersThatWouldWrapAreRefused) {
  LogprobRecord record;
  record.Begin(1, 0, -1);
  record.Add(0, {1, 0}, {});
  EXPECT_TRUE(absl::IsNotFound(record.Read(0, 1, UINT64_MAX).status()));
  EXPECT_TRUE(absl::IsNotFound(record.Read(0, UINT64_MAX, 2).status()));
}

TEST(LogprobRecordTest, TextsWithoutRowsSaySo) {
  LogprobRecord record;
  EXPECT_TRUE(absl::IsFailedPrecondition(record.Read(0, 0, 0).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(record.Read(SKEIN_SAMPLE_PROMPT, 0, 0).status()));
  record.Begin(1, -1, -1);
  record.Add(0, {1, 0}, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(record.Read(0, 0, 1).status()));
}

}  // namespace
}  // namespace skein
