#include "files/package/package.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/checksum.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "skein/v1/manifest.pb.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::TempFile;
using ::skein::testing::TinyConfig;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Places in the header; see package.h.
constexpr size_t kManifestBytesAt = 24;
constexpr size_t kManifestChecksumAt = 32;
constexpr size_t kDataOffsetAt = 40;
constexpr size_t kHeaderChecksumAt = 56;
constexpr size_t kHeaderBytes = 64;

Manifest TinyManifest(VersionSet version = kV7) {
  Manifest manifest;
  manifest.config = TinyConfig(version);
  manifest.metadata.name = "tiny";
  manifest.metadata.licence = "none";
  manifest.metadata.provenance = "made up";
  manifest.metadata.example_prompt = "In the beginning";
  manifest.metadata.tokenizer_kind = "bytes";
  manifest.metadata.chat_template = "world";
  manifest.metadata.end_token = 0;
  manifest.metadata.stop_tokens = {3, 4};
  manifest.metadata.sampling.temperature = 0.0;
  manifest.metadata.sampling.top_k = 2;
  manifest.vocabulary = std::string("\0\xff words", 8);
  manifest.fingerprint = "0123456789abcdef0123456789abcdef";
  manifest.creator = "test";
  for (const ExpectedTensor& expected : ExpectedTensors(manifest.config)) {
    PackedTensor tensor;
    tensor.role = expected.role->role;
    tensor.layer = expected.layer;
    tensor.dtype = expected.role->is_matrix ? SKEIN_DTYPE_BF16 : SKEIN_DTYPE_F32;
    tensor.shape = RoleShape(*expected.role, manifest.config);
    manifest.tensors.push_back(tensor);
  }
  return manifest;
}

std::vector<uint8_t> TinyBytes(const PackedTensor& tensor, size_t index) {
  std::vector<uint8_t> bytes(tensor.dtype == SKEIN_DTYPE_BF16 ? 2 : 4);
  uint64_t num_elements = 1;
  for (const uint64_t dim : tensor.shape) num_elements *= dim;
  bytes.resize(bytes.size() * num_elements);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>((index + i) % 61);  // finite in any type
  return bytes;
}

// All numbers are different.
std::vector<float> TinyState(const ModelConfig& config) {
  std::vector<float> state(StateFloats(config));
  for (size_t i = 0; i < state.size(); ++i) state[i] = static_cast<float>(i) / 8;
  return state;
}

absl::Status WriteTiny(const std::string& path, const Manifest& manifest, IfExists if_exists = IfExists::kFail) {
  auto writer = PackageWriter::Create(path, manifest, if_exists);
  if (!writer.ok()) return writer.status();
  for (size_t i = 0; i < manifest.tensors.size(); ++i) {
    absl::Status status = (*writer)->WriteTensor(TinyBytes(manifest.tensors[i], i));
    if (!status.ok()) return status;
  }
  if (manifest.initial_state) {
    absl::Status status = (*writer)->WriteInitialState(TinyState(manifest.config));
    if (!status.ok()) return status;
  }
  return (*writer)->Finish();
}

absl::StatusOr<std::unique_ptr<Package>> Open(const std::string& path) {
  auto file = File::Open(path, FileAccess::kRead);
  if (!file.ok()) return file.status();
  return Package::Open(*std::move(file));
}

// With an initial state.
std::string TinyPackage() {
  const TempFile file("tiny.skein");
  Manifest manifest = TinyManifest();
  manifest.initial_state.emplace();
  EXPECT_TRUE(WriteTiny(file.path(), manifest).ok());
  return file.Read();
}

uint64_t LoadU64(const std::string& bytes, size_t at) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}
void StoreU64(std::string* bytes, size_t at, uint64_t value) { std::memcpy(bytes->data() + at, &value, sizeof(value)); }

void SealHeader(std::string* bytes) { StoreU64(bytes, kHeaderChecksumAt, Checksum(bytes->data(), kHeaderChecksumAt)); }

