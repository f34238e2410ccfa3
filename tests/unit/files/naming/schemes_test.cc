// One model read through every naming scheme gives the same tensors, whatever the file calls them and however it stores
// them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_file.h"
#include "numbers/half.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "skein/backend.h"
#include "tests/support/tiny_model.h"

namespace skein::testing {  // as the makers of tiny models
namespace {

using ::testing::HasSubstr;

using RoleKey = std::pair<uint32_t, uint32_t>;  // role, layer

std::map<RoleKey, std::vector<float>> ReadAll(const ModelFile& model) {
  std::map<RoleKey, std::vector<float>> tensors;
  for (size_t i = 0; i < model.tensors().size(); ++i) {
    std::vector<uint8_t> buffer;
    const auto data = model.ReadTensor(i, SKEIN_DTYPE_F32, buffer);
    EXPECT_TRUE(data.ok()) << data.status();
    if (!data.ok()) continue;
    std::vector<float>& values = tensors[{model.tensors()[i].role, model.tensors()[i].layer}];
    values.resize(data->size_bytes / sizeof(float));
    std::memcpy(values.data(), data->data, data->size_bytes);
  }
  return tensors;
}

absl::StatusOr<std::unique_ptr<ModelFile>> Open(const FakeFormat& format) {
  return OpenModelFile(format.plugins(), SerialHost(), format.path(), FileAccess::kMap);
}

std::map<RoleKey, std::vector<float>> ReadBlinkDl(VersionSet version) {
  const FakeFormat format(TinyBlinkDl(version));
  const auto model = Open(format);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? ReadAll(**model) : std::map<RoleKey, std::vector<float>>();
}

// --- the author's own, against the orientations that backend.h promises ---

TEST(BlinkDlTest, MixFactorsOfRwkv6AreColumnsAndBlocksTurned) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV6);
  const auto roles = ReadBlinkDl(kV6);
  const std::vector<float> w1 = Floats(Find(tensors, "blocks.1.att.time_maa_w1"));  // [C 8, 5 * R 2]
  const std::vector<float> w2 = Floats(Find(tensors, "blocks.1.att.time_maa_w2"));  // [5, R 2, C 8]
  const uint32_t down[] = {SKEIN_ROLE_V6_MIX_DOWN_W, SKEIN_ROLE_V6_MIX_DOWN_K, SKEIN_ROLE_V6_MIX_DOWN_V,
                           SKEIN_ROLE_V6_MIX_DOWN_R, SKEIN_ROLE_V6_MIX_DOWN_G};
  const uint32_t up[] = {SKEIN_ROLE_V6_MIX_UP_W, SKEIN_ROLE_V6_MIX_UP_K, SKEIN_ROLE_V6_MIX_UP_V, SKEIN_ROLE_V6_MIX_UP_R,
                         SKEIN_ROLE_V6_MIX_UP_G};
  for (size_t q = 0; q < 5; ++q) {
    const std::vector<float>& d = roles.at({down[q], 1});  // [R, C]
    const std::vector<float>& u = roles.at({up[q], 1});    // [C, R]
    for (size_t c = 0; c < 8; ++c) {
      for (size_t r = 0; r < 2; ++r) {
        EXPECT_EQ(d[r * 8 + c], w1[c * 10 + q * 2 + r]);
        EXPECT_EQ(u[c * 2 + r], w2[(q * 2 + r) * 8 + c]);
      }
    }
  }
}

TEST(BlinkDlTest, DecayFactorsOfRwkv6AreTurned) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV6);
  const auto roles = ReadBlinkDl(kV6);
  const std::vector<float> w2 = Floats(Find(tensors, "blocks.0.att.time_decay_w2"));  // [R 3, A 12]
  const std::vector<float>& up = roles.at({SKEIN_ROLE_V6_DECAY_UP, 0});               // [A, R]
  for (size_t a = 0; a < 12; ++a) {
    for (size_t r = 0; r < 3; ++r) EXPECT_EQ(up[a * 3 + r], w2[r * 12 + a]);
  }
}

