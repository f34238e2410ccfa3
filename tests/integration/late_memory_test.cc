// Models that memory places on devices: the late ones, which have as much as a test says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kModel[] = "synthetic:C=64,L=8,F=256,N=64,V=300";
constexpr uint32_t kNumLayers = 8;

struct Settings {
  std::string device = "";
  std::string device_memory = "";
  int64_t max_streams = 8;
  std::string type = "auto";
  std::string state_type = "f32";
};

class LateMemoryTest : public LateDevicesTest {
 protected:
  skein_status TryLoad(const Settings& settings, OwnedModel& model, skein_error& error) const {
    error = {};
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL,
                                             {{"device", settings.device},
                                              {"device_memory", settings.device_memory},
                                              {"type", settings.type},
                                              {"state_type", settings.state_type}},
                                             {{"max_batch_streams", settings.max_streams}});
    return skein_model_load(runtime_.get(), kModel, options.get(), model.out(), &error);
  }
  OwnedModel Load(const Settings& settings) const {
    OwnedModel model;
    skein_error error;
    const skein_status status = TryLoad(settings, model, error);
    EXPECT_TRUE(Ok(status, error));
    return model;
  }
  std::string PlacementOf(const Settings& settings) const { return InfoOf(Load(settings).get()).device; }
  std::string ErrorOf(const Settings& settings, skein_status expected = SKEIN_RESOURCE_EXHAUSTED) const {
    OwnedModel model;
    skein_error error;
    EXPECT_EQ(TryLoad(settings, model, error), expected) << error.message;
    return error.message;
  }

  // The bytes that the whole model needs on one device, found by halving.
  uint64_t WholeBytes() const {
    uint64_t fits = uint64_t{1} << 30;
    uint64_t too_few = 1;
    while (too_few + 1 < fits) {
      const uint64_t bytes = too_few + (fits - too_few) / 2;
      OwnedModel model;
      skein_error error;
      const bool is_loaded = TryLoad({.device = "late:0", .device_memory = std::to_string(bytes)}, model, error) == 0;
      (is_loaded ? fits : too_few) = bytes;
    }
    return fits;
  }

  std::vector<float> LogitsOf(skein_model model) const {
    const OwnedStream stream = MakeStream(model);
    std::vector<float> logits = AllLogits(model, stream.get(), {1, 2, 3, 4, 5});
    const std::vector<float> state = StateOf(stream.get());
    logits.insert(logits.end(), state.begin(), state.end());
    return logits;
  }
};

// The last layer of the first device in "late:0=0-L,late:1=...".
uint32_t LastLayer(const std::string& placement) {
  uint32_t last = kNumLayers;
  EXPECT_EQ(std::sscanf(placement.c_str(), "late:%*u=0-%u,", &last), 1) << placement;
  return last;
}

// The words behind `key` in an advice, up to the next comma or "or".
std::string AdviceFor(const std::string& key, const std::string& message) {
  const size_t at = message.rfind(key + " ");
  if (at == std::string::npos) return "";
  const std::string rest = message.substr(at + key.size() + 1);
  return rest.substr(0, std::min({rest.find(" or "), rest.find(", "), rest.size()}));
}

TEST_F(LateMemoryTest, AListIsFilledInItsOrderAndComputesTheSame) {
  const uint64_t whole = WholeBytes();
  const std::vector<float> expected = LogitsOf(Load({.device = "late:0"}).get());
  EXPECT_EQ(PlacementOf({.device = "late:0,late:1", .device_memory = "late:0=" + std::to_string(whole)}), "late:0");
  EXPECT_EQ(PlacementOf({.device = "late:0,late:1", .device_memory = "late:0=1"}), "late:1");
  uint32_t last_before = kNumLayers - 1;
  for (const uint64_t bytes : {whole - 1, whole * 3 / 4, whole / 2}) {
    const OwnedModel model = Load({.device = "late:0,late:1", .device_memory = "late:0=" + std::to_string(bytes)});
    const std::string placement = InfoOf(model.get()).device;
    const uint32_t last = LastLayer(placement);
    EXPECT_THAT(placement, HasSubstr(",late:1=" + std::to_string(last + 1) + "-7"));
    EXPECT_LT(last, last_before) << "with " << bytes << " of " << whole;
    last_before = last;
    EXPECT_EQ(LogitsOf(model.get()), expected) << placement;
  }
  EXPECT_THAT(PlacementOf({.device = "late:1,late:0", .device_memory = "late:1=" + std::to_string(whole / 2)}),
              StartsWith("late:1=0-"));
}

