#include "files/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "numbers/half.h"
#include "numbers/roles.h"
#include "plugin/registry.h"
#include "skein/backend.h"
#include "tests/support/tensor_values.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::Find;
using ::skein::testing::FloatBytes;
using ::skein::testing::Floats;
using ::skein::testing::kEveryVersion;
using ::skein::testing::RwkvCppTexts;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TensorValues;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyRwkvCpp;
using ::skein::testing::TinyStates;
using ::skein::testing::VersionText;
using ::testing::HasSubstr;

// Rows of its matrices are long enough to be quantised, but for the factors that expand a rank.
constexpr const char* kWide = "synthetic:C=96,L=2,F=200,N=32,V=70,R_w=5,R_a=5,R_v=5,R_g=5";

std::unique_ptr<ModelFile> Open(const FakeFormat& format, const std::string& path) {
  auto model = OpenModelFile(format.plugins(), SerialHost(), path, FileAccess::kMap);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

struct Safetensors {
  nlohmann::json header;
  std::string data;
};

Safetensors SplitSafetensors(const std::string& file) {
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  EXPECT_EQ(header_bytes % 8, 0u);
  const size_t end = sizeof(header_bytes) + header_bytes;
  return {nlohmann::json::parse(file.substr(sizeof(header_bytes), header_bytes)), file.substr(end)};
}

// What a package says of itself that `format` was converted to.
ModelMetadata MetadataOfPackage(const FakeFormat& format, const ConvertOptions& options) {
  const TempFile out("out.skein");
  const absl::Status status = Convert(*Open(format, format.path()), out.path(), options, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  const auto package = Open(format, out.path());
  return package != nullptr ? package->metadata() : ModelMetadata{};
}

TEST(ConvertTest, AutoKeepsEveryValueAndType) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  FakeTensor& embedding = Find(tensors, "emb.weight");
  const std::vector<float> values = Floats(embedding);
  embedding.bytes.resize(80);
  RoundFloats(values.data(), values.size(), SKEIN_DTYPE_F16, embedding.bytes.data());
  embedding.dtype = SKEIN_DTYPE_F16;
  const FakeFormat format(tensors);
  const TempFile out("out.skein");
  const auto in = Open(format, format.path());
  ASSERT_TRUE(Convert(*in, out.path(), {}, nullptr).ok());
  const auto package = Open(format, out.path());
  ASSERT_NE(package, nullptr);
  ASSERT_EQ(package->tensors().size(), in->tensors().size());
  for (size_t i = 0; i < in->tensors().size(); ++i) {
    EXPECT_EQ(package->tensors()[i].role, in->tensors()[i].role);
    EXPECT_EQ(package->tensors()[i].dtype, in->tensors()[i].dtype);
    EXPECT_EQ(TensorValues(*package, i), TensorValues(*in, i));
  }
  EXPECT_EQ(*package->Fingerprint(), *in->Fingerprint());
  EXPECT_EQ(package->metadata().source_format, "package");
  EXPECT_TRUE(package->Verify(nullptr).ok());
}

TEST(ConvertTest, ANamedTypeIsForMatricesAndVectorsBecomeFloat32) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  for (const uint32_t dtype : {SKEIN_DTYPE_BF16, SKEIN_DTYPE_F16}) {
    const TempFile out("out.skein");
    ConvertOptions options;
    options.type = DtypeName(dtype);
    ASSERT_TRUE(Convert(*in, out.path(), options, nullptr).ok());
    const auto package = Open(format, out.path());
    ASSERT_NE(package, nullptr);
    for (size_t i = 0; i < package->tensors().size(); ++i) {
      const TensorSpec& spec = package->tensors()[i];
      EXPECT_EQ(spec.dtype, IsMatrixRole(spec.role) ? dtype : SKEIN_DTYPE_F32) << spec.source_name;
      std::vector<float> expected = TensorValues(*in, i);
      if (IsMatrixRole(spec.role)) {
        for (float& value : expected) {
          value = dtype == SKEIN_DTYPE_BF16 ? Bf16ToF32(F32ToBf16(value)) : F16ToF32(F32ToF16(value));
        }
      }
      EXPECT_EQ(TensorValues(*package, i), expected) << spec.source_name;
    }
    // Snapshots taken from the source restore on the smaller package.
    EXPECT_EQ(*package->Fingerprint(), *in->Fingerprint());
  }
}