TEST(BlinkDlTest, EverythingElseIsAsStored) {
  const struct {
    VersionSet version;
    const char* name;
    uint32_t role;
  } cases[] = {
      {kV4, "blocks.1.att.time_decay", SKEIN_ROLE_V4_DECAY},
      {kV4, "blocks.1.att.time_first", SKEIN_ROLE_V4_BONUS},
      {kV4, "blocks.1.ffn.time_mix_r", SKEIN_ROLE_V4_CHANNEL_MIX_R},
      {kV4, "blocks.1.ffn.receptance.weight", SKEIN_ROLE_CHANNEL_RECEPTANCE},
      {kV50, "blocks.1.att.time_first", SKEIN_ROLE_V5_BONUS},
      {kV50, "blocks.1.att.time_decay", SKEIN_ROLE_V5_DECAY},
      {kV51, "blocks.1.att.time_faaaa", SKEIN_ROLE_V5_BONUS},
      {kV51, "blocks.1.att.time_mix_g", SKEIN_ROLE_V5_MIX_G},
      {kV51, "blocks.1.att.gate.weight", SKEIN_ROLE_TIME_GATE},
      {kV52, "blocks.1.att.time_decay", SKEIN_ROLE_V5_DECAY},
      {kV52, "blocks.1.att.output.weight", SKEIN_ROLE_TIME_OUTPUT},
      {kV6, "blocks.1.att.time_decay", SKEIN_ROLE_V6_DECAY_BIAS},
      {kV6, "blocks.1.att.time_faaaa", SKEIN_ROLE_V5_BONUS},
      {kV6, "blocks.1.att.time_maa_x", SKEIN_ROLE_V6_MIX_X},
      {kV6, "blocks.1.ffn.time_maa_k", SKEIN_ROLE_V6_CHANNEL_MIX_K},
  };
  for (const auto& c : cases) {
    std::vector<FakeTensor> tensors = TinyBlinkDl(c.version);
    EXPECT_EQ(ReadBlinkDl(c.version).at({c.role, 1}), Floats(Find(tensors, c.name))) << c.name;
  }
}

// --- the others, against the author's ---

struct SchemeCase {
  const char* name;
  const char* expected_scheme;  // as messages call it
  VersionSet version;
  std::vector<FakeTensor> (*tensors)();
  std::vector<ContainerText> texts;
  VersionSet read_as = 0;  // the version as which it is read; 0: the same
};

void PrintTo(const SchemeCase& c, std::ostream* out) { *out << c.name; }

class SchemesTest : public ::testing::TestWithParam<SchemeCase> {};

TEST_P(SchemesTest, ReadsTheSameAsTheAuthorsNames) {
  const SchemeCase& c = GetParam();
  const std::map<RoleKey, std::vector<float>> expected = ReadBlinkDl(c.version);
  const FakeFormat format(c.tensors(), c.texts);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config();
  EXPECT_EQ(VersionOf(config), c.read_as != 0 ? c.read_as : c.version);
  EXPECT_EQ(config.num_heads, TinyConfig(c.version).num_heads);
  EXPECT_EQ(config.head_size, TinyConfig(c.version).head_size);
  EXPECT_EQ(config.d_att, TinyConfig(c.version).d_att);
  EXPECT_TRUE((*model)->Verify(nullptr).ok());
  const std::map<RoleKey, std::vector<float>> found = ReadAll(**model);
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [key, values] : found) {
    const std::vector<float>& wanted = expected.at(key);
    const bool per_head = key.first == SKEIN_ROLE_V5_DECAY || key.first == SKEIN_ROLE_V5_BONUS;
    const size_t repeated = c.read_as != 0 && per_head ? 4 : 1;
    ASSERT_EQ(values.size(), wanted.size() * repeated) << TensorName(key.first, key.second);
    for (size_t i = 0; i < values.size(); ++i) {
      // rwkv.cpp stores decays through exp, in float32; all else is exact.
      const bool through_exp =
          !c.texts.empty() && c.texts[0].key == "rwkvcpp.version" && (per_head || key.first == SKEIN_ROLE_V4_DECAY);
      ASSERT_NEAR(values[i], wanted[i / repeated], through_exp ? 1e-6 : 0) << TensorName(key.first, key.second);
    }
  }
}

TEST_P(SchemesTest, ATensorThatIsMissingIsNamed) {
  const SchemeCase& c = GetParam();
  const std::vector<FakeTensor> all = c.tensors();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == "output.weight") continue;  // GGUF files without it have the embedding for it
    std::vector<FakeTensor> tensors = all;
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
    const absl::Status status = NameTensors(NamesOf(tensors), c.texts).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << all[i].name << ": " << status;
  }
}

TEST_P(SchemesTest, ASuperfluousTensorIsNamedWithTheScheme) {
  const SchemeCase& c = GetParam();
  std::vector<FakeTensor> tensors = c.tensors();
  tensors.push_back({"mystery.weight", SKEIN_DTYPE_F32, {8}, {}, {}, false});
  const absl::Status status = NameTensors(NamesOf(tensors), c.texts).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"mystery.weight\" [8]"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(c.expected_scheme));
}