TEST_F(LateMemoryTest, StreamsTakeTheirRoomFromTheLayers) {
  const std::string memory = "late:0=" + std::to_string(WholeBytes());
  const uint32_t last = LastLayer(PlacementOf({.device = "late:0,late:1", .device_memory = memory, .max_streams = 16}));
  const uint32_t last_of_more =
      LastLayer(PlacementOf({.device = "late:0,late:1", .device_memory = memory, .max_streams = 32}));
  EXPECT_LT(last_of_more, last);
}

TEST_F(LateMemoryTest, TheMemoryThatADeviceSaysItHasCounts) {
  late_.Declare({.memory_bytes = {WholeBytes() / 2, 0}});
  EXPECT_THAT(PlacementOf({.device = "late:0,late:1"}), StartsWith("late:0=0-"));
  EXPECT_THAT(TakeLog(), HasSubstr(std::string(kModel) + ": placed by memory on late:0=0-"));
  EXPECT_EQ(PlacementOf({.device = "late:1,late:0"}), "late:1");
  EXPECT_THAT(TakeLog(), Not(HasSubstr("placed by memory"))) << "the first had room for all";
}

TEST_F(LateMemoryTest, AFullDeviceHasItsNeedInTheErrorAndAdviceThatHelps) {
  late_.Declare({.memory_bytes = {WholeBytes() * 9 / 10, 0}});
  const std::string message = ErrorOf({.device = "late:0"});
  EXPECT_THAT(message,
              AllOf(HasSubstr("device late:0 is full: the model needs"), HasSubstr("its memory"), HasSubstr("weights"),
                    HasSubstr("in 18 slots"), HasSubstr("scratch"), HasSubstr("it would fit with max_batch_streams ")));
  const std::string split = AdviceFor("device", message);
  EXPECT_EQ(PlacementOf({.device = split}), split) << message;
  EXPECT_THAT(split, StartsWith("late:0=0-"));
  const std::string type = AdviceFor("type", message);
  EXPECT_NE(type, "") << message;
  EXPECT_EQ(PlacementOf({.device = "late:0", .type = type}), "late:0");
}

TEST_F(LateMemoryTest, FewerStreamsAreAdvisedByTheirNumber) {
  OwnedModel model;
  late_.Declare({.memory_bytes = {WholeBytes(), 0}});
  const std::string message = ErrorOf({.device = "late:0=0-7", .max_streams = 100});
  const std::string streams = AdviceFor("max_batch_streams", message);
  ASSERT_NE(streams, "") << message;
  const int64_t num_streams = std::stoll(streams);
  EXPECT_GE(num_streams, 8);
  EXPECT_LT(num_streams, 100);
  EXPECT_EQ(PlacementOf({.device = "late:0=0-7", .max_streams = num_streams}), "late:0");
  ErrorOf({.device = "late:0=0-7", .max_streams = num_streams + 1});
}

TEST_F(LateMemoryTest, WhatTheCallerPlacesIsNotMoved) {
  late_.Declare({.memory_bytes = {WholeBytes() / 2, 0}});
  EXPECT_THAT(ErrorOf({.device = "late:0=0-6,late:1=7"}), HasSubstr("device late:0 is full"));
  EXPECT_EQ(PlacementOf({.device = "late:0=0-1,late:1=2-7"}), "late:0=0-1,late:1=2-7");
}

TEST_F(LateMemoryTest, AListWithoutRoomNamesTheLastDevice) {
  const uint64_t third = WholeBytes() / 3;
  late_.Declare({.memory_bytes = {third, third}});
  const std::string message = ErrorOf({.device = "late:0,late:1"});
  EXPECT_THAT(message, HasSubstr("device late:1 is full"));
  // The other devices of this process could take the rest, the best first.
  const std::string split = AdviceFor("device", message);
  EXPECT_EQ(PlacementOf({.device = split}), split) << message;
}