// A package with a changed manifest and the right checksums. The data stays in its place.
absl::Status OpenChanged(const std::function<void(v1::Manifest*)>& change) {
  std::string bytes = TinyPackage();
  const uint64_t manifest_bytes = LoadU64(bytes, kManifestBytesAt);
  const uint64_t data_offset = LoadU64(bytes, kDataOffsetAt);
  v1::Manifest manifest;
  EXPECT_TRUE(manifest.ParseFromString(bytes.substr(kHeaderBytes, manifest_bytes)));
  change(&manifest);
  for (v1::Tensor& tensor : *manifest.mutable_tensors())
    tensor.set_offset(tensor.offset());  // so that the field is there
  std::string changed = manifest.SerializePartialAsString();
  // Whole blocks of 64 more or less, so that alignment is kept; offsets move with the data.
  const uint64_t new_offset = (kHeaderBytes + changed.size() + 63) / 64 * 64;
  const uint64_t moved = new_offset - data_offset;
  for (v1::Tensor& tensor : *manifest.mutable_tensors()) tensor.set_offset(tensor.offset() + moved);
  if (manifest.has_initial_state()) {
    manifest.mutable_initial_state()->set_offset(manifest.initial_state().offset() + moved);
  }
  changed = manifest.SerializePartialAsString();
  std::string out = bytes.substr(0, kHeaderBytes) + changed;
  out.resize(new_offset);
  out += bytes.substr(data_offset);
  StoreU64(&out, 16, out.size());
  StoreU64(&out, kManifestBytesAt, changed.size());
  StoreU64(&out, kManifestChecksumAt, Checksum(changed.data(), changed.size()));
  StoreU64(&out, kDataOffsetAt, new_offset);
  SealHeader(&out);
  const TempFile file("changed.skein");
  file.Write(out);
  return Open(file.path()).status();
}

void ExpectRefused(const std::string& reason, const std::function<void(v1::Manifest*)>& change,
                   absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  const absl::Status status = OpenChanged(change);
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("changed.skein: manifest: "), HasSubstr(reason)));
}

TEST(PackageTest, GivesBackWhatWasWritten) {
  const TempFile file("tiny.skein");
  const Manifest written = TinyManifest();
  ASSERT_TRUE(WriteTiny(file.path(), written).ok());
  const auto package = Open(file.path());
  ASSERT_TRUE(package.ok()) << package.status();
  const Manifest& read = (*package)->manifest();
  EXPECT_EQ(read.config.d_ffn, written.config.d_ffn);
  EXPECT_EQ(read.config.rank_gate, written.config.rank_gate);
  EXPECT_EQ(read.config.norm_epsilon, written.config.norm_epsilon);
  EXPECT_EQ(read.config.group_norm_epsilon, written.config.group_norm_epsilon);
  EXPECT_EQ(read.metadata.name, "tiny");
  EXPECT_EQ(read.metadata.licence, "none");
  EXPECT_EQ(read.metadata.provenance, "made up");
  EXPECT_EQ(read.metadata.example_prompt, "In the beginning");
  EXPECT_EQ(read.metadata.tokenizer_kind, "bytes");
  EXPECT_EQ(read.metadata.stop_tokens, written.metadata.stop_tokens);
  EXPECT_EQ(read.metadata.sampling.temperature, 0.0);
  EXPECT_EQ(read.metadata.sampling.top_k, 2u);
  EXPECT_FALSE(read.metadata.sampling.top_p.has_value());
  EXPECT_EQ(read.vocabulary, written.vocabulary);
  EXPECT_EQ(read.fingerprint, written.fingerprint);
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  for (size_t i = 0; i < read.tensors.size(); ++i) {
    EXPECT_EQ(read.tensors[i].role, written.tensors[i].role);
    EXPECT_EQ(read.tensors[i].offset % 64, 0u);
    const absl::Span<const uint8_t> bytes = (*package)->TensorBytes(i);
    EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end()), TinyBytes(written.tensors[i], i));
    EXPECT_TRUE((*package)->CheckTensor(i).ok());
  }
}

TEST(PackageTest, EveryTruncationIsRefused) {
  const TempFile file("tiny.skein");
  const std::string whole = TinyPackage();
  file.Write(whole);
  for (size_t size = whole.size(); size-- > 0;) {
    ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(size)), 0);
    const absl::Status status = Open(file.path()).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << size << ": " << status;
  }
}

TEST(PackageTest, BytesBehindTheEndAreRefused) {
  const TempFile file("tiny.skein");
  file.Write(TinyPackage() + "x");
  EXPECT_EQ(Open(file.path()).status().code(), absl::StatusCode::kDataLoss);
}

