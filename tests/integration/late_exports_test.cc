// States that leave their slots beside steps, on devices that end steps and exports late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/late_states.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

class LateExportsTest : public LateStatesTest {
 protected:
  // Streams that run a request each, one after the other, until an export is held. The first of them is the one whose
  // state leaves.
  std::vector<OwnedStream> RunUntilOneIsHeld(skein_model model) {
    std::vector<OwnedStream> streams;
    while (late_.counts().num_exports_held == 0 && streams.size() < 100) {
      streams.push_back(MakeStream(model));
      EXPECT_EQ(RunOn(streams.back().get(), streams.size() - 1).status, SKEIN_OK);
    }
    EXPECT_GT(late_.counts().num_exports_held, 0u);
    return streams;
  }
};

class LateExportsOnTest : public LateExportsTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LateExportsOnTest, StreamsWhoseStatesLeaveGoOnAsTheyDoOnOneDevice) {
  const OwnedModel whole = Load("reference", 100);
  const OwnedModel model = Load(GetParam(), 14);
  const std::vector<std::vector<uint32_t>> expected = RunInTurns(whole.get(), 25, 3);
  EXPECT_EQ(RunInTurns(model.get(), 25, 3), expected);
  EXPECT_GT(late_.counts().num_exports_begun, before_.num_exports_begun + 10);
  ExpectMovesInOrder();
}

INSTANTIATE_TEST_SUITE_P(On, LateExportsOnTest,
                         ::testing::Values("late:0", "late:0=0,late:1=1-2", "late:0=0,reference=1-2",
                                           "late:0=0,reference=1,late:1=2"),
                         [](const auto& device) { return "Devices" + std::to_string(device.index); });

TEST_F(LateExportsTest, StatesLeaveBetweenStepsWhereTheBackendDoesNotBeginExports) {
  late_.Declare({.begins_exports = false});
  const OwnedModel whole = Load("reference", 100);
  const OwnedModel model = Load("late:0", 14);
  EXPECT_EQ(RunInTurns(model.get(), 25, 2), RunInTurns(whole.get(), 25, 2));
  EXPECT_EQ(late_.counts().num_exports_begun, before_.num_exports_begun);
  EXPECT_GT(late_.counts().num_exports_at_once, before_.num_exports_at_once);
  ExpectFencesInOrder();
}