// Converts to a package of `dtype`. Expects that every tensor has the type that `type_of(spec)` gives, the bytes of the
// input in that type, and values near the input's.
template <typename TypeOf>
void ExpectPackageOf(uint32_t dtype, const FakeFormat& format, const ModelFile& in, const TypeOf& type_of) {
  SCOPED_TRACE(DtypeName(dtype));
  const TempFile out("out.skein");
  ConvertOptions options;
  options.type = DtypeName(dtype);
  options.layout = "rows";
  ASSERT_TRUE(Convert(in, out.path(), options, nullptr).ok());
  const auto package = Open(format, out.path());
  ASSERT_NE(package, nullptr);
  EXPECT_TRUE(package->Verify(nullptr).ok());
  EXPECT_EQ(*package->Fingerprint(), *in.Fingerprint());
  for (size_t i = 0; i < package->tensors().size(); ++i) {
    const TensorSpec& spec = package->tensors()[i];
    EXPECT_EQ(DtypeName(spec.dtype), DtypeName(type_of(spec))) << spec.source_name;
    // It is mapped as it is stored, and its values in float32 are those of the quantised input.
    std::vector<uint8_t> buffer;
    const auto stored = package->ReadTensor(i, spec.dtype, buffer);
    ASSERT_TRUE(stored.ok());
    EXPECT_TRUE(stored->mapped);
    std::vector<uint8_t> expected_buffer;
    const auto expected = in.ReadTensor(i, spec.dtype, expected_buffer);
    ASSERT_TRUE(expected.ok());
    ASSERT_EQ(stored->size_bytes, expected->size_bytes);
    EXPECT_EQ(std::memcmp(stored->data, expected->data, expected->size_bytes), 0) << spec.source_name;
    const std::vector<float> values = TensorValues(*package, i);
    const std::vector<float> source = TensorValues(in, i);
    float largest = 0;
    for (const float value : source) largest = std::max(largest, std::abs(value));
    for (size_t e = 0; e < values.size(); ++e) {
      EXPECT_NEAR(values[e], source[e], 0.1f * largest) << spec.source_name;
    }
  }
}

TEST(ConvertTest, QuantisedPackagesKeepShortRowsInSixteenBitsAndVectorsInFloat32) {
  for (const VersionSet version : kEveryVersion) {
    SCOPED_TRACE(VersionText(version));
    const FakeFormat format(TinyBlinkDl(version));
    const auto in = Open(format, format.path());
    for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
      ExpectPackageOf(dtype, format, *in, [&](const TensorSpec& spec) -> uint32_t {
        if (!IsMatrixRole(spec.role)) return SKEIN_DTYPE_F32;
        // The longest rows have 20 values: 40 bytes in float16, a group's 130 in Q8 and 34 in Q4.
        const bool takes_4_bits = dtype == SKEIN_DTYPE_Q4 && !IsFactorRole(spec.role);
        return takes_4_bits && spec.shape.back() == 20 ? SKEIN_DTYPE_Q4 : SKEIN_DTYPE_F16;
      });
    }
  }
}

TEST(ConvertTest, QuantisedPackagesHaveEmbeddingAndFactorsInEightBits) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, kWide);
  ASSERT_NE(in, nullptr);
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    ExpectPackageOf(dtype, format, *in, [&](const TensorSpec& spec) -> uint32_t {
      if (!IsMatrixRole(spec.role)) return SKEIN_DTYPE_F32;
      if (spec.shape.back() < 96) return SKEIN_DTYPE_BF16;  // the row has the length of a rank; the model comes in bf16
      return spec.role == SKEIN_ROLE_EMBEDDING || IsFactorRole(spec.role) ? SKEIN_DTYPE_Q8 : dtype;
    });
  }
}

TEST(ConvertTest, AQuantisedPackageBecomesACheckpointInFloat32) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, kWide);
  const TempFile package("out.skein");
  ConvertOptions options;
  options.type = "q8";
  ASSERT_TRUE(Convert(*in, package.path(), options, nullptr).ok());
  const TempFile checkpoint("out.safetensors");
  EXPECT_EQ(Convert(*in, checkpoint.path(), options, nullptr).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Convert(*Open(format, package.path()), checkpoint.path(), {}, nullptr).ok());
  const nlohmann::json header = SplitSafetensors(checkpoint.Read()).header;
  EXPECT_EQ(header["head.weight"]["dtype"], "F32");
  EXPECT_EQ(header["blocks.0.att.w1"]["dtype"], "F32");
  EXPECT_EQ(header["blocks.0.att.w2"]["dtype"], "BF16");
}

