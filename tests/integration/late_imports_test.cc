// States that come back into slots beside steps, on devices that end steps and imports late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "tests/integration/late_states.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kFewSlots = 14;
// With as many streams of one request each, the state of the first has left its slot.
constexpr size_t kNumStreams = 40;

class LateImportsTest : public LateStatesTest {
 protected:
  std::vector<OwnedStream> ParkTheFirst(skein_model model) {
    std::vector<OwnedStream> streams;
    for (size_t i = 0; i < kNumStreams; ++i) {
      streams.push_back(MakeStream(model));
      EXPECT_EQ(RunOn(streams.back().get(), i).status, SKEIN_OK);
    }
    return streams;
  }
  // The tokens of the second request on the first stream.
  std::vector<uint32_t> ExpectedTokens() {
    const OwnedModel whole = Load("reference", 100);
    const OwnedStream stream = MakeStream(whole.get());
    RunOn(stream.get(), 0);
    return RunOn(stream.get(), 0).tokens;
  }
  bool WaitUntilOneIsHeld() const {
    return late_.WaitFor([](const late::Counts& now) { return now.num_imports_held == 1; });
  }
  // Begins request 0 on a stream whose state comes back, by an import that is held.
  OwnedRequest BeginHeld(skein_stream stream) {
    late_.HoldImports(0);
    OwnedRequest request = BeginOn(stream, 0);
    EXPECT_TRUE(WaitUntilOneIsHeld());
    return request;
  }
  bool StepsGoOn() const {
    const uint64_t so_far = late_.counts().num_steps;
    return late_.WaitFor([so_far](const late::Counts& now) { return now.num_steps > so_far + 20; });
  }
  // More streams than slots read on these devices what they read on one device with room for all.
  void ExpectSameTokens(const char* devices, int num_turns = 2) {
    const OwnedModel whole = Load("reference", 100);
    const OwnedModel model = Load(devices, kFewSlots);
    const std::vector<std::vector<uint32_t>> expected = RunInTurns(whole.get(), 25, num_turns);
    EXPECT_EQ(RunInTurns(model.get(), 25, num_turns), expected);
    ExpectMovesInOrder();
  }
};

class LateImportsOnTest : public LateImportsTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LateImportsOnTest, StreamsWhoseStatesComeGoOnAsTheyDoOnOneDevice) {
  ExpectSameTokens(GetParam(), 3);
  EXPECT_GT(late_.counts().num_imports_begun, before_.num_imports_begun + 10);
  EXPECT_EQ(late_.counts().num_imports_at_once, before_.num_imports_at_once);
}

INSTANTIATE_TEST_SUITE_P(On, LateImportsOnTest,
                         ::testing::Values("late:0", "late:0=0,late:1=1-2", "late:0=0,reference=1-2",
                                           "late:0=0,reference=1,late:1=2"),
                         [](const auto& device) { return "Devices" + std::to_string(device.index); });

TEST_F(LateImportsTest, StatesComeBetweenStepsWhereTheBackendDoesNotBeginImports) {
  late_.Declare({.begins_imports = false});
  ExpectSameTokens("late:0");
  EXPECT_EQ(late_.counts().num_imports_begun, before_.num_imports_begun);
  EXPECT_GT(late_.counts().num_imports_at_once, before_.num_imports_at_once);
  EXPECT_GT(late_.counts().num_exports_begun, before_.num_exports_begun);
}

TEST_F(LateImportsTest, StatesComeBesideStepsAlthoughTheyLeaveBetweenThem) {
  late_.Declare({.begins_exports = false});
  ExpectSameTokens("late:0");
  EXPECT_GT(late_.counts().num_imports_begun, before_.num_imports_begun);
  EXPECT_EQ(late_.counts().num_imports_at_once, before_.num_imports_at_once);
  EXPECT_EQ(late_.counts().num_exports_begun, before_.num_exports_begun);
}

// Two plugins, of which one moves states beside steps. A state has its parts on both.
class MixedPluginsTest : public LateImportsTest {
 protected:
  void SetUp() override {
    LateImportsTest::SetUp();
    SKEIN_CALL(skein_runtime_load_plugin, runtime_.get(), SKEIN_TARDY_BACKEND);
    tardy_before_ = tardy_.counts();
  }

