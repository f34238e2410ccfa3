// The list of devices over backends that live in the test, and describe their devices as they are told.
#include "plugin/device_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace skein {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Told {
  std::string name;  // copied with its NUL if there is room
  uint32_t rank = 0;
  std::string description = "";
  int32_t code = SKEIN_OK;
};

// The answers of one backend.
struct Script {
  int32_t count_code = SKEIN_OK;
  uint32_t count = 0;
  std::vector<Told> devices;

  void Add(const Told& told) {
    devices.push_back(told);
    ++count;
  }
};
Script first;
Script second;

template <size_t N>
void Fill(const std::string& text, char (&array)[N]) {
  std::memset(array, '#', N);
  std::copy_n(text.c_str(), std::min(text.size() + 1, N), array);
}

template <Script* script>
skein_backend_table TableOf() {
  skein_backend_table table = {};
  table.struct_size = sizeof(table);
  table.device_count = [](uint32_t* count, skein_message* message) {
    Fill("the driver\nis \xFF gone", message->text);
    return *count = script->count, script->count_code;
  };
  table.device_info = [](uint32_t index, skein_backend_device* info, skein_message* message) {
    if (index >= script->devices.size()) return int32_t{SKEIN_OUT_OF_RANGE};
    const Told& told = script->devices[index];
    Fill("no answer", message->text);
    Fill(told.name, info->name);
    Fill(told.description, info->description);
    info->rank = told.rank;
    return told.code;
  };
  return table;
}

class DeviceListTest : public testing::Test {
 protected:
  void SetUp() override { first = second = Script(); }

  DeviceList List() const { return ListDevices({{"one", &first_table_}, {"two", &second_table_}}); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const DeviceDescription& device : List().devices) names.emplace_back(device.info.name);
    return names;
  }
  std::vector<std::string> Problems() const {
    std::vector<std::string> reasons;
    for (const DeviceProblem& problem : List().problems) reasons.push_back(problem.reason);
    return reasons;
  }

  const skein_backend_table first_table_ = TableOf<&first>();
  const skein_backend_table second_table_ = TableOf<&second>();
};

TEST_F(DeviceListTest, ThePreferredComesFirst) {
  first.Add({.name = "slow", .rank = 1});
  second.Add({.name = "gpu:0", .rank = 200});
  second.Add({.name = "gpu:1", .rank = 200});
  EXPECT_THAT(Names(), ElementsAre("gpu:0", "gpu:1", "slow"));
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(DeviceListTest, ANameBelongsToTheBackendThatWasLoadedFirst) {
  first.Add({.name = "cpu", .rank = 100});
  second.Add({.name = "cpu", .rank = 0xFFFFFFFFu});
  second.Add({.name = "other", .rank = 1});
  second.Add({.name = "other", .rank = 2});
  const DeviceList list = List();
  EXPECT_THAT(Names(), ElementsAre("cpu", "other"));
  EXPECT_EQ(list.devices[0].plugin.id, "one");
  EXPECT_THAT(Problems(), ElementsAre("two: device 0: its name \"cpu\" is taken by device 0 of plugin \"one\"",
                                      "two: device 2: its name \"other\" is taken by device 1 of plugin \"two\""));
}

TEST_F(DeviceListTest, APluginBesideLibskeinKeepsItsNamesFromThoseThatAreFoundBefore) {
  first.Add({.name = "cpu", .rank = 1000});
  second.Add({.name = "cpu", .rank = 100});
  const DeviceList list = ListDevices({{"one", &first_table_}, {"two", &second_table_, 0, /*is_own=*/true}});
  ASSERT_EQ(list.devices.size(), 1u);
  EXPECT_EQ(list.devices[0].plugin.id, "two");
  ASSERT_EQ(list.problems.size(), 1u);
  EXPECT_EQ(list.problems[0].reason, "one: device 0: its name \"cpu\" is taken by device 0 of plugin \"two\"");
}

TEST_F(DeviceListTest, ANameThatCannotBeChosenIsRefused) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"", "its name is empty"},
      {"a=b", "\"a=b\" has a ',' or '='"},
      {"a,b", "\"a,b\" has a ',' or '='"},
      {"cpu\n", "\"cpu\\n\" is not UTF-8 without control characters"},
      {"gpu\xFF", "\"gpu\\xff\" is not UTF-8 without control characters"},
      {"gpu\xC3", "is not UTF-8 without control characters"},
      {"\x1b[2Jcpu", "is not UTF-8 without control characters"},
      {std::string(64, 'n'), "its name has no end within 64 bytes"},
      {std::string(5000, 'n'), "its name has no end within 64 bytes"},
  };
  for (const auto& [name, reason] : names) {
    first = Script();
    first.Add({.name = name});
    first.Add({.name = std::string(63, 'n')});
    EXPECT_THAT(Names(), ElementsAre(std::string(63, 'n'))) << reason;
    EXPECT_THAT(Problems(), ElementsAre(AllOf(HasSubstr("one: device 0: "), HasSubstr(reason))));
  }
}