// --- no device is named ---

TEST_F(LateMemoryTest, TheBestDeviceAloneIsTakenIfItHasRoom) {
  late_.Declare({.rank = 200, .memory_bytes = {WholeBytes(), WholeBytes()}});
  EXPECT_EQ(PlacementOf({}), "late:0");
  EXPECT_EQ(PlacementOf({.device = "auto"}), "late:0");
  EXPECT_THAT(TakeLog(), Not(HasSubstr("placed by memory")));
}

TEST_F(LateMemoryTest, TheNextBestGetWhatTheBestHasNoRoomFor) {
  const uint64_t whole = WholeBytes();
  const std::vector<float> expected = LogitsOf(Load({.device = "late:0"}).get());
  late_.Declare({.rank = 200, .memory_bytes = {whole / 2, whole}});
  const OwnedModel model = Load({.device = "auto"});
  EXPECT_THAT(std::string(InfoOf(model.get()).device), AllOf(StartsWith("late:0=0-"), HasSubstr(",late:1=")));
  EXPECT_EQ(LogitsOf(model.get()), expected);
  EXPECT_THAT(TakeLog(), AllOf(HasSubstr("placed by memory on late:0=0-"), HasSubstr("device late:0 is full")));
  // Then all others in their order, but not beyond the first that computes in the host's memory.
  late_.Declare({.rank = 200, .memory_bytes = {whole * 2 / 3, whole / 2}});
  const std::string placement = PlacementOf({});
  EXPECT_THAT(placement, AllOf(StartsWith("late:0=0-"), HasSubstr(",late:1="), HasSubstr(",cpu=")));
  EXPECT_THAT(placement, Not(HasSubstr("reference")));
}

TEST_F(LateMemoryTest, WhatIsFreeCountsAndIsAskedWhereAModelGoesAlone) {
  const uint64_t whole = WholeBytes();
  late_.Declare({.rank = 200, .memory_bytes = {2 * whole, 2 * whole}, .free_bytes = {whole / 2, 2 * whole}});
  EXPECT_THAT(ErrorOf({.device = "late:0"}),
              AllOf(HasSubstr("device late:0 is full"), HasSubstr("what is free of its memory")));
  EXPECT_THAT(PlacementOf({}), AllOf(StartsWith("late:0=0-"), HasSubstr(",late:1=")));
  const late::Counts before = late_.counts();
  EXPECT_EQ(PlacementOf({.device = "late:1"}), "late:1");
  EXPECT_EQ(late_.counts().num_asked_for_memory - before.num_asked_for_memory, 1u);
}

// --- devices that are full before their memory is used up ---

TEST_F(LateMemoryTest, ALoadThatFindsADeviceFullIsTriedWithLess) {
  const uint64_t whole = WholeBytes();
  const std::vector<float> expected = LogitsOf(Load({.device = "late:0"}).get());
  late_.Declare({.rank = 200, .memory_bytes = {2 * whole, 0}, .room_bytes = {whole * 3 / 5, UINT64_MAX}});
  for (const char* device : {"", "late:0,late:1"}) {
    const late::Counts before = late_.counts();
    const OwnedModel model = Load({.device = device});
    EXPECT_THAT(std::string(InfoOf(model.get()).device), AllOf(StartsWith("late:0=0-"), HasSubstr(",late:1=")));
    EXPECT_EQ(LogitsOf(model.get()), expected);
    EXPECT_LE(late_.counts().num_segments - before.num_segments, 4u) << "two failed, two of the model";
    EXPECT_THAT(TakeLog(), HasSubstr("device late:0 was full before its memory was used up; trying with less"));
  }
}