  // Whether each plugin has begun moves since the test began, and has made some at once.
  struct Moves {
    bool begun, at_once;
  };
  static Moves ExportsSince(const late::Counts& before, const late::Counts& now) {
    return {now.num_exports_begun > before.num_exports_begun, now.num_exports_at_once > before.num_exports_at_once};
  }
  static Moves ImportsSince(const late::Counts& before, const late::Counts& now) {
    return {now.num_imports_begun > before.num_imports_begun, now.num_imports_at_once > before.num_imports_at_once};
  }
  void ExpectAtOnceOnBoth(Moves (*since)(const late::Counts&, const late::Counts&)) const {
    for (const Moves& moves : {since(before_, late_.counts()), since(tardy_before_, tardy_.counts())}) {
      EXPECT_FALSE(moves.begun);
      EXPECT_TRUE(moves.at_once);
    }
  }
  void ExpectBegunOnBoth(Moves (*since)(const late::Counts&, const late::Counts&)) const {
    for (const Moves& moves : {since(before_, late_.counts()), since(tardy_before_, tardy_.counts())}) {
      EXPECT_TRUE(moves.begun);
      EXPECT_FALSE(moves.at_once);
    }
  }
  static constexpr const char* kBoth = "late:0=0,tardy:0=1-2";

  const late::Command tardy_{SKEIN_TARDY_BACKEND};
  late::Counts tardy_before_;
};

TEST_F(MixedPluginsTest, StatesLeaveBetweenStepsIfOnePluginCannotBeginExports) {
  tardy_.Declare({.begins_exports = false});
  ExpectSameTokens(kBoth);
  ExpectAtOnceOnBoth(ExportsSince);
  ExpectBegunOnBoth(ImportsSince);
}

TEST_F(MixedPluginsTest, StatesComeBetweenStepsIfOnePluginCannotBeginImports) {
  tardy_.Declare({.begins_imports = false});
  ExpectSameTokens(kBoth);
  ExpectBegunOnBoth(ExportsSince);
  ExpectAtOnceOnBoth(ImportsSince);
}

TEST_F(LateImportsTest, StepsGoOnBesideAnImportThatDoesNotEnd) {
  const std::vector<uint32_t> expected = ExpectedTokens();
  const OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  const OwnedRequest request = BeginHeld(streams[0].get());
  EXPECT_TRUE(StepsGoOn());
  EXPECT_EQ(RunOn(MakeStream(model.get()).get(), 1).status, SKEIN_OK) << "also those of new streams";
  EXPECT_EQ(late_.counts().num_imports_held, 1u);
  EXPECT_EQ(late_.counts().num_imports_at_once, before_.num_imports_at_once) << "no step was waited for";
  late_.LetImportsGo(0);
  EXPECT_EQ(EndOf(0).tokens, expected);
  EndBusy();
  ExpectMovesInOrder();
}

