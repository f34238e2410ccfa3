#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "skein/plugin.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/format_harness.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

// A format plugin loaded as the host loads it. Never unloaded, as there.
class FormatPluginTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string path = std::string(SKEIN_PLUGIN_DIR) + "/format-" + GetParam() + ".so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    entry_ = reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"));
    ASSERT_NE(entry_, nullptr);
  }

  int32_t Enter(uint32_t abi_min, uint32_t abi_max) {
    const skein_plugin_offer offer = {.struct_size = sizeof(skein_plugin_offer),
                                      .abi_min = abi_min,
                                      .abi_max = abi_max,
                                      .reserved = 0,
                                      .host_version = "1.0.0"};
    answer_ = {};
    answer_.struct_size = sizeof(answer_);
    return entry_(&offer, &answer_, &message_);
  }

  skein_plugin_entry_fn entry_ = nullptr;
  skein_plugin_answer answer_{};
  skein_message message_{};
};

TEST_P(FormatPluginTest, AnswersWithItsTable) {
  ASSERT_EQ(Enter(1, 3), SKEIN_OK) << message_.text;
  EXPECT_EQ(answer_.abi, 1u);
  EXPECT_EQ(answer_.kind, static_cast<uint32_t>(SKEIN_PLUGIN_FORMAT));
  EXPECT_STREQ(answer_.id, GetParam());
  const auto* table = static_cast<const skein_format_table*>(answer_.table);
  EXPECT_TRUE(SKEIN_HAS(skein_format_table, table, metadata));
}

TEST_P(FormatPluginTest, RefusesAnAbiItDoesNotKnow) {
  EXPECT_EQ(Enter(2, 3), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(message_.text, HasSubstr("ABI 1"));
}

TEST_P(FormatPluginTest, NamesThePathOfAFileItCannotRead) {
  ASSERT_EQ(Enter(1, 1), SKEIN_OK);
  const auto* table = static_cast<const skein_format_table*>(answer_.table);
  const Outcome outcome = ReadAll(*table, Bytes(100, 0x41), "folder/not-a-model");
  EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(outcome.message, HasSubstr("folder/not-a-model: "));
  EXPECT_EQ(ReadAll(*table, Bytes(), "folder/empty").status, SKEIN_DATA_LOSS);
}

INSTANTIATE_TEST_SUITE_P(Each, FormatPluginTest, ::testing::Values("gguf", "pth", "rwkvcpp", "safetensors"),
                         [](const ::testing::TestParamInfo<const char*>& test) { return test.param; });

// The behaviour that the adapter adds to any reader.
class FormatTableTest : public ::testing::Test {
 protected:
  struct TwoTensors {
    static constexpr const char* kExtensions = ".two";
    static uint32_t Probe(std::span<const uint8_t> /*file*/, std::string_view /*path*/) noexcept { return 50; }
    static plugin::Checkpoint Read(const plugin::Source& source) {
      const std::span<const uint8_t> file = source.bytes();
      plugin::CheckpointBuilder builder;
      builder.AddMetadata("key", "value");
      const size_t checksum =
          builder.AddChecksum({.name = "all", .bytes = file, .crc32 = plugin::Crc32(Bytes(file.size()))});
      for (const char* name : {"plain", "checked"}) {
        builder.Add({.name = name,
                     .dtype = SKEIN_DTYPE_U8,
                     .stored_type = "byte",
                     .shape = {file.size()},
                     .strides = {1},
                     .data = file.data(),
                     .checksum = std::string_view(name) == "checked" ? checksum : plugin::kNoChecksum});
      }
      return builder.Finish();
    }
  };

  void Open(const Bytes& file) {
    skein_source source{};
    source.struct_size = sizeof(source);
    source.path = "file.two";
    source.data = file.data();
    source.size_bytes = file.size();
    ASSERT_EQ(table_.open(nullptr, &source, &checkpoint_, &message_), SKEIN_OK);
  }
  void TearDown() override { table_.close(checkpoint_); }

  const skein_format_table& table_ = plugin::kFormatTable<TwoTensors>;
  const Bytes sound_ = Bytes(10);
  const Bytes flipped_ = Bytes(10, 1);
  void* checkpoint_ = nullptr;
  skein_message message_{};
};

TEST_F(FormatTableTest, AnIndexPastTheEndFails) {
  Open(sound_);
  skein_tensor_info info{};
  info.struct_size = sizeof(info);
  EXPECT_EQ(table_.tensor_info(checkpoint_, 2, &info, &message_), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(table_.tensor_read(checkpoint_, ~uint64_t{0}, nullptr, 0, &message_), SKEIN_OUT_OF_RANGE);
  const char* text = nullptr;
  uint64_t text_bytes = 0;
  EXPECT_EQ(table_.metadata(checkpoint_, 1, &text, &text, &text_bytes, &message_), SKEIN_OUT_OF_RANGE);
}

TEST_F(FormatTableTest, ADestinationOfAnotherSizeIsRefused) {
  Open(sound_);
  Bytes destination(11);
  EXPECT_EQ(table_.tensor_read(checkpoint_, 0, destination.data(), 9, &message_), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(table_.tensor_read(checkpoint_, 0, destination.data(), 11, &message_), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(table_.tensor_read(checkpoint_, 0, destination.data(), 10, &message_), SKEIN_OK);
}

TEST_F(FormatTableTest, AShortInfoIsRefused) {
  Open(sound_);
  skein_tensor_info info{};
  info.struct_size = 16;
  EXPECT_EQ(table_.tensor_info(checkpoint_, 0, &info, &message_), SKEIN_INVALID_ARGUMENT);
}

TEST_F(FormatTableTest, ATensorWhoseBytesFailTheirChecksumIsNotGiven) {
  Open(flipped_);
  skein_tensor_info info{};
  info.struct_size = sizeof(info);
  EXPECT_EQ(table_.tensor_info(checkpoint_, 1, &info, &message_), SKEIN_OK) << "looks at no data";
  EXPECT_EQ(table_.tensor_check(checkpoint_, 0, &message_), SKEIN_OK) << "it has no checksum";
  EXPECT_EQ(table_.tensor_check(checkpoint_, 1, &message_), SKEIN_DATA_LOSS);
  EXPECT_THAT(message_.text, HasSubstr("file.two: tensor \"checked\": \"all\": expected CRC-32"));
  Bytes destination(10);
  EXPECT_EQ(table_.tensor_read(checkpoint_, 1, destination.data(), 10, &message_), SKEIN_DATA_LOSS);
}

TEST(QuoteTest, MakesHostileTextSafeToShow) {
  EXPECT_EQ(plugin::Quote("a\x1b\"\xff"), "\"a\\x1b\\x22\\xff\"");
  EXPECT_EQ(plugin::Quote(std::string(1000, 'x')).size(), 120u + 5u);
}

}  // namespace
}  // namespace skein::test