INSTANTIATE_TEST_SUITE_P(
    All, SchemesTest,
    ::testing::Values(SchemeCase{"RwkvCpp4", "rwkv.cpp", kV4, [] { return TinyRwkvCpp(kV4); }, RwkvCppTexts()},
                      SchemeCase{"RwkvCpp5v0", "rwkv.cpp", kV50, [] { return TinyRwkvCpp(kV50); }, RwkvCppTexts()},
                      SchemeCase{"RwkvCpp5v2", "rwkv.cpp", kV52, [] { return TinyRwkvCpp(kV52); }, RwkvCppTexts()},
                      SchemeCase{"RwkvCpp6", "rwkv.cpp", kV6, [] { return TinyRwkvCpp(kV6); }, RwkvCppTexts()},
                      SchemeCase{"RwkvCpp7", "rwkv.cpp", kV7, [] { return TinyRwkvCpp(kV7); }, RwkvCppTexts()},
                      SchemeCase{"RwkvCpp7WithoutMetadata", "rwkv.cpp", kV7, [] { return TinyRwkvCpp(kV7); }, {}},
                      SchemeCase{"WebRwkv5v1", "web-rwkv", kV51, [] { return TinyWebRwkv(kV51); }, {}, kV52},
                      SchemeCase{"WebRwkv5v2", "web-rwkv", kV52, [] { return TinyWebRwkv(kV52); }, {}},
                      SchemeCase{"WebRwkv6", "web-rwkv", kV6, [] { return TinyWebRwkv(kV6); }, {}},
                      SchemeCase{"WebRwkv7", "web-rwkv", kV7, [] { return TinyWebRwkv(kV7); }, {}},
                      SchemeCase{"HuggingFace4", "Hugging Face", kV4, [] { return TinyHuggingFace(kV4); }, {}},
                      SchemeCase{"HuggingFace5v0", "Hugging Face", kV50, [] { return TinyHuggingFace(kV50); }, {}},
                      SchemeCase{"HuggingFace5v1", "Hugging Face", kV51, [] { return TinyHuggingFace(kV51); }, {}},
                      SchemeCase{"HuggingFace5v2", "Hugging Face", kV52, [] { return TinyHuggingFace(kV52); }, {}},
                      SchemeCase{"HuggingFace6", "Hugging Face", kV6, [] { return TinyHuggingFace(kV6); }, {}},
                      SchemeCase{"HuggingFace7", "Hugging Face RWKV-7", kV7, [] { return TinyHuggingFace7(); }, {}},
                      SchemeCase{"Fla", "flash-linear-attention", kV7, [] { return TinyFla(Mixes::kSplit); }, {}},
                      SchemeCase{"FlaFused", "flash-linear-attention", kV7, [] { return TinyFla(Mixes::kFused); }, {}},
                      SchemeCase{"Gguf6", "GGUF", kV6, [] { return TinyGguf(kV6); }, GgufTexts(kV6)},
                      SchemeCase{"Gguf6Split", "GGUF", kV6, [] { return TinyGguf(kV6, Mixes::kSplit); },
                                 GgufTexts(kV6)},
                      SchemeCase{"Gguf7", "GGUF", kV7, [] { return TinyGguf(kV7); }, GgufTexts(kV7)}),
    [](const auto& test) { return std::string(test.param.name); });

// --- properties of single schemes ---

TEST(RwkvCppTest, Version5IsComputedWithItsOwnGroupNorm) {
  const std::pair<VersionSet, float> cases[] = {{kV50, 1e-5f}, {kV52, 1e-5f}, {kV6, 64e-5f}, {kV7, 64e-5f}};
  for (const auto& [version, epsilon] : cases) {
    const FakeFormat format(TinyRwkvCpp(version), RwkvCppTexts());
    const auto model = Open(format);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->config().group_norm_epsilon, epsilon) << VersionText(version);
  }
}

TEST(RwkvCppTest, DecaysAreFloat32WhateverTheyAreStoredIn) {
  std::vector<FakeTensor> tensors = TinyRwkvCpp(kV52);
  FakeTensor& decay = Find(tensors, "blocks.1.att.time_decay");
  const std::vector<float> values = Floats(decay);
  decay.dtype = SKEIN_DTYPE_F16;
  decay.bytes.resize(values.size() * 2);
  RoundFloats(values.data(), values.size(), SKEIN_DTYPE_F16, decay.bytes.data());
  const FakeFormat format(tensors, RwkvCppTexts());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto spec = std::find_if((*model)->tensors().begin(), (*model)->tensors().end(),
                                 [](const TensorSpec& s) { return s.role == SKEIN_ROLE_V5_DECAY && s.layer == 1; });
  ASSERT_NE(spec, (*model)->tensors().end());
  EXPECT_EQ(spec->stored_dtype, uint32_t{SKEIN_DTYPE_F16});
  EXPECT_EQ(spec->dtype, uint32_t{SKEIN_DTYPE_F32});
}