// What a prompt would have had of the steps goes to others until its state is there.
TEST_F(LateImportsTest, PromptWhoseStateComesLeavesItsPartOfTheStepsToOthers) {
  const OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.HoldImports(0);
  const OwnedRequest request = BeginOn(streams[0].get(), 0, std::vector<uint32_t>(10 * kStepTokens, 7));
  EXPECT_TRUE(WaitUntilOneIsHeld());
  const OwnedStream other = MakeStream(model.get());
  const OwnedRequest prompt = BeginOn(other.get(), 1, std::vector<uint32_t>(20 * kStepTokens, 8));
  EXPECT_EQ(EndOf(1).status, SKEIN_OK);
  EXPECT_EQ(late_.counts().num_imports_held, 1u);
  late_.LetImportsGo(0);
  EXPECT_EQ(EndOf(0).status, SKEIN_OK);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, AStepOfAStreamAloneIsBegunBehindItsImport) {
  const std::vector<uint32_t> expected = ExpectedTokens();
  const OwnedModel model = Load("late:0", kFewSlots);
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.HoldImports(0);
  const uint64_t num_steps = late_.counts().num_steps;
  const OwnedRequest request = BeginOn(streams[0].get(), 0);
  ASSERT_TRUE(WaitUntilOneIsHeld());
  EXPECT_TRUE(late_.WaitFor([num_steps](const late::Counts& now) { return now.num_steps > num_steps; }));
  EXPECT_EQ(late_.counts().num_imports_held, 1u);
  late_.LetImportsGo(0);
  EXPECT_EQ(EndOf(0).tokens, expected);
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, ManyStreamsThatWakeAtOnceReadTheirStates) {
  const OwnedModel whole = Load("reference", 100);
  const OwnedModel model = Load("late:0=0,late:1=1-2", 40);
  std::vector<std::vector<uint32_t>> tokens[2];
  for (size_t on = 0; on < 2; ++on) {
    skein_model at = on == 0 ? whole.get() : model.get();
    std::vector<OwnedStream> streams(60);
    for (size_t turn = 0; turn < 3; ++turn) {
      std::vector<OwnedRequest> requests;
      for (size_t i = 0; i < streams.size(); ++i) {
        if (turn == 0) streams[i] = MakeStream(at);
        requests.push_back(BeginOn(streams[i].get(), i));
      }
      for (size_t i = 0; i < streams.size(); ++i) {
        const Delivered of = EndOf(i);
        EXPECT_EQ(of.status, SKEIN_OK) << of.text;
        tokens[on].push_back(of.tokens);
      }
    }
  }
  EXPECT_EQ(tokens[1], tokens[0]);
  EXPECT_GT(late_.counts().num_imports_begun, before_.num_imports_begun);
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, AStreamThatIsCancelledWhileItsStateComesGoesOnLater) {
  const std::vector<uint32_t> expected = ExpectedTokens();
  const OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  const OwnedRequest request = BeginHeld(streams[0].get());
  SKEIN_CALL(skein_request_cancel, request.get());
  EXPECT_EQ(EndOf(0).end, uint32_t{SKEIN_EVENT_CANCELLED});
  EXPECT_EQ(late_.counts().num_imports_held, 1u);
  late_.LetImportsGo(0);
  EXPECT_EQ(RunOn(streams[0].get(), 0).tokens, expected);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, TheSlotOfAStreamThatIsReleasedWhileItsStateComesIsKept) {
  const OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.HoldImports(0);
  {
    const OwnedRequest request = BeginOn(streams[0].get(), 0);
    ASSERT_TRUE(WaitUntilOneIsHeld());
  }
  streams.clear();
  // New streams take all slots that are free.
  for (size_t i = 0; i < kNumStreams; ++i) {
    streams.push_back(MakeStream(model.get()));
    EXPECT_EQ(RunOn(streams.back().get(), 100 + i).status, SKEIN_OK);
  }
  late_.LetImportsGo(0);
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, AStateThatIsReadByItsHostWhileItComesIsWhole) {
  const OwnedModel whole = Load("reference", 100);
  const OwnedStream expected = MakeStream(whole.get());
  RunOn(expected.get(), 0);
  const OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  const OwnedRequest request = BeginHeld(streams[0].get());
  SKEIN_CALL(skein_request_cancel, request.get());
  EndOf(0);
  std::future<std::vector<float>> state = std::async(std::launch::async, [&] { return StateOf(streams[0].get()); });
  late_.LetImportsGo(0);
  EXPECT_EQ(state.get(), StateOf(expected.get()));
  EndBusy();
  ExpectMovesInOrder();
}

TEST_F(LateImportsTest, AModelReleasedWithImportsUnderWayWaitsForThem) {
  OwnedModel model = Load("late:0", kFewSlots);
  KeepBusy(model.get());
  std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.HoldImports(0);
  OwnedRequest request = BeginOn(streams[0].get(), 0);
  ASSERT_TRUE(WaitUntilOneIsHeld());
  request = OwnedRequest();
  streams.clear();
  busy_.clear();
  busy_streams_.clear();
  model.Close();
  late_.LetImportsGo(0);
  while (NumEnded(kBusy) < 1) ASSERT_TRUE(TakeEvents(queue_.get(), delivered_));
  EXPECT_TRUE(late_.WaitFor([](const late::Counts& now) { return now.num_live_segments == 0; }));
  ExpectMovesInOrder();
}