TEST(ConvertTest, MatricesLieInPanelsUnlessRowsAreAskedForAndHoldTheSameValues) {
  for (const VersionSet version : kEveryVersion) {
    SCOPED_TRACE(VersionText(version));
    const FakeFormat format(TinyBlinkDl(version));
    const auto in = Open(format, format.path());
    for (const char* type : {"auto", "f32", "f16", "bf16", "q8", "q4"}) {
      SCOPED_TRACE(type);
      const TempFile panels_file("panels.skein");
      const TempFile rows_file("rows.skein");
      ConvertOptions options;
      options.type = type;
      ASSERT_TRUE(Convert(*in, panels_file.path(), options, nullptr).ok());
      options.layout = "rows";
      ASSERT_TRUE(Convert(*in, rows_file.path(), options, nullptr).ok());
      const auto panels = Open(format, panels_file.path());
      const auto rows = Open(format, rows_file.path());
      ASSERT_TRUE(panels != nullptr && rows != nullptr);
      EXPECT_TRUE(panels->Verify(nullptr).ok());
      EXPECT_EQ(*panels->Fingerprint(), *in->Fingerprint());
      EXPECT_EQ(*rows->Fingerprint(), *in->Fingerprint());
      for (size_t i = 0; i < in->tensors().size(); ++i) {
        const TensorSpec& spec = panels->tensors()[i];
        const bool is_panels = IsMatrixRole(spec.role) && spec.role != SKEIN_ROLE_EMBEDDING;
        EXPECT_EQ(spec.layout, is_panels ? SKEIN_LAYOUT_PANELS : SKEIN_LAYOUT_ROWS) << spec.source_name;
        EXPECT_EQ(rows->tensors()[i].layout, SKEIN_LAYOUT_ROWS) << spec.source_name;
        EXPECT_EQ(TensorValues(*panels, i), TensorValues(*rows, i)) << spec.source_name;
        if (!is_panels) continue;
        // The panels are mapped as they lie, aligned, and equal those made from the rows of the other package.
        std::vector<uint8_t> mapped_buffer, made_buffer;
        const auto mapped = panels->ReadPanels(i, spec.dtype, mapped_buffer);
        const auto made = rows->ReadPanels(i, spec.dtype, made_buffer);
        ASSERT_TRUE(mapped.ok() && made.ok());
        EXPECT_TRUE(mapped->mapped);
        EXPECT_FALSE(made->mapped);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(mapped->data) % 64, 0u);
        ASSERT_EQ(mapped->size_bytes, made->size_bytes);
        EXPECT_EQ(std::memcmp(mapped->data, made->data, made->size_bytes), 0) << spec.source_name;
      }
    }
  }
}

TEST(ConvertTest, APackageInPanelsConvertsToEverythingThatOneInRowsDoes) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  const TempFile panels_file("panels.skein");
  const TempFile rows_file("rows.skein");
  ConvertOptions options;
  ASSERT_TRUE(Convert(*in, panels_file.path(), options, nullptr).ok());
  options.layout = "rows";
  ASSERT_TRUE(Convert(*in, rows_file.path(), options, nullptr).ok());
  const auto panels = Open(format, panels_file.path());
  const auto rows = Open(format, rows_file.path());
  ASSERT_TRUE(panels != nullptr && rows != nullptr);
  for (const char* name : {"again.skein", "again.safetensors"}) {
    for (const char* type : {"auto", "f32", "f16", "bf16", "q8", "q4"}) {
      for (const char* layout : {"rows", "panels"}) {
        const bool is_package = std::string(name) == "again.skein";
        const bool is_quantised = type[0] == 'q';
        if (!is_package && (is_quantised || layout[0] == 'p')) continue;
        ConvertOptions again;
        again.type = type;
        again.layout = layout;
        const TempFile of_panels(std::string("1") + name);
        const TempFile of_rows(std::string("2") + name);
        ASSERT_TRUE(Convert(*panels, of_panels.path(), again, nullptr).ok());
        ASSERT_TRUE(Convert(*rows, of_rows.path(), again, nullptr).ok());
        EXPECT_EQ(of_panels.Read(), of_rows.Read()) << name << " " << type << " " << layout;
      }
    }
  }
}