TEST(RwkvCppTest, ADecayThatIsNoFactorIsDataLoss) {
  std::vector<FakeTensor> tensors = TinyRwkvCpp(kV52);
  FakeTensor& decay = Find(tensors, "blocks.1.att.time_decay");
  std::vector<float> values = Floats(decay);
  values[7] = 1.5f;
  decay.bytes = FloatBytes(values);
  const FakeFormat format(tensors, RwkvCppTexts());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::Status status = (*model)->Verify(nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\"blocks.1.att.time_decay\": element 7: expected a number from"));
}

TEST(GgufTest, OutputsThatWereDividedAreMultipliedAgain) {
  const auto expected = ReadBlinkDl(kV6);
  std::vector<FakeTensor> tensors = TinyGguf(kV6);
  for (const char* name : {"blk.1.time_mix_output.weight", "blk.1.channel_mix_value.weight"}) {
    FakeTensor& tensor = Find(tensors, name);
    std::vector<float> values = Floats(tensor);
    for (float& value : values) value /= 2;
    tensor.bytes = FloatBytes(values);
  }
  std::vector<ContainerText> texts = GgufTexts(kV6);
  texts.push_back({"skein.rescale_every", "1"});
  const FakeFormat format(tensors, texts);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(ReadAll(**model), expected);
}

TEST(GgufTest, DividedOutputsInFloat16AreReadWithRoomForTheProduct) {
  std::vector<FakeTensor> tensors = TinyGguf(kV6);
  FakeTensor& tensor = Find(tensors, "blk.1.time_mix_output.weight");
  tensor.dtype = SKEIN_DTYPE_F16;
  tensor.bytes.resize(tensor.bytes.size() / 2);
  for (size_t i = 0; i < tensor.bytes.size(); i += 2) {
    tensor.bytes[i] = 0xff;  // 65504
    tensor.bytes[i + 1] = 0x7b;
  }
  std::vector<ContainerText> texts = GgufTexts(kV6);
  texts.push_back({"skein.rescale_every", "1"});
  const FakeFormat format(tensors, texts);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(ReadAll(**model).at({SKEIN_ROLE_TIME_OUTPUT, 1}), ::testing::Each(131008.0f));
}

TEST(GgufTest, TheDummiesOfLayerZeroAreIgnored) {
  std::vector<FakeTensor> tensors = TinyGguf(kV7);
  for (const char* name : {"v0", "v1", "v2"}) {
    tensors.push_back({std::string("blk.0.time_mix_") + name + ".weight",
                       SKEIN_DTYPE_F32,
                       {8},
                       FloatBytes(std::vector<float>(8)),
                       {}});
  }
  const FakeFormat format(tensors, GgufTexts(kV7));
  EXPECT_TRUE(Open(format).ok());
}

