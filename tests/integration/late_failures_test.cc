// Devices that fail steps, early and late: the streams at fault fail, and the others go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Failure {
  const char* name;
  late::Mishap mishap;
  uint32_t device;
};

class LateFailuresTest : public LateDevicesTest, public ::testing::WithParamInterface<Failure> {
 protected:
  late::Order OrderFor(int32_t code) const {
    return {.mishap = GetParam().mishap, .code = code, .token = kBadToken, .device = GetParam().device};
  }

  // Three requests, of which the second one reads kBadToken; the events by request.
  std::map<uint64_t, Delivered> RunThree(skein_model model) {
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    for (uint64_t i = 0; i < 3; ++i) {
      streams.push_back(MakeStream(model));
      requests.push_back(NewRequest(streams.back().get(), {kGoodToken, i == 1 ? kBadToken : kGoodToken}, i));
      handles.push_back(requests.back().get());
    }
    Submit(handles);
    return DrainUntilEnded(queue_.get(), handles.size());
  }
};

TEST_P(LateFailuresTest, OnlyTheStreamAtFaultFails) {
  const OwnedModel model = LoadSplit();
  late_.Obey(OrderFor(SKEIN_INTERNAL));
  const std::map<uint64_t, Delivered> delivered = RunThree(model.get());
  for (const auto& [i, of] : delivered) {
    EXPECT_EQ(of.num_terminal, 1);
    EXPECT_EQ(of.end, i == 1 ? uint32_t{SKEIN_EVENT_ERROR} : uint32_t{SKEIN_EVENT_DONE}) << "request " << i;
    EXPECT_EQ(of.tokens.size(), i == 1 ? 0u : 5u) << "request " << i;
  }
  const bool is_entry = GetParam().mishap == late::Mishap::kEntryFails;
  EXPECT_EQ(delivered.at(1).status, SKEIN_INTERNAL);
  EXPECT_THAT(delivered.at(1).text,
              HasSubstr(is_entry ? "failed this stream with code 13" : "late: failed as ordered"));
  ExpectFencesInOrder();
}

TEST_P(LateFailuresTest, AStreamThatFailedStandsWhereItStood) {
  const OwnedModel model = LoadSplit();
  const OwnedStream stream = MakeStream(model.get());
  AllLogits(model.get(), stream.get(), {1, 2});
  const std::vector<float> before = StateOf(stream.get());
  late_.Obey(OrderFor(SKEIN_DATA_LOSS));
  const uint32_t token = kBadToken;
  skein_eval_item item = {};
  item.stream = stream.get();
  item.tokens = &token;
  item.num_tokens = 1;
  EXPECT_EQ(skein_eval(model.get(), &item, sizeof(item), 1, nullptr), SKEIN_DATA_LOSS);
  EXPECT_EQ(StateOf(stream.get()), before);
  late_.Obey({});
  SKEIN_CALL(skein_eval, model.get(), &item, sizeof(item), 1);
  EXPECT_NE(StateOf(stream.get()), before);
  ExpectFencesInOrder();
}

// Nobody cancelled these requests. CANCELLED and similar codes are a caller's, not a device's.
TEST_P(LateFailuresTest, ACodeThatIsNoFailureOfADeviceIsAnErrorAndNoCancellation) {
  const OwnedModel model = LoadSplit();
  for (const int32_t code : {SKEIN_CANCELLED, SKEIN_DEADLINE_EXCEEDED, 4711, -1}) {
    late_.Obey(OrderFor(code));
    const Delivered delivered = RunThree(model.get())[1];
    EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_ERROR}) << code;
    EXPECT_EQ(delivered.status, SKEIN_INTERNAL) << code;
    const char* name = code == SKEIN_CANCELLED ? "CANCELLED" : code == SKEIN_DEADLINE_EXCEEDED ? "DEADLINE" : "code ";
    const bool is_entry = GetParam().mishap == late::Mishap::kEntryFails;
    EXPECT_THAT(delivered.text, HasSubstr(is_entry ? "code " + std::to_string(code) : name));
  }
  ExpectFencesInOrder();
}

// Failures that come with a message, which those of an entry do not.
class LateMessagesTest : public LateFailuresTest {};

TEST_P(LateMessagesTest, AMessageWithoutAnEndEndsWithItsArray) {
  const OwnedModel model = LoadSplit();
  TakeLog();
  late::Order order = OrderFor(SKEIN_INTERNAL);
  order.has_no_end = true;
  late_.Obey(order);
  std::string euros;
  for (int i = 0; i < 341; ++i) euros += "\u20AC";
  // A message loses its middle where it is longer than an error may be. The log has room for all of it.
  const std::string text = RunThree(model.get())[1].text;
  EXPECT_LT(text.size(), size_t{SKEIN_ERROR_MESSAGE_BYTES});
  const size_t middle = text.find("\u2026");
  ASSERT_NE(middle, std::string::npos) << text;
  EXPECT_EQ(text.substr(0, middle), ("late: " + euros).substr(0, middle));
  EXPECT_EQ(text.substr(middle + 3), euros.substr(0, text.size() - middle - 3));
  EXPECT_THAT(TakeLog(), AllOf(HasSubstr("late: " + euros + "\n"), Not(HasSubstr("\uFFFD"))));
}

TEST_P(LateFailuresTest, AFailureOfAllStepsEndsAllRequestsAndTheModelGoesOnAfterwards) {
  const OwnedModel model = LoadSplit();
  late::Order order = OrderFor(SKEIN_RESOURCE_EXHAUSTED);
  order.token = late::kAny;
  late_.Obey(order);
  for (const auto& [i, of] : RunThree(model.get())) EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_ERROR}) << i;
  late_.Obey({});
  for (const auto& [i, of] : RunThree(model.get())) EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_DONE}) << i;
  ExpectFencesInOrder();
}

constexpr Failure kWithMessage[] = {
    {"StepOnFirst", late::Mishap::kStepFails, 0},
    {"StepOnLast", late::Mishap::kStepFails, 1},
    {"FenceOnFirst", late::Mishap::kFenceFails, 0},
    {"FenceOnLast", late::Mishap::kFenceFails, 1},
    {"ErrorAndFenceOnFirst", late::Mishap::kErrorAndFence, 0},
    {"ErrorAndFenceOnLast", late::Mishap::kErrorAndFence, 1},
};
constexpr Failure kOfAnEntry[] = {
    {"EntryOnFirst", late::Mishap::kEntryFails, 0},
    {"EntryOnLast", late::Mishap::kEntryFails, 1},
};
std::string NameOf(const ::testing::TestParamInfo<Failure>& failure) { return failure.param.name; }

INSTANTIATE_TEST_SUITE_P(WithMessage, LateFailuresTest, ::testing::ValuesIn(kWithMessage), NameOf);
INSTANTIATE_TEST_SUITE_P(OfAnEntry, LateFailuresTest, ::testing::ValuesIn(kOfAnEntry), NameOf);
INSTANTIATE_TEST_SUITE_P(WithMessage, LateMessagesTest, ::testing::ValuesIn(kWithMessage), NameOf);

}  // namespace
}  // namespace skein::test