TEST(ConvertTest, ALayoutThatTheOutputCannotHaveIsRefusedBeforeAnythingIsWritten) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  const TempFile package("out.skein");
  ConvertOptions options;
  options.layout = "tiles";
  const absl::Status unknown = Convert(*in, package.path(), options, nullptr);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("layout \"tiles\"; expected panels or rows"));
  const TempFile checkpoint("out.safetensors");
  options.layout = "panels";
  const absl::Status panels = Convert(*in, checkpoint.path(), options, nullptr);
  EXPECT_EQ(panels.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(panels.message()), HasSubstr("a .safetensors checkpoint has rows"));
  EXPECT_FALSE(File::Open(package.path(), FileAccess::kRead).ok());
  EXPECT_FALSE(File::Open(checkpoint.path(), FileAccess::kRead).ok());
}

TEST(ConvertTest, APackageConvertsToAPackageThatRemembersTheSource) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  const TempFile first("first.skein");
  ConvertOptions options;
  options.type = "bf16";
  options.name = "tiny";
  options.licence = "none";
  options.provenance = "made up";
  options.example_prompt = "once";
  options.tokenizer = TokenizerSource{"world", "1 'a' 1\n"};
  ASSERT_TRUE(Convert(*in, first.path(), options, nullptr).ok());
  const TempFile second("second.skein");
  ConvertOptions rename;
  rename.name = "small";
  const auto package = Open(format, first.path());
  ASSERT_TRUE(Convert(*package, second.path(), rename, nullptr).ok());
  const auto again = Open(format, second.path());
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(*again->Fingerprint(), *in->Fingerprint());
  EXPECT_EQ(again->metadata().name, "small");
  EXPECT_EQ(again->metadata().licence, "none");
  EXPECT_EQ(again->metadata().provenance, "made up");
  EXPECT_EQ(again->metadata().example_prompt, "once");
  EXPECT_EQ(again->metadata().tokenizer_kind, "world");
  EXPECT_EQ(std::string(again->vocabulary().begin(), again->vocabulary().end()), "1 'a' 1\n");
}

TEST(ConvertTest, TheTrainedLengthIsRecordedOnlyWhereItIsKnown) {
  const FakeFormat format(TinyBlinkDl());
  ConvertOptions options;
  EXPECT_FALSE(MetadataOfPackage(format, options).trained_length.has_value());
  options.trained_length = 4096;
  EXPECT_EQ(MetadataOfPackage(format, options).trained_length, 4096u);
}

TEST(ConvertTest, TheEndTokenIsRecordedOnlyWhereItIsKnown) {
  const FakeFormat format(TinyBlinkDl());
  ConvertOptions options;
  EXPECT_FALSE(MetadataOfPackage(format, options).end_token.has_value());
  options.end_token = 4;
  EXPECT_EQ(MetadataOfPackage(format, options).end_token, 4u);
  options.end_token = 5;
  const TempFile out("out.skein");
  EXPECT_EQ(Convert(*Open(format, format.path()), out.path(), options, nullptr).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ATypeOtherThanFloat32ThatIsNamedIsTheArithmeticToo) {
  const FakeFormat format(TinyBlinkDl());
  const std::pair<const char*, uint32_t> cases[] = {{"auto", SKEIN_DTYPE_NONE}, {"f32", SKEIN_DTYPE_NONE},
                                                    {"f16", SKEIN_DTYPE_F16},   {"bf16", SKEIN_DTYPE_BF16},
                                                    {"q8", SKEIN_DTYPE_Q8},     {"q4", SKEIN_DTYPE_Q4}};
  for (const auto& [type, compute_dtype] : cases) {
    ConvertOptions options;
    options.type = type;
    EXPECT_EQ(MetadataOfPackage(format, options).compute_dtype, compute_dtype) << type;
  }
}

TEST(ConvertTest, AnUnknownTypeIsRefusedBeforeAnythingIsWritten) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile out("out.skein");
  ConvertOptions options;
  options.type = "q3";
  const absl::Status status = Convert(*Open(format, format.path()), out.path(), options, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("type \"q3\"; expected auto, f32, f16, bf16, q8 or q4"));
}