TEST(GgufTest, TheHeadSizeOfRwkv7MustBeTold) {
  const auto refusal = [](const char* head_size) {
    std::vector<ContainerText> texts = {{"general.architecture", "rwkv7"}};
    if (head_size != nullptr) texts.push_back({"rwkv7.wkv.head_size", head_size});
    return NameTensors(NamesOf(TinyGguf(kV7)), texts).status();
  };
  EXPECT_TRUE(refusal("4").ok());
  for (const char* wrong : {"0", "3", "16", "-4", "four", "99999999999", static_cast<const char*>(nullptr)}) {
    const absl::Status status = refusal(wrong);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
  EXPECT_THAT(std::string(refusal(nullptr).message()), HasSubstr("\"rwkv7.wkv.head_size\""));
}

TEST(BlocksTest, FactorsOfRwkv6InBlocksAreCutByRows) {
  // Rows have to be whole blocks. The other values do not matter here.
  std::vector<FakeTensor> tensors = TinyRwkvCpp(kV6);
  for (FakeTensor& tensor : tensors) {
    // From C 8, A 12 (heads of 4) to C 32, A 96 (heads of 32).
    std::vector<uint64_t> shape;
    for (const uint64_t dim : tensor.shape) shape.push_back(dim == 8 ? 32 : dim == 12 ? 96 : dim == 4 ? 32 : dim);
    uint64_t size = 1;
    for (const uint64_t dim : shape) size *= dim;
    tensor.shape = shape;
    tensor.bytes = FloatBytes(std::vector<float>(size, 0.25f));
  }
  FakeTensor& down = Find(tensors, "blocks.1.att.time_maa_w1");  // [5 * 2, 32]
  down.dtype = SKEIN_DTYPE_GGML_Q8_0;
  down.bytes.clear();
  for (uint8_t row = 0; row < 10; ++row) {
    down.bytes.insert(down.bytes.end(), {0x00, 0x3c});  // 1.0
    down.bytes.insert(down.bytes.end(), 32, row);
  }
  const FakeFormat format(tensors, RwkvCppTexts());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto roles = ReadAll(**model);
  const std::vector<float>& v = roles.at({SKEIN_ROLE_V6_MIX_DOWN_V, 1});
  ASSERT_EQ(v.size(), 64u);
  EXPECT_EQ(v[0], 4);
  EXPECT_EQ(v[32], 5);
}

// --- tuned states in a checkpoint ---

std::vector<float> StateOf(std::vector<FakeTensor> tensors, VersionSet version, bool turned) {
  for (FakeTensor& state : TinyStates(version)) {
    if (turned) Turn(&state);
    tensors.push_back(std::move(state));
  }
  const FakeFormat format(tensors);
  const auto model = Open(format);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  return {(*model)->initial_state().begin(), (*model)->initial_state().end()};
}

TEST(TimeStateTest, IsTheInitialStateInTheOrderOfTheVersion) {
  for (const VersionSet version : {kV52, kV6, kV7}) {
    const std::vector<float> state = StateOf(TinyBlinkDl(version), version, false);
    const ModelConfig config = TinyConfig(version);
    ASSERT_EQ(state.size(), StateFloats(config));
    std::vector<FakeTensor> stored = TinyStates(version);
    for (uint64_t layer = 0; layer < 2; ++layer) {
      const std::vector<float> values = Floats(stored[layer]);
      const float* const wkv = state.data() + layer * StateFloats(config) / 2 + 16;
      for (uint64_t h = 0; h < config.num_heads; ++h) {
        for (uint64_t value = 0; value < 4; ++value) {
          for (uint64_t key = 0; key < 4; ++key) {
            const uint64_t at = version == kV7 ? value * 4 + key : key * 4 + value;
            EXPECT_EQ(wkv[h * 16 + at], values[h * 16 + value * 4 + key]) << VersionText(version);
          }
        }
      }
    }
  }
}

TEST(TimeStateTest, OfWebRwkvIsAlreadyTurned) {
  for (const VersionSet version : {kV52, kV6, kV7}) {
    EXPECT_EQ(StateOf(TinyWebRwkv(version), version, true), StateOf(TinyBlinkDl(version), version, false))
        << VersionText(version);
  }
}

TEST(TimeStateTest, AModelWithoutStartsFromNothing) {
  const FakeFormat format(TinyBlinkDl(kV6));
  EXPECT_TRUE((*Open(format))->initial_state().empty());
}

TEST(TimeStateTest, MustBeInEveryLayerAndOfTheHeadsShape) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV6);
  tensors.push_back(TinyStates(kV6)[1]);
  EXPECT_THAT(std::string(NameTensors(NamesOf(tensors)).status().message()),
              HasSubstr("\"blocks.0.att.time_state\" is missing"));
  tensors.push_back(TinyStates(kV6)[0]);
  EXPECT_TRUE(NameTensors(NamesOf(tensors)).ok());
  tensors.back().shape = {4, 3, 4};
  EXPECT_THAT(std::string(NameTensors(NamesOf(tensors)).status().message()), HasSubstr("expected [3, 4, 4]"));
}

TEST(TimeStateTest, AValueThatIsNotFiniteIsDataLoss) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV7);
  for (FakeTensor& state : TinyStates(kV7)) tensors.push_back(std::move(state));
  std::vector<float> values = Floats(tensors.back());
  values[3] = NAN;
  tensors.back().bytes = FloatBytes(values);
  const FakeFormat format(tensors);
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kDataLoss);
}

TEST(TimeStateTest, RwkvFourHasNone) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV4);
  tensors.push_back(TinyStates(kV52)[0]);
  EXPECT_THAT(std::string(NameTensors(NamesOf(tensors)).status().message()), HasSubstr("an RWKV-4 model"));
}

}  // namespace
}  // namespace skein::testing
