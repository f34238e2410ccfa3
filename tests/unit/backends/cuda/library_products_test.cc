// The library's part in a segment: products of many rows by floats, and by codes that were made bf16.
#include "cuda/library_products.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cuda/algorithm_file.h"
#include "cuda/devices.h"
#include "cuda/expanded_products.h"
#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "skein/dtype.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"
#include "tests/unit/backends/cuda/code_product.h"
#include "tests/unit/backends/cuda/fake_cublaslt.h"

namespace skein::cuda {
namespace {

using conformance::SyntheticModel;
using conformance::SyntheticShape;

constexpr uint32_t kVersion = 130999;  // of fake_cublaslt.cc
constexpr uint32_t kVocabulary = 77;

// The library is found by its name, and works in the order of its queue.
class LibraryProductsTest : public testing::Test {
 protected:
  LibraryProductsTest() {
    std::filesystem::remove_all(folder_);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    emulator::Configure({});
    void* const library = dlopen(SKEIN_FAKE_CUBLASLT, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    fake_ = reinterpret_cast<FakeCublasLt* (*)()>(dlsym(library, "FakeCublasLtCounters"))();
    Reset();
  }
  ~LibraryProductsTest() override {
    std::filesystem::remove_all(folder_);
    *fake_ = FakeCublasLt();
  }

  void Reset() {
    *fake_ = FakeCublasLt();
    fake_->wait = cudaStreamSynchronize;
  }

  // A segment with the matrix of CodeProduct.
  static skein_segment_desc CodeDesc() {
    const SyntheticModel model({.name = "Small",
                                .generation = 4,
                                .num_layers = 1,
                                .d_model = CodeProduct::kOutputs,
                                .d_ffn = CodeProduct::kInputs,
                                .vocab_size = kVocabulary});
    skein_segment_desc desc = conformance::DescribeSegment(model, 0, 1, 0);
    desc.compute_type = desc.weight_type = SKEIN_DTYPE_Q8;
    desc.max_tokens = CodeProduct::kRows;
    return desc;
  }
  static std::unique_ptr<LibraryProducts> Open(const skein_segment_desc& desc) {
    std::string why_not;
    std::unique_ptr<LibraryProducts> library = LibraryProducts::Open(0, desc, why_not);
    EXPECT_NE(library, nullptr) << why_not;
    return library;
  }
  static Algorithms KeptChoices() { return ReadAlgorithmFile(AlgorithmFilePath(CurrentDeviceModel(), kVersion)); }
  static void KeepChoice(CodePath path) {
    ASSERT_TRUE(AddToAlgorithmFile(AlgorithmFilePath(CurrentDeviceModel(), kVersion), {{kCodes, AlgorithmOf(path)}}));
  }

  static constexpr ProductShape kCodes = {static_cast<uint32_t>(WeightType::kQ8), CodeProduct::kOutputs,
                                          CodeProduct::kInputs, 128};
  const std::string folder_ =
      testing::TempDir() + "library_products_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  FakeCublasLt* fake_ = nullptr;
};

TEST_F(LibraryProductsTest, AnExpandedProductGoesToTheLibraryIfThatWasFaster) {
  const CodeProduct rows;
  KeepChoice(CodePath::kExpandedLibrary);
  const std::unique_ptr<LibraryProducts> library = Open(CodeDesc());
  ExpandedProducts products(0, CodeDesc(), library.get());
  bool by_library = false;
  ASSERT_EQ(products.Multiply(rows.queue(), rows.product(), CodeProduct::kRows, by_library), cudaSuccess);
  EXPECT_TRUE(by_library);
  EXPECT_LT(rows.Error(), 0x1p-8);
  EXPECT_GT(rows.Error(), 0x1p-16) << "the codes were multiplied as they are";
}

TEST_F(LibraryProductsTest, AnExpandedProductThatTheLibraryRefusesGoesByTiles) {
  const CodeProduct rows;
  KeepChoice(CodePath::kExpandedLibrary);
  fake_->num_suggested = 1;  // the one that does not run
  const std::unique_ptr<LibraryProducts> library = Open(CodeDesc());
  ExpandedProducts products(0, CodeDesc(), library.get());
  bool by_library = true;
  ASSERT_EQ(products.Multiply(rows.queue(), rows.product(), CodeProduct::kRows, by_library), cudaSuccess);
  EXPECT_FALSE(by_library);
  EXPECT_LT(rows.Error(), 0x1p-8);
}

TEST_F(LibraryProductsTest, TheLibraryIsTimedWithTheOtherWaysAndOnce) {
  const CodeProduct rows;
  const DeviceProduct product = rows.product();
  const auto choose = [&] {
    const std::unique_ptr<LibraryProducts> library = Open(CodeDesc());
    ExpandedProducts products(0, CodeDesc(), library.get());
    products.Choose(rows.queue(), product.weight, CodeProduct::kRows, product.in.data, product.out.data);
    products.Keep();
    library->Keep();
  };
  choose();
  EXPECT_GT(fake_->num_runs[FakeCublasLt::kFast], 0);
  // The way of the codes, and the library's algorithm for the matrix of bf16.
  const Algorithms kept = KeptChoices();
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_TRUE(kept.contains(kCodes));
  Reset();
  const uint64_t before = emulator::CurrentCounters().num_launches;
  choose();
  EXPECT_EQ(emulator::CurrentCounters().num_launches, before);
  EXPECT_EQ(fake_->num_searches, 0);
}

TEST_F(LibraryProductsTest, ALibraryThatRefusesIsNotChosen) {
  const CodeProduct rows;
  const DeviceProduct product = rows.product();
  fake_->num_suggested = 1;
  const std::unique_ptr<LibraryProducts> library = Open(CodeDesc());
  ExpandedProducts products(0, CodeDesc(), library.get());
  products.Choose(rows.queue(), product.weight, CodeProduct::kRows, product.in.data, product.out.data);
  products.Keep();
  ASSERT_EQ(KeptChoices().size(), 1u);
  EXPECT_NE(KeptChoices().begin()->second, AlgorithmOf(CodePath::kExpandedLibrary));
}

// Segments whose layer has matrices large enough for the library.
class LibrarySegmentTest : public LibraryProductsTest {
 protected:
  static constexpr uint32_t kRows = 66;

