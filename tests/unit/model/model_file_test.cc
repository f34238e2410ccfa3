#include "model/model_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "files/convert.h"
#include "files/open.h"
#include "files/package/package.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numbers/half.h"
#include "numbers/quantised.h"
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
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TensorValues;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyRwkvCpp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<ModelFile>> Open(const FakeFormat& format) {
  return OpenModelFile(format.plugins(), SerialHost(), format.path(), FileAccess::kMap);
}

size_t IndexOf(const ModelFile& model, uint32_t role, uint32_t layer) {
  for (size_t i = 0; i < model.tensors().size(); ++i) {
    if (model.tensors()[i].role == role && model.tensors()[i].layer == layer) return i;
  }
  ADD_FAILURE() << "no role " << role << " in layer " << layer;
  return 0;
}

std::vector<float> Read(const ModelFile& model, uint32_t role, uint32_t layer) {
  return TensorValues(model, IndexOf(model, role, layer));
}

// Stores a float32 tensor in another type.
void Store(FakeTensor* tensor, uint32_t dtype) {
  const std::vector<float> values = Floats(*tensor);
  tensor->bytes.resize(values.size() * 2);
  RoundFloats(values.data(), values.size(), dtype, tensor->bytes.data());
  tensor->dtype = dtype;
}

TEST(ModelFileTest, GivesMatricesAsStoredAndLowRankFactorsTurned) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Read(**model, SKEIN_ROLE_CHANNEL_KEY, 1), Floats(Find(tensors, "blocks.1.ffn.key.weight")));
  EXPECT_EQ(Read(**model, SKEIN_ROLE_V7_MIX_A, 1), Floats(Find(tensors, "blocks.1.att.x_a")));
  const std::vector<float> stored = Floats(Find(tensors, "blocks.1.att.g1"));  // [C 8, R 6]
  const std::vector<float> role = Read(**model, SKEIN_ROLE_V7_GATE_DOWN, 1);   // [R 6, C 8]
  ASSERT_EQ(role.size(), 48u);
  for (size_t c = 0; c < 8; ++c) {
    for (size_t r = 0; r < 6; ++r) EXPECT_EQ(role[r * 8 + c], stored[c * 6 + r]);
  }
}

TEST(ModelFileTest, OneModelReadsTheSameInBothNamingSchemes) {
  std::vector<std::vector<float>> values[2];
  std::string fingerprints[2];
  for (int scheme = 0; scheme < 2; ++scheme) {
    const FakeFormat format(scheme == 0 ? TinyBlinkDl() : TinyRwkvCpp());
    const auto model = Open(format);
    ASSERT_TRUE(model.ok()) << model.status();
    for (const TensorSpec& spec : (*model)->tensors()) values[scheme].push_back(Read(**model, spec.role, spec.layer));
    const auto fingerprint = (*model)->Fingerprint();
    ASSERT_TRUE(fingerprint.ok());
    fingerprints[scheme] = *fingerprint;
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_EQ(fingerprints[0], fingerprints[1]);
  EXPECT_EQ(fingerprints[0].size(), 32u);
}

TEST(ModelFileTest, PointsIntoTheFileWhereNothingChanges) {
  const FakeFormat format(TinyBlinkDl());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  const auto as_stored = (*model)->ReadTensor(0, SKEIN_DTYPE_F32, buffer);
  ASSERT_TRUE(as_stored.ok());
  EXPECT_TRUE(as_stored->mapped);
  EXPECT_EQ(as_stored->size_bytes, 5u * 8 * 4);
  const auto converted = (*model)->ReadTensor(0, SKEIN_DTYPE_BF16, buffer);
  ASSERT_TRUE(converted.ok());
  EXPECT_FALSE(converted->mapped);
  EXPECT_EQ(converted->data, buffer.data());
  EXPECT_EQ(converted->size_bytes, 5u * 8 * 2);
  const auto turned = (*model)->ReadTensor(IndexOf(**model, SKEIN_ROLE_V7_DECAY_UP, 0), SKEIN_DTYPE_F32, buffer);
  ASSERT_TRUE(turned.ok());
  EXPECT_FALSE(turned->mapped);
}

TEST(ModelFileTest, RoundsToTheTypeAskedFor) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "emb.weight").bytes = FloatBytes(std::vector<float>(40, 1.0f + 1.0f / 256));
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  ASSERT_TRUE((*model)->ReadTensor(0, SKEIN_DTYPE_BF16, buffer).ok());
  uint16_t first;
  std::memcpy(&first, buffer.data(), sizeof(first));
  EXPECT_EQ(first, 0x3f80);  // a tie: down to the even 1.0
}