TEST(ConvertTest, AValueTooLargeForTheTypeNamesTheTensorAndLeavesNoFile) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "blocks.1.att.key.weight").bytes = FloatBytes(std::vector<float>(64, 1e5f));
  const FakeFormat format(tensors);
  const TempFile out("out.skein");
  ConvertOptions options;
  options.type = "f16";
  const absl::Status status = Convert(*Open(format, format.path()), out.path(), options, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"blocks.1.att.key.weight\""));
  EXPECT_EQ(File::Open(out.path(), FileAccess::kRead).status().code(), absl::StatusCode::kNotFound);
}

TEST(ConvertTest, TextThatIsNotUtf8IsRefused) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile out("out.skein");
  ConvertOptions options;
  options.licence = "\xff\xfe";
  EXPECT_EQ(Convert(*Open(format, format.path()), out.path(), options, nullptr).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, AFileMayBeReplacedByItsOwnConversion) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile out("out.skein");
  ASSERT_TRUE(Convert(*Open(format, format.path()), out.path(), {}, nullptr).ok());
  const auto package = Open(format, out.path());
  EXPECT_EQ(Convert(*package, out.path(), {}, nullptr).code(), absl::StatusCode::kAlreadyExists);
  ConvertOptions options;
  options.type = "bf16";
  options.overwrite = true;
  ASSERT_TRUE(Convert(*package, out.path(), options, nullptr).ok());
  EXPECT_EQ(Open(format, out.path())->tensors()[0].dtype, uint32_t{SKEIN_DTYPE_BF16});
  EXPECT_EQ(package->tensors()[0].dtype, uint32_t{SKEIN_DTYPE_F32});  // still the old file
}

TEST(ConvertTest, EveryVersionConvertsToAPackageWithItsInitialState) {
  for (const VersionSet version : kEveryVersion) {
    std::vector<FakeTensor> tensors = TinyBlinkDl(version);
    if (version != kV4) {
      for (FakeTensor& state : TinyStates(version)) tensors.push_back(std::move(state));
    }
    const FakeFormat format(tensors);
    const TempFile out("out.skein");
    const auto in = Open(format, format.path());
    ASSERT_TRUE(Convert(*in, out.path(), {}, nullptr).ok()) << VersionText(version);
    const auto package = Open(format, out.path());
    ASSERT_NE(package, nullptr);
    EXPECT_EQ(package->config().VersionName(), VersionText(version));
    EXPECT_EQ(*package->Fingerprint(), *in->Fingerprint());
    EXPECT_TRUE(package->Verify(nullptr).ok());
    EXPECT_EQ(package->initial_state(), in->initial_state());
    EXPECT_EQ(package->initial_state().empty(), version == kV4);
    for (size_t i = 0; i < in->tensors().size(); ++i) EXPECT_EQ(TensorValues(*package, i), TensorValues(*in, i));
  }
}

// Through the safetensors plugin of the build.
class ConvertToSafetensorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plugins_.LoadFolder(SKEIN_PLUGIN_DIR);
    if (plugins_.formats().empty()) GTEST_SKIP() << "this build has no format plugins";
  }

  std::unique_ptr<ModelFile> OpenWritten() {
    auto model = OpenModelFile(plugins_.formats(), SerialHost(), out_.path(), FileAccess::kRead);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  nlohmann::json Header() const { return SplitSafetensors(out_.Read()).header; }

  PluginRegistry plugins_;
  const TempFile out_{"out.safetensors"};
};

TEST_F(ConvertToSafetensorsTest, HasTheAuthorsNamesShapesAndValues) {
  for (const VersionSet version : kEveryVersion) {
    std::vector<FakeTensor> tensors = TinyBlinkDl(version);
    if (version != kV4) {
      for (FakeTensor& state : TinyStates(version)) tensors.push_back(std::move(state));
    }
    const FakeFormat format(tensors);
    const auto in = Open(format, format.path());
    ConvertOptions options;
    options.overwrite = true;
    const absl::Status status = Convert(*in, out_.path(), options, nullptr);
    ASSERT_TRUE(status.ok()) << status;
    const auto [header, data] = SplitSafetensors(out_.Read());
    EXPECT_EQ(header["__metadata__"]["format"], "pt");
    EXPECT_EQ(header.size(), tensors.size() + 1);
    for (const FakeTensor& tensor : tensors) {
      ASSERT_TRUE(header.contains(tensor.name)) << tensor.name;
      const nlohmann::json& entry = header[tensor.name];
      EXPECT_EQ(entry["dtype"], "F32");
      EXPECT_EQ(entry["shape"], nlohmann::json(tensor.shape)) << tensor.name;
      const auto begin = entry["data_offsets"][0].get<uint64_t>();
      const auto end = entry["data_offsets"][1].get<uint64_t>();
      EXPECT_EQ(data.substr(begin, end - begin), std::string(tensor.bytes.begin(), tensor.bytes.end())) << tensor.name;
    }
    const auto written = OpenWritten();
    ASSERT_NE(written, nullptr);
    EXPECT_EQ(*written->Fingerprint(), *in->Fingerprint()) << VersionText(version);
    EXPECT_EQ(written->initial_state(), in->initial_state());
  }
}