// Flips bits of a file in place.
class FlippedFile {
 public:
  explicit FlippedFile(const std::string& contents) : file_("tiny.skein"), contents_(contents) {
    file_.Write(contents);
    fd_ = open(file_.path().c_str(), O_WRONLY);
  }
  ~FlippedFile() { close(fd_); }

  template <typename Check>
  void With(size_t at, uint8_t mask, const Check& check) {
    const char flipped = static_cast<char>(static_cast<uint8_t>(contents_[at]) ^ mask);
    ASSERT_EQ(pwrite(fd_, &flipped, 1, static_cast<off_t>(at)), 1);
    check(Open(file_.path()));
    ASSERT_EQ(pwrite(fd_, &contents_[at], 1, static_cast<off_t>(at)), 1);
  }

 private:
  const TempFile file_;
  const std::string contents_;
  int fd_;
};

TEST(PackageTest, EveryBitFlippedBeforeTheDataIsRefused) {
  const std::string whole = TinyPackage();
  const uint64_t data_offset = LoadU64(whole, kDataOffsetAt);
  FlippedFile file(whole);
  for (size_t at = 0; at < data_offset; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      file.With(at, static_cast<uint8_t>(1 << bit), [&](const auto& package) {
        EXPECT_EQ(package.status().code(), absl::StatusCode::kDataLoss) << at << "." << bit;
      });
    }
  }
}

TEST(PackageTest, EveryByteChangedInTheDataIsFoundWhenItIsChecked) {
  const std::string whole = TinyPackage();
  FlippedFile file(whole);
  for (size_t at = LoadU64(whole, kDataOffsetAt); at < whole.size(); ++at) {
    file.With(at, static_cast<uint8_t>(1 << at % 8), [&](const auto& package) {
      ASSERT_TRUE(package.ok());
      size_t num_found = 0;
      for (size_t i = 0; i < (*package)->manifest().tensors.size(); ++i) {
        const absl::Status status = (*package)->CheckTensor(i);
        if (status.code() == absl::StatusCode::kDataLoss) ++num_found;
      }
      if ((*package)->ReadInitialState().status().code() == absl::StatusCode::kDataLoss) ++num_found;
      EXPECT_EQ(num_found, 1u) << at;
    });
  }
}

TEST(PackageTest, ALaterFormatVersionIsUnimplemented) {
  std::string bytes = TinyPackage();
  bytes[8] = 2;
  SealHeader(&bytes);
  const TempFile file("tiny.skein");
  file.Write(bytes);
  const absl::Status status = Open(file.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("format version 2; this version reads 1"));
}

TEST(PackageTest, HeaderFieldsThatLieUnderAGoodChecksumAreRefused) {
  for (const size_t at : {size_t{16}, kManifestBytesAt, kDataOffsetAt}) {
    for (const uint64_t lie :
         {uint64_t{0}, uint64_t{1}, uint64_t{64}, uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{0} - 63}) {
      std::string bytes = TinyPackage();
      StoreU64(&bytes, at, lie);
      SealHeader(&bytes);
      const TempFile file("tiny.skein");
      file.Write(bytes);
      EXPECT_EQ(Open(file.path()).status().code(), absl::StatusCode::kDataLoss) << at << " " << lie;
    }
  }
}

TEST(PackageTest, AChangeThatIsNoneIsAccepted) {
  EXPECT_TRUE(OpenChanged([](v1::Manifest*) {}).ok());
}

TEST(PackageTest, TensorsMayComeInAnyOrder) {
  EXPECT_TRUE(OpenChanged([](v1::Manifest* m) { m->mutable_tensors()->SwapElements(0, 20); }).ok());
}

TEST(PackageTest, TensorsThatLieWhereTheyMayNotAreRefused) {
  ExpectRefused("expected at least",
                [](v1::Manifest* m) { m->mutable_tensors(1)->set_offset(m->tensors(0).offset()); });
  ExpectRefused("expected at least", [](v1::Manifest* m) { m->mutable_tensors(0)->set_offset(0); });
  ExpectRefused("expected a multiple of 64",
                [](v1::Manifest* m) { m->mutable_tensors(0)->set_offset(m->tensors(0).offset() + 1); });
  ExpectRefused("the file ends at", [](v1::Manifest* m) { m->mutable_tensors(0)->set_offset(uint64_t{1} << 40); });
  ExpectRefused("the file ends at", [](v1::Manifest* m) { m->mutable_tensors(0)->set_offset(~uint64_t{0} - 4095); });
}