TEST(ModelFileTest, TensorsKeepTheTypeTheyAreStoredIn) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  const std::vector<float> values = Floats(Find(tensors, "emb.weight"));  // exact in float16
  Store(&Find(tensors, "emb.weight"), SKEIN_DTYPE_F16);
  Store(&Find(tensors, "head.weight"), SKEIN_DTYPE_BF16);
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->tensors().front().dtype, uint32_t{SKEIN_DTYPE_F16});
  EXPECT_EQ((*model)->tensors().front().size_bytes, 80u);
  EXPECT_EQ((*model)->tensors().back().dtype, uint32_t{SKEIN_DTYPE_BF16});
  EXPECT_EQ(Read(**model, SKEIN_ROLE_EMBEDDING, 0), values);
}

TEST(ModelFileTest, TensorsThatComeThroughThePluginReadLikeAnyOther) {
  std::string expected;
  {
    const FakeFormat format(TinyBlinkDl());
    expected = *(*Open(format))->Fingerprint();
  }
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  for (const char* name : {"emb.weight", "blocks.0.att.w1", "blocks.1.att.x_r"}) Find(tensors, name).by_reader = true;
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(*(*model)->Fingerprint(), expected);
  std::vector<uint8_t> buffer;
  const auto data = (*model)->ReadTensor(0, SKEIN_DTYPE_F32, buffer);
  ASSERT_TRUE(data.ok());
  EXPECT_FALSE(data->mapped);
  EXPECT_EQ(buffer, Find(tensors, "emb.weight").bytes);
}

TEST(ModelFileTest, AValueThatIsNotFiniteIsDataLossWithTensorAndIndex) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  FakeTensor& factor = Find(tensors, "blocks.1.att.w2");  // [R 3, C 8]
  std::vector<float> values = Floats(factor);
  values[2 * 8 + 5] = NAN;
  factor.bytes = FloatBytes(values);
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  const absl::Status status =
      (*model)->ReadTensor(IndexOf(**model, SKEIN_ROLE_V7_DECAY_UP, 1), SKEIN_DTYPE_F32, buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"blocks.1.att.w2\": element [5, 2] of [8, 3]"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("found NaN"));
  EXPECT_EQ((*model)->Verify(nullptr).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*model)->Fingerprint().status().code(), absl::StatusCode::kDataLoss);
}

// The head of a package, [5, 8] as bf16 panels, in which the pair (input 3, row `row`) is NaN.
std::unique_ptr<ModelFile> WithNanInTheHead(const FakeFormat& format, const TempFile& file, uint64_t row) {
  ConvertOptions options;
  options.type = "bf16";
  EXPECT_TRUE(Convert(**Open(format), file.path(), options, nullptr).ok());
  std::string bytes = file.Read();
  {
    const auto package = Package::Open(*File::Open(file.path(), FileAccess::kRead));
    EXPECT_TRUE(package.ok());
    for (const PackedTensor& tensor : (*package)->manifest().tensors) {
      if (tensor.role != SKEIN_ROLE_HEAD) continue;
      const uint16_t nan = 0x7fc0;
      std::memcpy(bytes.data() + tensor.offset + ((3 / 2 * 64 + row) * 2 + 3 % 2) * sizeof(nan), &nan, sizeof(nan));
    }
  }
  file.Write(bytes);
  auto model = OpenModelFile(format.plugins(), SerialHost(), file.path(), FileAccess::kMap);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

TEST(ModelFileTest, AValueInPanelsThatIsNotFiniteIsDataLossWithTensorAndIndex) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile file("nan.skein");
  const auto model = WithNanInTheHead(format, file, 4);
  std::vector<uint8_t> buffer;
  const size_t head = IndexOf(*model, SKEIN_ROLE_HEAD, 0);
  for (const absl::Status& status : {model->ReadPanels(head, SKEIN_DTYPE_BF16, buffer).status(),
                                     model->ReadTensor(head, SKEIN_DTYPE_BF16, buffer).status(),
                                     model->ReadTensor(head, SKEIN_DTYPE_F32, buffer).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("tensor \"head\": element [4, 3] of [5, 8]"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("found NaN"));
  }
}

TEST(ModelFileTest, NanBetweenTheRowsOfPanelsIsRefusedWhereThePanelsAreUsed) {
  const FakeFormat format(TinyBlinkDl());
  const TempFile file("nan.skein");
  const auto model = WithNanInTheHead(format, file, 63);
  std::vector<uint8_t> buffer;
  const size_t head = IndexOf(*model, SKEIN_ROLE_HEAD, 0);
  const absl::Status status = model->ReadPanels(head, SKEIN_DTYPE_BF16, buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"head\": expected zeros to fill up its panels"));
  EXPECT_TRUE(model->ReadTensor(head, SKEIN_DTYPE_BF16, buffer).ok());
}