TEST_F(LateExportsTest, StepsGoOnBesideAnExportThatDoesNotEnd) {
  const OwnedModel model = Load("late:0", 24);
  for (int i = 0; i < 3; ++i) KeepBusy(model.get());
  late_.HoldExports(0);
  const std::vector<OwnedStream> streams = RunUntilOneIsHeld(model.get());
  const late::Counts held = late_.counts();
  EXPECT_TRUE(late_.WaitFor([&](const late::Counts& now) { return now.num_steps > held.num_steps + 20; }));
  EXPECT_GT(late_.counts().num_exports_held, 0u);
  EXPECT_EQ(late_.counts().num_exports_at_once, before_.num_exports_at_once) << "no step was waited for";
  late_.LetExportsGo(0);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, AStreamThatRunsAgainTakesTheSlotThatItsStateIsLeaving) {
  const OwnedModel whole = Load("reference", 100);
  const OwnedStream expected = MakeStream(whole.get());
  RunOn(expected.get(), 0);
  const std::vector<uint32_t> expected_tokens = RunOn(expected.get(), 0).tokens;

  const OwnedModel model = Load("late:0", 24);
  for (int i = 0; i < 3; ++i) KeepBusy(model.get());
  late_.HoldExports(0);
  std::vector<OwnedStream> streams = RunUntilOneIsHeld(model.get());
  CancelBusy(0);
  CancelBusy(1);
  const Delivered again = RunOn(streams[0].get(), 0);
  EXPECT_EQ(again.tokens, expected_tokens);
  EXPECT_GT(late_.counts().num_exports_held, 0u);
  EXPECT_EQ(late_.counts().num_exports_at_once, before_.num_exports_at_once);
  late_.LetExportsGo(0);
  EndBusy();
  EXPECT_EQ(StateOf(streams[0].get()), StateOf(expected.get()));
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, TheSlotOfAReleasedStreamIsKeptUntilItsExportEnds) {
  const OwnedModel model = Load("late:0", 24);
  for (int i = 0; i < 3; ++i) KeepBusy(model.get());
  late_.HoldExports(0);
  std::vector<OwnedStream> streams = RunUntilOneIsHeld(model.get());
  const size_t num_streams = streams.size();
  streams.clear();
  // New streams take the slots that have become free.
  for (size_t i = 0; i < num_streams / 2; ++i) {
    streams.push_back(MakeStream(model.get()));
    EXPECT_EQ(RunOn(streams.back().get(), i).status, SKEIN_OK);
  }
  late_.LetExportsGo(0);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, AModelReleasedWithExportsUnderWayWaitsForThem) {
  OwnedModel model = Load("late:0", 24);
  for (int i = 0; i < 3; ++i) KeepBusy(model.get());
  late_.HoldExports(0);
  std::vector<OwnedStream> streams = RunUntilOneIsHeld(model.get());
  streams.clear();
  busy_.clear();
  busy_streams_.clear();
  model.Close();
  late_.LetExportsGo(0);
  while (NumEnded(kBusy) < 3) ASSERT_TRUE(TakeEvents(queue_.get(), delivered_));
  EXPECT_TRUE(late_.WaitFor([](const late::Counts& now) { return now.num_live_segments == 0; }));
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, AnExportThatFailsBehindItsFenceLeavesTheStateInItsSlot) {
  const OwnedModel whole = Load("reference", 100);
  const OwnedModel model = Load("late:0", 14);
  const std::vector<std::vector<uint32_t>> expected = RunInTurns(whole.get(), 25, 2);
  late_.Obey({.mishap = late::Mishap::kExportFenceFails, .code = SKEIN_INTERNAL});
  EXPECT_EQ(RunInTurns(model.get(), 25, 2), expected);
  const late::Counts counts = late_.counts();
  EXPECT_GT(counts.num_exports_begun, before_.num_exports_begun);
  EXPECT_GT(counts.num_exports_at_once, before_.num_exports_at_once) << "they leave between steps";
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, ExportsThatFailEndTheRequestThatNeedsASlotAndNoOther) {
  const OwnedModel model = Load("late:0", 14);
  KeepBusy(model.get());
  std::vector<OwnedStream> streams;
  late_.Obey({.mishap = late::Mishap::kExportFails, .code = SKEIN_INTERNAL});
  Delivered last;
  while (last.status == SKEIN_OK && streams.size() < 100) {
    streams.push_back(MakeStream(model.get()));
    last = RunOn(streams.back().get(), streams.size() - 1);
  }
  EXPECT_EQ(last.status, SKEIN_INTERNAL);
  EXPECT_THAT(last.text, HasSubstr("failed as ordered"));
  late_.Obey({});
  for (size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(RunOn(streams[i].get(), i).status, SKEIN_OK);
  EXPECT_EQ(NumEnded(kBusy), 0u);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, AnExportThatFindsItsDeviceLostEndsTheModel) {
  const OwnedModel model = Load("late:0=0,late:1=1-2", 24);
  for (int i = 0; i < 3; ++i) KeepBusy(model.get());
  late_.HoldExports(1);
  const std::vector<OwnedStream> streams = RunUntilOneIsHeld(model.get());
  late_.Lose(1);
  late_.LetExportsGo(1);
  while (NumEnded(kBusy) < 3) ASSERT_TRUE(TakeEvents(queue_.get(), delivered_));
  for (const auto& [number, of] : delivered_) {
    if (number < kBusy) continue;
    EXPECT_EQ(of.status, SKEIN_UNAVAILABLE);
    EXPECT_THAT(of.text, HasSubstr("device late:1 is lost"));
  }
  EXPECT_EQ(RunOn(streams[0].get(), 0).status, SKEIN_UNAVAILABLE);
  ExpectMovesInOrder();
}

TEST_F(LateExportsTest, TheCodeOfALostDeviceBehindAFenceEndsTheModel) {
  const OwnedModel model = Load("late:0", 14);
  KeepBusy(model.get());
  late_.Obey({.mishap = late::Mishap::kExportFenceFails, .code = SKEIN_UNAVAILABLE});
  std::vector<OwnedStream> streams;
  while (NumEnded(kBusy) == 0 && streams.size() < 100) {
    streams.push_back(MakeStream(model.get()));
    RunOn(streams.back().get(), streams.size() - 1);
    TakeEvents(queue_.get(), delivered_, 0);
  }
  EXPECT_EQ(delivered_[kBusy].status, SKEIN_UNAVAILABLE);
  EXPECT_THAT(delivered_[kBusy].text, HasSubstr("device late:0 is lost"));
  ExpectMovesInOrder();
}

}  // namespace
}  // namespace skein::test