TEST_F(ConvertToSafetensorsTest, KeepsTypesOrTakesTheOneThatIsNamed) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV6);
  for (const char* name : {"emb.weight", "blocks.0.ln1.weight", "blocks.1.att.time_maa_w2"}) {
    FakeTensor& tensor = Find(tensors, name);
    const std::vector<float> values = Floats(tensor);
    tensor.bytes.resize(values.size() * 2);
    RoundFloats(values.data(), values.size(), SKEIN_DTYPE_F16, tensor.bytes.data());
    tensor.dtype = SKEIN_DTYPE_F16;
  }
  const FakeFormat format(tensors);
  const auto in = Open(format, format.path());
  ASSERT_TRUE(Convert(*in, out_.path(), {}, nullptr).ok());
  for (const FakeTensor& tensor : tensors) {
    EXPECT_EQ(Header()[tensor.name]["dtype"], tensor.dtype == SKEIN_DTYPE_F16 ? "F16" : "F32") << tensor.name;
  }
  EXPECT_EQ(*OpenWritten()->Fingerprint(), *in->Fingerprint());
  ConvertOptions options;
  options.type = "bf16";
  options.overwrite = true;
  ASSERT_TRUE(Convert(*in, out_.path(), options, nullptr).ok());
  EXPECT_EQ(Header()["emb.weight"]["dtype"], "BF16");
  EXPECT_EQ(Header()["blocks.1.att.time_maa_w2"]["dtype"], "BF16");
  EXPECT_EQ(Header()["blocks.0.ln1.weight"]["dtype"], "F32");
  options.overwrite = false;
  EXPECT_EQ(Convert(*in, out_.path(), options, nullptr).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ConvertToSafetensorsTest, CarriesWhatIsKnownOfTheModel) {
  const FakeFormat format(TinyRwkvCpp(kV52), RwkvCppTexts());
  const auto in = Open(format, format.path());
  ConvertOptions options;
  options.name = "Eagle";
  options.licence = "none";
  options.end_token = 3;
  options.trained_length = 1024;
  options.chat_template = "world";
  options.tokenizer = TokenizerSource{"world", "1 'a' 1\n"};
  ASSERT_TRUE(Convert(*in, out_.path(), options, nullptr).ok());
  const auto written = OpenWritten();
  ASSERT_NE(written, nullptr);
  EXPECT_EQ(*written->Fingerprint(), *in->Fingerprint());
  EXPECT_EQ(written->config().group_norm_epsilon, 1e-5f);  // rwkv.cpp's own
  EXPECT_EQ(written->metadata().name, "Eagle");
  EXPECT_EQ(written->metadata().licence, "none");
  EXPECT_EQ(written->metadata().end_token, 3u);
  EXPECT_EQ(written->metadata().trained_length, 1024u);
  EXPECT_EQ(written->metadata().chat_template, "world");
  EXPECT_EQ(written->metadata().tokenizer_kind, "world");
  EXPECT_EQ(std::string(written->vocabulary().begin(), written->vocabulary().end()), "1 'a' 1\n");
}

TEST_F(ConvertToSafetensorsTest, LeavesNothingBehindWhenItFails) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "head.weight").bytes = FloatBytes(std::vector<float>(40, 1e5f));
  const FakeFormat format(tensors);
  ConvertOptions options;
  options.type = "f16";
  EXPECT_EQ(Convert(*Open(format, format.path()), out_.path(), options, nullptr).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(File::Open(out_.path(), FileAccess::kRead).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace skein