TEST(ModelFileTest, OnlyMatricesCanBeAskedForInPanels) {
  const FakeFormat format(TinyBlinkDl());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  for (const uint32_t role : {SKEIN_ROLE_EMBEDDING, SKEIN_ROLE_OUTPUT_NORM_W}) {
    const absl::Status status = (*model)->ReadPanels(IndexOf(**model, role, 0), SKEIN_DTYPE_F32, buffer).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("asked for in panels"));
  }
}

TEST(ModelFileTest, AValueTooLargeForTheTypeIsOutOfRange) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "head.weight").bytes = FloatBytes(std::vector<float>(40, 1e6f));
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  const size_t head = IndexOf(**model, SKEIN_ROLE_HEAD, 0);
  const absl::Status status = (*model)->ReadTensor(head, SKEIN_DTYPE_F16, buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"head.weight\""));
  EXPECT_TRUE((*model)->ReadTensor(head, SKEIN_DTYPE_BF16, buffer).ok());
}

TEST(ModelFileTest, OtherTypesCannotBeAskedFor) {
  const FakeFormat format(TinyBlinkDl());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  for (const uint32_t dtype : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F64, SKEIN_DTYPE_GGML_Q8_0, 99}) {
    EXPECT_EQ((*model)->ReadTensor(0, dtype, buffer).status().code(), absl::StatusCode::kInvalidArgument) << dtype;
  }
  const size_t vector = IndexOf(**model, SKEIN_ROLE_OUTPUT_NORM_W, 0);
  EXPECT_EQ((*model)->ReadTensor(vector, SKEIN_DTYPE_Q8, buffer).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*model)->ReadTensor(1000, SKEIN_DTYPE_F32, buffer).status().code(), absl::StatusCode::kOutOfRange);
}

// More than one thread's turn of rows.
TEST(ModelFileTest, LargeMatricesAreQuantisedRowByRow) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  FakeTensor& head = Find(tensors, "head.weight");
  FakeTensor& embedding = Find(tensors, "emb.weight");
  constexpr uint64_t kRows = 40000;
  std::vector<float> values(kRows * 8);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  for (FakeTensor* tensor : {&head, &embedding}) {
    tensor->shape = {kRows, 8};
    tensor->bytes = FloatBytes(values);
  }
  {
    const FakeFormat format(tensors);
    const auto model = Open(format);
    ASSERT_TRUE(model.ok()) << model.status();
    const size_t index = IndexOf(**model, SKEIN_ROLE_HEAD, 0);
    for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
      std::vector<uint8_t> buffer;
      const auto data = (*model)->ReadTensor(index, dtype, buffer);
      ASSERT_TRUE(data.ok()) << data.status();
      const uint64_t row_bytes = FindDtype(dtype)->block_bytes;
      ASSERT_EQ(data->size_bytes, kRows * row_bytes);
      std::vector<uint8_t> expected(kRows * row_bytes);
      for (uint64_t row = 0; row < kRows; ++row) {
        ASSERT_TRUE(QuantiseRow(dtype, {&values[row * 8], 8}, &expected[row * row_bytes]));
      }
      EXPECT_EQ(buffer, expected);
    }
  }
  values[39999 * 8 + 5] = NAN;
  head.bytes = FloatBytes(values);
  const FakeFormat format(tensors);
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  std::vector<uint8_t> buffer;
  const absl::Status status =
      (*model)->ReadTensor(IndexOf(**model, SKEIN_ROLE_HEAD, 0), SKEIN_DTYPE_Q4, buffer).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"head.weight\": element [39999, 5] of [40000, 8]"));
}