TEST(PackageTest, TensorsThatDoNotMakeAModelAreRefused) {
  ExpectRefused("\"embedding\" is missing", [](v1::Manifest* m) { m->mutable_tensors()->DeleteSubrange(0, 1); });
  ExpectRefused("is there twice", [](v1::Manifest* m) { *m->add_tensors() = m->tensors(0); });
  ExpectRefused("\"layers.7.time.key\"", [](v1::Manifest* m) {
    v1::Tensor* extra = m->add_tensors();
    extra->set_role(v1::ROLE_TIME_KEY);
    extra->set_layer(7);
  });
  ExpectRefused("expected a role", [](v1::Manifest* m) { m->mutable_tensors(0)->clear_role(); });
  ExpectRefused("expected [5, 8] by the architecture, found [5, 9]",
                [](v1::Manifest* m) { m->mutable_tensors(0)->set_shape(1, 9); });
  ExpectRefused("expected 80 bytes for bf16 [5, 8] in rows, found 81",
                [](v1::Manifest* m) { m->mutable_tensors(0)->set_size_bytes(81); });
  ExpectRefused(
      "\"embedding\": element", [](v1::Manifest* m) { m->mutable_tensors(0)->clear_dtype(); },
      absl::StatusCode::kUnimplemented);
  ExpectRefused("\"embedding\": expected 650 bytes for q8 [5, 8]",
                [](v1::Manifest* m) { m->mutable_tensors(0)->set_dtype(v1::DTYPE_Q8); });
  ExpectRefused(
      "\"embedding_norm.weight\": element", [](v1::Manifest* m) { m->mutable_tensors(1)->set_dtype(v1::DTYPE_Q8); },
      absl::StatusCode::kUnimplemented);
  ExpectRefused(
      "shard", [](v1::Manifest* m) { m->mutable_tensors(0)->set_shard(1); }, absl::StatusCode::kUnimplemented);
}

TEST(PackageTest, DimensionsThatLieAreRefused) {
  ExpectRefused("head_size 0; expected a divisor of d_att 8",
                [](v1::Manifest* m) { m->mutable_architecture()->set_head_size(0); });
  ExpectRefused("d_model 4294967295", [](v1::Manifest* m) { m->mutable_architecture()->set_d_model(0xFFFFFFFFu); });
  ExpectRefused("num_layers 100000", [](v1::Manifest* m) { m->mutable_architecture()->set_num_layers(100000); });
  ExpectRefused("is missing", [](v1::Manifest* m) { m->mutable_architecture()->set_num_layers(3); });
  ExpectRefused(
      "generation 8", [](v1::Manifest* m) { m->mutable_architecture()->set_generation(8); },
      absl::StatusCode::kUnimplemented);
  ExpectRefused(
      "architecture is missing", [](v1::Manifest* m) { m->clear_architecture(); }, absl::StatusCode::kDataLoss);
}

TEST(PackageTest, MetadataThatLiesIsRefused) {
  ExpectRefused("name: expected UTF-8", [](v1::Manifest* m) { m->set_name("\xff"); });
  ExpectRefused("chat_template: expected UTF-8", [](v1::Manifest* m) { m->set_chat_template("\xff"); });
  ExpectRefused("licence: expected UTF-8", [](v1::Manifest* m) { m->set_licence(std::string("a\0b", 3)); });
  ExpectRefused("trained_length 0; expected at least 1", [](v1::Manifest* m) { m->set_trained_length(0); });
  ExpectRefused("end_token 5; expected less than vocab_size 5", [](v1::Manifest* m) { m->set_end_token(5); });
  ExpectRefused("stop_tokens: 9", [](v1::Manifest* m) { m->add_stop_tokens(9); });
  ExpectRefused("default_sampling.top_p nan", [](v1::Manifest* m) {
    m->mutable_default_sampling()->set_top_p(std::numeric_limits<double>::quiet_NaN());
  });
  ExpectRefused("source_fingerprint", [](v1::Manifest* m) { m->set_source_fingerprint("0123"); });
  ExpectRefused(
      "needs the feature \"rosa\"", [](v1::Manifest* m) { m->add_required_features("rosa"); },
      absl::StatusCode::kUnimplemented);
}