TEST_F(DeviceListTest, NamesInOtherScriptsAndWithSpacesAreNames) {
  first.Add({.name = "\u00FCber 1", .rank = 2});
  first.Add({.name = "NVIDIA H200 (0)", .rank = 1});
  EXPECT_THAT(Names(), ElementsAre("\u00FCber 1", "NVIDIA H200 (0)"));
}

TEST_F(DeviceListTest, DescriptionsAreUtf8ThatEnds) {
  first.Add({.name = "a", .rank = 2, .description = "GPU \xFF"});
  first.Add({.name = "b", .rank = 1, .description = std::string(9000, 'd')});
  const DeviceList list = List();
  EXPECT_STREQ(list.devices[0].info.description, "GPU \uFFFD");
  EXPECT_EQ(std::string(list.devices[1].info.description), std::string(255, 'd'));
}

TEST_F(DeviceListTest, ACountThatFailsIsAProblemAndTheOthersGoOn) {
  first.count_code = SKEIN_UNAVAILABLE;
  second.Add({.name = "cpu"});
  EXPECT_THAT(Names(), ElementsAre("cpu"));
  EXPECT_THAT(Problems(), ElementsAre("one: device_count: the driver\nis \uFFFD gone"));
}

TEST_F(DeviceListTest, AMachineWithoutSuchDevicesIsNoDefect) {
  first.count_code = SKEIN_UNAVAILABLE;
  second.count_code = SKEIN_INTERNAL;
  const DeviceList list = List();
  ASSERT_EQ(list.problems.size(), 2u);
  EXPECT_TRUE(list.problems[0].is_absence);
  EXPECT_FALSE(list.problems[1].is_absence);
}

TEST_F(DeviceListTest, ACountThatNoMachineHasIsAProblem) {
  second.Add({.name = "cpu"});
  for (const uint32_t count : {257u, 0x80000000u, 0xFFFFFFFFu}) {
    first.count = count;
    EXPECT_THAT(Names(), ElementsAre("cpu"));
    EXPECT_THAT(Problems(),
                ElementsAre("one: device_count: found " + std::to_string(count) + " devices; expected at most 256"));
  }
}

TEST_F(DeviceListTest, ADeviceThatDoesNotAnswerEndsTheListOfItsBackend) {
  first.Add({.name = "a", .rank = 2});
  first.Add({.name = "b", .code = SKEIN_INTERNAL});
  first.Add({.name = "c"});
  second.Add({.name = "d", .rank = 1});
  EXPECT_THAT(Names(), ElementsAre("a", "d"));
  EXPECT_THAT(Problems(), ElementsAre("one: device 1: no answer"));
}

TEST_F(DeviceListTest, AThousandRefusalsAreBounded) {
  for (int i = 0; i < 256; ++i) first.Add({.name = "a=" + std::to_string(i)});
  EXPECT_THAT(Problems(), SizeIs(256));
  EXPECT_THAT(Names(), IsEmpty());
}

}  // namespace
}  // namespace skein