TEST(ModelFileTest, TheFingerprintChangesWithAnyValueAndNotWithTheFile) {
  std::string original;
  {
    const FakeFormat format(TinyBlinkDl());
    original = *(*Open(format))->Fingerprint();
  }
  {
    std::vector<FakeTensor> tensors = TinyBlinkDl();
    std::reverse(tensors.begin(), tensors.end());
    Store(&Find(tensors, "emb.weight"), SKEIN_DTYPE_F16);  // exact, so the same values
    const FakeFormat format(tensors);
    EXPECT_EQ(*(*Open(format))->Fingerprint(), original);
  }
  for (const char* name : {"emb.weight", "blocks.0.att.w1", "blocks.1.ln2.bias"}) {
    std::vector<FakeTensor> tensors = TinyBlinkDl();
    Find(tensors, name).bytes[1] ^= 1;  // the last bit or so of the first value
    const FakeFormat format(tensors);
    EXPECT_NE(*(*Open(format))->Fingerprint(), original) << name;
  }
}

TEST(ModelFileTest, TheFingerprintThatIsComputedAheadIsTheSame) {
  const FakeFormat format(TinyBlinkDl());
  const std::string expected = *(*Open(format))->Fingerprint();
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  EXPECT_FALSE((*model)->knows_fingerprint());
  ASSERT_TRUE((*model)->ComputeFingerprintAhead([] { return absl::OkStatus(); }).ok());
  EXPECT_TRUE((*model)->knows_fingerprint());
  EXPECT_EQ(*(*model)->Fingerprint(), expected);
}

// Notes which tensors are looked at.
class NotedWeights final : public WeightSource {
 public:
  NotedWeights(std::vector<TensorSpec> specs, std::vector<size_t>& noted) : specs_(std::move(specs)), noted_(noted) {}

  absl::Span<const TensorSpec> tensors() const override { return specs_; }
  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override {
    noted_.push_back(index);
    const TensorSpec& spec = specs_[index];
    scratch.assign(spec.size_bytes, 0);
    return StoredTensor{{spec.dtype, spec.shape, PackedStrides(spec.shape), scratch.data()}};
  }

 private:
  const std::vector<TensorSpec> specs_;
  std::vector<size_t>& noted_;
};

TEST(ModelFileTest, TheLargestTensorIsReadFirstForTheFingerprint) {
  std::vector<TensorSpec> specs(4);
  const uint64_t sizes[] = {3, 1, 8, 3};
  for (size_t i = 0; i < specs.size(); ++i) {
    specs[i].dtype = SKEIN_DTYPE_F32;
    specs[i].shape = {sizes[i]};
    specs[i].size_bytes = sizes[i] * sizeof(float);
  }
  std::vector<size_t> noted;
  ModelContents contents;
  contents.weights = std::make_unique<NotedWeights>(specs, noted);
  const ModelFile model(SerialHost(), std::move(contents));
  ASSERT_TRUE(model.ComputeFingerprintAhead([] { return absl::OkStatus(); }).ok());
  EXPECT_THAT(noted, ElementsAre(2, 0, 3, 1));
}

TEST(ModelFileTest, AFingerprintThatIsStoppedHalfWayGoesOnWhenItIsAskedFor) {
  const FakeFormat format(TinyBlinkDl());
  const std::string expected = *(*Open(format))->Fingerprint();
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  int num_asked = 0;
  const absl::Status status = (*model)->ComputeFingerprintAhead(
      [&] { return ++num_asked < 10 ? absl::OkStatus() : absl::CancelledError("enough"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(num_asked, 10);
  EXPECT_FALSE((*model)->knows_fingerprint());
  EXPECT_EQ(*(*model)->Fingerprint(), expected);
}

TEST(ModelFileTest, VerifyReportsItsProgress) {
  const FakeFormat format(TinyBlinkDl());
  const auto model = Open(format);
  ASSERT_TRUE(model.ok());
  Progress progress;
  EXPECT_TRUE((*model)->Verify(&progress).ok());
  EXPECT_FALSE(progress.view().active);
  EXPECT_GT(progress.view().total_bytes, 0u);
  EXPECT_EQ(progress.view().done_bytes, progress.view().total_bytes);
  EXPECT_STREQ(progress.view().what, "verifying");
}

}  // namespace
}  // namespace skein