TEST(PackageTest, PanelsAreStoredAndAnnounced) {
  const TempFile file("panels.skein");
  Manifest written = TinyManifest();
  for (PackedTensor& tensor : written.tensors) {
    if (tensor.role == SKEIN_ROLE_HEAD) tensor.layout = SKEIN_LAYOUT_PANELS;
  }
  auto writer = PackageWriter::Create(file.path(), written, IfExists::kFail);
  ASSERT_TRUE(writer.ok()) << writer.status();
  constexpr size_t kHeadBytes = 64 * 32 * 2;  // a panel of [5, 8] as bf16
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    const bool is_head = written.tensors[i].role == SKEIN_ROLE_HEAD;
    if (is_head) {
      EXPECT_FALSE((*writer)->WriteTensor(TinyBytes(written.tensors[i], i)).ok()) << "these are rows";
    }
    ASSERT_TRUE(
        (*writer)->WriteTensor(is_head ? std::vector<uint8_t>(kHeadBytes) : TinyBytes(written.tensors[i], i)).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto package = Open(file.path());
  ASSERT_TRUE(package.ok()) << package.status();
  for (const PackedTensor& tensor : (*package)->manifest().tensors) {
    EXPECT_EQ(tensor.layout, tensor.role == SKEIN_ROLE_HEAD ? SKEIN_LAYOUT_PANELS : SKEIN_LAYOUT_ROWS);
  }
  const std::string bytes = file.Read();
  v1::Manifest manifest;
  ASSERT_TRUE(manifest.ParseFromString(bytes.substr(kHeaderBytes, LoadU64(bytes, kManifestBytesAt))));
  // This makes an older reader refuse the package.
  ASSERT_EQ(manifest.required_features_size(), 1);
  EXPECT_EQ(manifest.required_features(0), "panels");
}

// The first tensor of a role.
v1::Tensor* TensorOf(v1::Manifest* manifest, v1::Role role) {
  for (v1::Tensor& tensor : *manifest->mutable_tensors()) {
    if (tensor.role() == role) return &tensor;
  }
  return nullptr;
}

TEST(PackageTest, LayoutsThatLieAreRefused) {
  ExpectRefused("\"head\": expected 4096 bytes for bf16 [5, 8] in panels, found 80", [](v1::Manifest* m) {
    m->add_required_features("panels");
    TensorOf(m, v1::ROLE_HEAD)->set_layout(v1::LAYOUT_PANELS);
  });
  for (const v1::Role role : {v1::ROLE_EMBEDDING, v1::ROLE_OUTPUT_NORM_W}) {
    ExpectRefused("found panels; expected rows", [role](v1::Manifest* m) {
      m->add_required_features("panels");
      TensorOf(m, role)->set_layout(v1::LAYOUT_PANELS);
    });
  }
}

TEST(PackageTest, TheFeatureOfPanelsIsThereExactlyWhereATensorHasThem) {
  ExpectRefused("required_features: expected [] by the layouts of the tensors, found [panels]",
                [](v1::Manifest* m) { m->add_required_features("panels"); });
  ExpectRefused("required_features: expected [panels] by the layouts of the tensors, found []", [](v1::Manifest* m) {
    v1::Tensor* head = TensorOf(m, v1::ROLE_HEAD);
    head->set_layout(v1::LAYOUT_PANELS);
    head->set_size_bytes(64 * 32 * 2);
  });
}

TEST(PackageTest, EveryVersionGivesBackWhatWasWritten) {
  for (const VersionSet version : ::skein::testing::kEveryVersion) {
    const TempFile file("tiny.skein");
    const Manifest written = TinyManifest(version);
    ASSERT_TRUE(WriteTiny(file.path(), written).ok());
    const auto package = Open(file.path());
    ASSERT_TRUE(package.ok()) << package.status();
    const ModelConfig& config = (*package)->manifest().config;
    EXPECT_EQ(VersionOf(config), version);
    EXPECT_EQ(config.rank_mix, written.config.rank_mix);
    EXPECT_EQ(config.d_att, written.config.d_att);
    EXPECT_EQ((*package)->manifest().tensors.size(), ExpectedTensors(written.config).size());
    EXPECT_EQ((*package)->manifest().metadata.chat_template, "world");
    EXPECT_FALSE((*package)->manifest().initial_state.has_value());
    EXPECT_TRUE((*package)->ReadInitialState()->empty());
  }
}

TEST(PackageTest, TheInitialStateIsStoredAndChecked) {
  const std::string bytes = TinyPackage();
  const TempFile file("tiny.skein");
  file.Write(bytes);
  const auto package = Open(file.path());
  ASSERT_TRUE(package.ok()) << package.status();
  const auto state = (*package)->ReadInitialState();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, TinyState(TinyConfig()));
  const uint64_t offset = (*package)->manifest().initial_state->offset;
  EXPECT_EQ(offset % 64, 0u);

  std::string damaged = bytes;
  damaged[offset + 5] ^= 1;
  file.Write(damaged);
  const auto broken = Open(file.path());
  ASSERT_TRUE(broken.ok()) << broken.status();
  EXPECT_EQ((*broken)->ReadInitialState().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string((*broken)->ReadInitialState().status().message()), HasSubstr("initial_state"));
}