TEST_F(LateMemoryTest, ADeviceThatIsAlwaysFullIsLeftOut) {
  late_.Declare({.rank = 200, .room_bytes = {0, UINT64_MAX}});
  late_.Declare({.rank = 200, .memory_bytes = {uint64_t{1} << 40, 0}, .room_bytes = {0, UINT64_MAX}});
  const late::Counts before = late_.counts();
  const OwnedModel model = Load({});
  EXPECT_STREQ(InfoOf(model.get()).device, "late:1");
  EXPECT_LE(late_.counts().num_segments - before.num_segments, 4u);
}

TEST_F(LateMemoryTest, AFailedLoadLeavesNoSegment) {
  late_.Declare({.rank = 200, .memory_bytes = {uint64_t{1} << 40, uint64_t{1} << 40}, .room_bytes = {1, 1}});
  const std::string message = ErrorOf({.device = "late:0,late:1"});
  EXPECT_THAT(message, AllOf(HasSubstr("late:"), HasSubstr("is full"), HasSubstr("others have the memory")));
  EXPECT_EQ(late_.counts().num_live_segments, 0u);
}

TEST_F(LateMemoryTest, WhatTheCallerPlacedFailsWithTheDeviceTheNeedAndAdvice) {
  const uint64_t whole = WholeBytes();
  late_.Declare({.memory_bytes = {2 * whole, 0}, .room_bytes = {whole * 3 / 4, UINT64_MAX}});
  for (const char* device : {"late:0", "late:0=0-7"}) {
    const late::Counts before = late_.counts();
    const std::string message = ErrorOf({.device = device});
    EXPECT_EQ(late_.counts().num_segments - before.num_segments, 1u) << "one load";
    EXPECT_THAT(message, AllOf(HasSubstr("device late:0 is full"), HasSubstr("weights"), HasSubstr("in 18 slots"),
                               HasSubstr("which others may use too: late: others have the memory; it may fit with ")));
    const std::string split = AdviceFor("device", message);
    EXPECT_EQ(PlacementOf({.device = split}), split) << message;
  }
}

// --- the option ---

TEST_F(LateMemoryTest, AbsurdLimitsAreRefused) {
  EXPECT_THAT(ErrorOf({.device_memory = "6 potatoes"}, SKEIN_INVALID_ARGUMENT), HasSubstr("expected a size such as"));
  EXPECT_THAT(ErrorOf({.device_memory = "0"}, SKEIN_INVALID_ARGUMENT), HasSubstr("at least one byte"));
  EXPECT_THAT(ErrorOf({.device_memory = "late:7=1GiB"}, SKEIN_NOT_FOUND), HasSubstr("there are: "));
  const std::string tiny = ErrorOf({.device = "late:0", .device_memory = "1KiB"});
  EXPECT_THAT(tiny, AllOf(HasSubstr("the 1.00 KiB that it may take (option device_memory)"),
                          Not(HasSubstr("it would fit with"))));
}

// --- types that are the device's choice ---

TEST_F(LateMemoryTest, ADeviceIsAskedForTheArithmeticThatItWants) {
  late_.Declare({.auto_types = 1u << SKEIN_DTYPE_BF16});  // that of made-up matrices
  Load({.device = "late:0"});
  EXPECT_EQ(late_.counts().compute_type, uint32_t{SKEIN_DTYPE_BF16});
  Load({.device = "late:0", .type = "f32"});
  EXPECT_EQ(late_.counts().compute_type, uint32_t{SKEIN_DTYPE_F32});
}

TEST_F(LateMemoryTest, StatesInF16AreAskedOfADeviceThatOffersThem) {
  EXPECT_THAT(ErrorOf({.device = "late:0", .state_type = "f16"}, SKEIN_UNIMPLEMENTED),
              HasSubstr("state_type f16: device late:0"));
  late_.Declare({.state_types = 1u << SKEIN_DTYPE_F16});
  // An open device keeps the description of its opening, and the thread of the last model closes it.
  OwnedModel model;
  skein_error error;
  for (int i = 0; i < 400 && TryLoad({.device = "late:0", .state_type = "f16"}, model, error) != SKEIN_OK; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_NE(model.get(), nullptr) << error.message;
  EXPECT_EQ(late_.counts().state_type, uint32_t{SKEIN_DTYPE_F16});
}

}  // namespace
}  // namespace skein::test