// An import of the first stream's state that fails, beside a busy stream or alone, where its step is begun behind it.
struct Failure {
  late::Mishap mishap;
  bool is_alone;
  const char* device;
};
class LateImportFailuresTest : public LateImportsTest, public ::testing::WithParamInterface<Failure> {};

TEST_P(LateImportFailuresTest, TheRequestThatNeedsTheStateEndsAndNoOther) {
  const std::vector<uint32_t> expected = ExpectedTokens();
  const OwnedModel model = Load(GetParam().device, kFewSlots);
  if (!GetParam().is_alone) KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.Obey({.mishap = GetParam().mishap, .code = SKEIN_INTERNAL});
  for (int i = 0; i < 2; ++i) {
    const Delivered failed = RunOn(streams[0].get(), 0);
    EXPECT_EQ(failed.status, SKEIN_INTERNAL);
    EXPECT_THAT(failed.text, HasSubstr("failed as ordered"));
  }
  late_.Obey({});
  EXPECT_EQ(RunOn(streams[0].get(), 0).tokens, expected) << "its state was still in host memory";
  for (size_t i = 1; i < kNumStreams; ++i) EXPECT_EQ(RunOn(streams[i].get(), i).status, SKEIN_OK);
  EXPECT_EQ(NumEnded(kBusy), 0u);
  EndBusy();
  ExpectMovesInOrder();
}

INSTANTIATE_TEST_SUITE_P(Failures, LateImportFailuresTest,
                         ::testing::Values(Failure{late::Mishap::kImportFails, false, "late:0"},
                                           Failure{late::Mishap::kImportFails, true, "late:0=0,late:1=1-2"},
                                           Failure{late::Mishap::kImportFenceFails, false, "late:0"},
                                           Failure{late::Mishap::kImportFenceFails, true, "late:0"},
                                           Failure{late::Mishap::kImportFenceFails, false, "late:0=0,late:1=1-2"},
                                           Failure{late::Mishap::kImportFenceFails, true, "late:0=0,late:1=1-2"}),
                         [](const auto& failure) { return "Case" + std::to_string(failure.index); });

TEST_F(LateImportsTest, AnImportThatFindsItsDeviceLostEndsTheModel) {
  const OwnedModel model = Load("late:0=0,late:1=1-2", kFewSlots);
  KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.HoldImports(1);
  const OwnedRequest request = BeginOn(streams[0].get(), 0);
  ASSERT_TRUE(WaitUntilOneIsHeld());
  late_.Lose(1);
  late_.LetImportsGo(1);
  for (const uint64_t number : {uint64_t{0}, kBusy}) {
    const Delivered of = EndOf(number);
    EXPECT_EQ(of.status, SKEIN_UNAVAILABLE);
    EXPECT_THAT(of.text, HasSubstr("device late:1 is lost"));
  }
  EXPECT_EQ(RunOn(streams[1].get(), 1).status, SKEIN_UNAVAILABLE);
  ExpectMovesInOrder();
}

class LateImportLossTest : public LateImportsTest, public ::testing::WithParamInterface<bool> {};

TEST_P(LateImportLossTest, TheCodeOfALostDeviceBehindAFenceEndsTheModel) {
  const bool is_alone = GetParam();
  const OwnedModel model = Load("late:0", kFewSlots);
  if (!is_alone) KeepBusy(model.get());
  const std::vector<OwnedStream> streams = ParkTheFirst(model.get());
  late_.Obey({.mishap = late::Mishap::kImportFenceFails, .code = SKEIN_UNAVAILABLE});
  const Delivered of = RunOn(streams[0].get(), 0);
  EXPECT_EQ(of.status, SKEIN_UNAVAILABLE);
  EXPECT_THAT(of.text, HasSubstr("device late:0 is lost"));
  if (!is_alone) {
    EXPECT_EQ(EndOf(kBusy).status, SKEIN_UNAVAILABLE);
  }
  ExpectMovesInOrder();
}

INSTANTIATE_TEST_SUITE_P(Losses, LateImportLossTest, ::testing::Bool(),
                         [](const auto& is_alone) { return is_alone.param ? "Alone" : "BesideAnother"; });

}  // namespace
}  // namespace skein::test