TEST(PackageTest, AnInitialStateThatLiesIsRefused) {
  ExpectRefused("initial_state: expected 384 bytes by the architecture, found 380",
                [](v1::Manifest* m) { m->mutable_initial_state()->set_size_bytes(380); });
  ExpectRefused("initial_state: offset", [](v1::Manifest* m) { m->mutable_initial_state()->set_offset(64); });
  ExpectRefused("initial_state: bytes",
                [](v1::Manifest* m) { m->mutable_initial_state()->set_offset(uint64_t{1} << 40); });
}

TEST(PackageTest, AnInitialStateThatIsAnnouncedMustBeWritten) {
  const TempFile file("tiny.skein");
  Manifest manifest = TinyManifest();
  manifest.initial_state.emplace();
  auto writer = PackageWriter::Create(file.path(), manifest, IfExists::kFail);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (size_t i = 0; i < manifest.tensors.size(); ++i) {
    ASSERT_TRUE((*writer)->WriteTensor(TinyBytes(manifest.tensors[i], i)).ok());
  }
  EXPECT_EQ((*writer)->WriteInitialState(std::vector<float>(95)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*writer)->Finish().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PackageTest, ATensorOfAnotherVersionIsRefused) {
  ExpectRefused("an RWKV-7 model of 2 layers has no such tensor", [](v1::Manifest* m) {
    v1::Tensor* extra = m->add_tensors();
    extra->set_role(v1::ROLE_V4_DECAY);
  });
}

TEST(PackageTest, AnExistingFileIsKeptUnlessItMayBeReplaced) {
  const TempFile file("tiny.skein");
  file.Write("precious");
  EXPECT_EQ(WriteTiny(file.path(), TinyManifest()).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(file.Read(), "precious");
  EXPECT_TRUE(WriteTiny(file.path(), TinyManifest(), IfExists::kReplace).ok());
  EXPECT_TRUE(Open(file.path()).ok());
}

TEST(PackageTest, AnUnfinishedPackageLeavesNothingBehind) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / ("skein-unfinished-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const Manifest manifest = TinyManifest();
  {
    auto writer = PackageWriter::Create((folder / "out.skein").string(), manifest, IfExists::kFail);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->WriteTensor(TinyBytes(manifest.tensors[0], 0)).ok());
    EXPECT_EQ((*writer)->WriteTensor({}).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ((*writer)->Finish().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST(PackageTest, TheWriterRefusesWhatTheReaderWould) {
  const TempFile file("bad.skein");
  Manifest manifest = TinyManifest();
  manifest.metadata.name = "\xff";
  EXPECT_EQ(WriteTiny(file.path(), manifest).code(), absl::StatusCode::kInvalidArgument);
  manifest = TinyManifest();
  manifest.tensors.pop_back();
  EXPECT_EQ(WriteTiny(file.path(), manifest).code(), absl::StatusCode::kInvalidArgument);
}

TEST(PackageTest, AFolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(WriteTiny(::testing::TempDir() + "no-such-folder/x.skein", TinyManifest()).code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace skein