  static skein_segment_desc Desc(const SyntheticModel& model, uint32_t type) {
    skein_segment_desc desc = conformance::DescribeSegment(model, 0, 1, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    desc.compute_type = desc.weight_type = type;
    desc.max_tokens = 70;
    return desc;
  }
  static SyntheticModel Model(uint32_t type) {
    return SyntheticModel({.name = "Wide",
                           .generation = 4,
                           .num_layers = 1,
                           .d_model = 512,
                           .d_ffn = 512,
                           .vocab_size = kVocabulary,
                           .matrix_types = {type}});
  }
  std::unique_ptr<Segment> Make(const SyntheticModel& model, uint32_t type, const Switches& switches) const {
    const skein_segment_desc desc = Desc(model, type);
    const SegmentPlace place = {.device = 0, .capability = 90, .switches = switches};
    std::unique_ptr<Segment> segment = MakeSegment(*host_.table(), place, desc);
    for (const skein_tensor& tensor : TensorsOf(model, desc)) segment->Put(tensor);
    segment->Seal();
    return segment;
  }
  // The logits of the last token of a prompt.
  static std::vector<float> Run(Segment& segment) {
    std::vector<uint32_t> tokens(kRows);
    for (uint32_t i = 0; i < kRows; ++i) tokens[i] = 5 * i % kVocabulary;
    std::vector<float> logits(kVocabulary);
    skein_step_entry entry = {};
    entry.read_slot = SKEIN_SLOT_INITIAL;
    entry.num_tokens = kRows;
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_start = kRows - 1;
    entry.output_rows = logits.data();
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = kRows;
    step.num_entries = 1;
    step.entry_size = sizeof(entry);
    step.tokens = tokens.data();
    step.entries = &entry;
    EXPECT_EQ(segment.Step(step).fence->Wait(-1), "");
    return logits;
  }

  const conformance::TestHost host_{2};
};

TEST_F(LibrarySegmentTest, ManyRowsAreTheLibrarysAndChangeTheOrderOfSumsAlone) {
  for (const uint32_t type : {SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    const SyntheticModel model = Model(type);
    const std::vector<float> expected = Run(*Make(model, type, {}));
    const std::unique_ptr<Segment> segment = Make(model, type, {.library = true});
    const std::vector<float> found = Run(*segment);
    for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 2e-2) << type;
    // Time-mix and channel-mix: seven matrices of 512 x 512.
    EXPECT_EQ(segment->TotalWork().library_multiplications, uint64_t{kRows} * 7 * 512 * 512);
  }
}

// Of seven products, the output's input alone is not rounded where it is made, by RWKV-4's recurrence.
TEST_F(LibrarySegmentTest, RowsThatAreRoundedWhereTheyAreMadeNeedNoLaunch) {
  for (const uint32_t type : {SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    const SyntheticModel model = Model(type);
    const auto run = [&](const Switches& switches, uint64_t& num_launches) {
      const std::unique_ptr<Segment> segment = Make(model, type, switches);
      const uint64_t before = emulator::CurrentCounters().num_launches;
      const std::vector<float> logits = Run(*segment);
      num_launches = emulator::CurrentCounters().num_launches - before;
      return logits;
    };
    uint64_t plain = 0, rounded = 0;
    const std::vector<float> expected = run({.library = true}, plain);
    EXPECT_EQ(run({.library = true, .rounded_rows = true}, rounded), expected);
    EXPECT_EQ(plain - rounded, 6u);
  }
}

TEST_F(LibrarySegmentTest, ASecondLoadTimesNothing) {
  const SyntheticModel model = Model(SKEIN_DTYPE_F16);
  Make(model, SKEIN_DTYPE_F16, {.library = true});
  EXPECT_GT(fake_->num_searches, 0);
  Reset();
  const std::unique_ptr<Segment> segment = Make(model, SKEIN_DTYPE_F16, {.library = true});
  Run(*segment);
  EXPECT_EQ(fake_->num_searches, 0);
  EXPECT_EQ(fake_->num_runs[FakeCublasLt::kFast] + fake_->num_runs[FakeCublasLt::kSlow], 7);
}

TEST_F(LibrarySegmentTest, WhatTheLibraryDoesNotDoOwnProductsDo) {
  const SyntheticModel model = Model(SKEIN_DTYPE_F16);
  const std::vector<float> expected = Run(*Make(model, SKEIN_DTYPE_F16, {}));
  fake_->num_suggested = 1;
  const std::unique_ptr<Segment> refused = Make(model, SKEIN_DTYPE_F16, {.library = true});
  EXPECT_EQ(Run(*refused), expected);
  EXPECT_EQ(refused->TotalWork().library_multiplications, 0u);
  fake_->start_status = 1;
  EXPECT_EQ(Run(*Make(model, SKEIN_DTYPE_F16, {.library = true})), expected);
}

TEST_F(LibrarySegmentTest, ItsMemoryIsInTheCost) {
  const SyntheticModel model = Model(SKEIN_DTYPE_F16);
  const skein_segment_desc desc = Desc(model, SKEIN_DTYPE_F16);
  const Switches switches = {.library = true};
  const skein_segment_cost cost = SegmentCost({.device = 0, .capability = 90, .switches = switches}, desc);
  const emulator::Counters before = emulator::CurrentCounters();
  const std::unique_ptr<Segment> segment = Make(model, SKEIN_DTYPE_F16, switches);
  const emulator::Counters after = emulator::CurrentCounters();
  const uint64_t expected = cost.weights_bytes + desc.num_slots * cost.slot_bytes + cost.scratch_bytes;
  EXPECT_GE(after.allocated_bytes - before.allocated_bytes, expected);
  EXPECT_LT(after.allocated_bytes - before.allocated_bytes,
            expected + 256 * (after.num_allocations - before.num_allocations));
}

// Steps of one token a stream, more than 64 of them, as graphs.
class LibraryGraphTest : public LibrarySegmentTest {
 protected:
  static constexpr uint32_t kSlots = 80;
  static constexpr Switches kGraphs = {.graphs = true, .library = true, .library_graphs = true};

  LibraryGraphTest() {
    lines_.clear();
    table_.log = [](void*, uint32_t, const char* text, uint64_t bytes) { lines_.emplace_back(text, bytes); };
    fake_->wait = [](cudaStream_t) { return cudaSuccess; };
    fake_->enqueue = cudaLaunchHostFunc;
  }

  // The output head goes to the library too.
  static skein_segment_desc GraphDesc(const SyntheticModel& model) {
    skein_segment_desc desc = Desc(model, SKEIN_DTYPE_F16);
    desc.max_tokens = desc.max_entries = 96;
    desc.num_slots = kSlots;
    return desc;
  }
  std::unique_ptr<Segment> MakeGraphs(const Switches& switches) const {
    const skein_segment_desc desc = GraphDesc(model_);
    std::unique_ptr<Segment> segment = MakeSegment(table_, {.device = 0, .capability = 90, .switches = switches}, desc);
    for (const skein_tensor& tensor : TensorsOf(model_, desc)) segment->Put(tensor);
    segment->Seal();
    return segment;
  }

  // The logits of `num_rows` streams, each from a slot to itself.
  std::vector<float> Decode(Segment& segment, uint32_t num_rows, uint32_t seed) const {
    std::vector<uint32_t> tokens(num_rows);
    std::vector<float> logits(size_t{num_rows} * kWide, -1);
    std::vector<skein_step_entry> entries(num_rows);
    for (uint32_t i = 0; i < num_rows; ++i) {
      tokens[i] = (5 * i + 3 * seed) % kWide;
      entries[i].read_slot = seed == 0 ? SKEIN_SLOT_INITIAL : (i + seed) % kSlots;
      entries[i].write_slot = (i + seed) % kSlots;
      entries[i].first_token = i;
      entries[i].num_tokens = 1;
      entries[i].output = SKEIN_STEP_LOGITS;
      entries[i].output_rows = logits.data() + size_t{i} * kWide;
    }
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = step.num_entries = num_rows;
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens.data();
    step.entries = entries.data();
    EXPECT_EQ(segment.Step(step).fence->Wait(-1), "");
    return logits;
  }
  // Steps of one bucket.
  std::vector<float> Converse(Segment& segment) const {
    std::vector<float> all;
    for (const auto& [num_rows, seed] : {std::pair{80u, 0u}, {66u, 1u}, {70u, 2u}, {66u, 3u}}) {
      const std::vector<float> some = Decode(segment, num_rows, seed);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  // A layer's seven matrices and the head.
  static constexpr uint64_t kRowWork = uint64_t{8} * 512 * 512;
  static constexpr uint64_t kWork = (80 + 66 + 70 + 66) * kRowWork;
  static uint64_t NumGraphLaunches() { return emulator::CurrentCounters().num_graph_launches; }

  static constexpr uint32_t kWide = 512;
  static inline std::vector<std::string> lines_;  // that were logged
  const SyntheticModel model_{{.name = "Wide",
                               .generation = 4,
                               .num_layers = 1,
                               .d_model = kWide,
                               .d_ffn = kWide,
                               .vocab_size = kWide,
                               .matrix_types = {SKEIN_DTYPE_F16}}};
  skein_host table_ = *host_.table();
};

TEST_F(LibraryGraphTest, AGraphServesOtherSlotsTokensAndNumbersOfRows) {
  const std::unique_ptr<Segment> plain = MakeGraphs({.library = true});
  const std::vector<float> expected = Converse(*plain);
  const uint64_t before = NumGraphLaunches();
  const std::unique_ptr<Segment> segment = MakeGraphs(kGraphs);
  EXPECT_EQ(Decode(*segment, 80, 0), std::vector<float>(expected.begin(), expected.begin() + 80 * kWide));
  EXPECT_EQ(NumGraphLaunches(), before) << "the library was asked for the first time in a capture";
  const int num_searches = fake_->num_searches;
  EXPECT_EQ(Converse(*segment), expected);
  EXPECT_EQ(NumGraphLaunches() - before, 4u);
  EXPECT_EQ(fake_->num_searches, num_searches);
  EXPECT_EQ(plain->TotalWork().library_multiplications, kWork);
  EXPECT_EQ(segment->TotalWork().library_multiplications, kWork + 80 * kRowWork);
  EXPECT_EQ(segment->TotalWork().library_multiplications, segment->TotalWork().multiplications);
  EXPECT_TRUE(lines_.empty()) << lines_.front();
}

TEST_F(LibraryGraphTest, WithoutItsSwitchStepsOfTheLibraryAreNoGraphs) {
  const uint64_t before = NumGraphLaunches();
  const std::unique_ptr<Segment> segment = MakeGraphs({.graphs = true, .library = true});
  Converse(*segment);
  EXPECT_EQ(NumGraphLaunches(), before);
  EXPECT_EQ(segment->TotalWork().library_multiplications, kWork);
}

TEST_F(LibraryGraphTest, AProductThatIsRefusedInACaptureEndsTheGraphsOfItsSize) {
  const std::vector<float> expected = Converse(*MakeGraphs({.library = true}));
  static int num_left;
  num_left = 3;
  fake_->refuses = [](cudaStream_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    EXPECT_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
    return status != cudaStreamCaptureStatusNone && num_left-- <= 0;
  };
  const uint64_t before = NumGraphLaunches();
  const std::unique_ptr<Segment> segment = MakeGraphs(kGraphs);
  const int num_searches = fake_->num_searches;
  EXPECT_EQ(Converse(*segment), expected);
  EXPECT_EQ(NumGraphLaunches(), before);
  EXPECT_EQ(fake_->num_searches, num_searches) << "it was asked in a capture";
  EXPECT_EQ(segment->TotalWork().library_multiplications, kWork);
  EXPECT_THAT(lines_, testing::ElementsAre(testing::AllOf(testing::HasSubstr("graphs: steps of 96 rows go without"),
                                                          testing::HasSubstr("refused"))));
}

TEST_F(LibraryGraphTest, ACallThatBreaksTheCaptureEndsTheGraphsOfItsSize) {
  const std::vector<float> expected = Converse(*MakeGraphs({.library = true}));
  fake_->enqueue = nullptr;
  fake_->wait = cudaStreamSynchronize;  // which no capture survives
  const uint64_t before = NumGraphLaunches();
  const std::unique_ptr<Segment> segment = MakeGraphs(kGraphs);
  EXPECT_EQ(Converse(*segment), expected);
  EXPECT_EQ(NumGraphLaunches(), before);
  EXPECT_EQ(segment->TotalWork().library_multiplications, kWork);
  EXPECT_THAT(lines_, testing::ElementsAre(testing::HasSubstr("graphs: steps of 96 rows go without")));
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(LibraryGraphTest, WithoutTheLibraryOwnProductsAreGraphs) {
  const auto decode = [&](Segment& segment) {
    Decode(segment, 66, 0);
    return Decode(segment, 70, 1);
  };
  const std::vector<float> expected = decode(*MakeGraphs({}));
  fake_->start_status = 1;
  for (const bool library_graphs : {false, true}) {
    const uint64_t before = NumGraphLaunches();
    const std::unique_ptr<Segment> segment =
        MakeGraphs({.graphs = true, .library = true, .library_graphs = library_graphs});
    EXPECT_EQ(decode(*segment), expected);
    EXPECT_EQ(NumGraphLaunches() - before, 1u);
    EXPECT_EQ(segment->TotalWork().library_multiplications, 0u);
  }
}

}  // namespace
}  // namespace skein::cuda
