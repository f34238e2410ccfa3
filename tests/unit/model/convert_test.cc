#include "model/convert.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/convert_dtype.h"
#include "model/roles.h"
#include "skein/backend.h"
#include "tests/unit/model/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::Find;
using ::skein::testing::FloatBytes;
using ::skein::testing::Floats;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TinyBlinkDl;
using ::testing::HasSubstr;

std::unique_ptr<ModelFile> Open(const FakeFormat& format, const std::string& path) {
  auto model = ModelFile::Open(format.plugins(), SerialHost(), path, FileAccess::kMap);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<float> Read(const ModelFile& model, size_t index) {
  std::vector<uint8_t> buffer;
  const auto data = model.ReadTensor(index, SKEIN_DTYPE_F32, buffer);
  EXPECT_TRUE(data.ok()) << data.status();
  std::vector<float> values(data->size_bytes / sizeof(float));
  std::memcpy(values.data(), data->data, data->size_bytes);
  return values;
}

TEST(ConvertTest, AutoKeepsEveryValueAndType) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  FakeTensor& embedding = Find(tensors, "emb.weight");
  const std::vector<float> values = Floats(embedding);
  embedding.bytes.resize(80);
  FromF32(values.data(), values.size(), SKEIN_DTYPE_F16, embedding.bytes.data());
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
    EXPECT_EQ(Read(*package, i), Read(*in, i));
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
      std::vector<float> expected = Read(*in, i);
      if (IsMatrixRole(spec.role)) {
        for (float& value : expected) {
          value = dtype == SKEIN_DTYPE_BF16 ? Bf16ToF32(F32ToBf16(value)) : F16ToF32(F32ToF16(value));
        }
      }
      EXPECT_EQ(Read(*package, i), expected) << spec.source_name;
    }
    // Snapshots taken from the source restore on the smaller package.
    EXPECT_EQ(*package->Fingerprint(), *in->Fingerprint());
  }
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

TEST(ConvertTest, TheEndTokenIsRecordedOnlyWhereItIsKnown) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  const TempFile without("without.skein");
  ASSERT_TRUE(Convert(*in, without.path(), {}, nullptr).ok());
  EXPECT_FALSE(Open(format, without.path())->metadata().end_token.has_value());
  const TempFile with("with.skein");
  ConvertOptions options;
  options.end_token = 4;
  ASSERT_TRUE(Convert(*in, with.path(), options, nullptr).ok());
  EXPECT_EQ(Open(format, with.path())->metadata().end_token, 4u);
  options.end_token = 5;
  options.overwrite = true;
  EXPECT_EQ(Convert(*in, with.path(), options, nullptr).code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ASixteenBitTypeThatIsNamedIsTheArithmeticToo) {
  const FakeFormat format(TinyBlinkDl());
  const auto in = Open(format, format.path());
  const std::pair<const char*, uint32_t> cases[] = {
      {"auto", SKEIN_DTYPE_NONE}, {"f32", SKEIN_DTYPE_NONE}, {"f16", SKEIN_DTYPE_F16}, {"bf16", SKEIN_DTYPE_BF16}};
  for (const auto& [type, compute_dtype] : cases) {
    const TempFile out("out.skein");
    ConvertOptions options;
    options.type = type;
    ASSERT_TRUE(Convert(*in, out.path(), options, nullptr).ok());
    EXPECT_EQ(Open(format, out.path())->metadata().compute_dtype, compute_dtype) << type;
  }
}

TEST(ConvertTest, AnUnknownTypeIsRefusedBeforeAnythingIsWritten) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile out("out.skein");
  ConvertOptions options;
  options.type = "q3";
  const absl::Status status = Convert(*Open(format, format.path()), out.path(), options, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("type \"q3\"; expected auto, f32, f16 or bf16"));
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

}  // namespace
}  // namespace skein
