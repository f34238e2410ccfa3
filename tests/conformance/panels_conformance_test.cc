// Matrices that come in panels, on any backend that takes them: they give, bit for bit, what the same matrices in rows
// give, and are read where they are mapped and nowhere else.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/panels.h"
#include "tests/conformance/plugin_paths.h"
#include "tests/conformance/quantised_model.h"

namespace skein::conformance {
namespace {

// Bytes that nobody can write, and that end where nobody can read on.
class GuardedBytes {
 public:
  explicit GuardedBytes(const std::vector<uint8_t>& bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t readable = UpTo(bytes.size(), page);
    size_ = readable + page;
    memory_ = static_cast<uint8_t*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    data_ = memory_ + readable - bytes.size();
    std::memcpy(data_, bytes.data(), bytes.size());
    EXPECT_EQ(mprotect(memory_, readable, PROT_READ), 0);
    EXPECT_EQ(mprotect(memory_ + readable, page, PROT_NONE), 0);
  }
  ~GuardedBytes() { munmap(memory_, size_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  const uint8_t* data() const { return data_; }

 private:
  uint8_t* memory_;
  uint8_t* data_;
  size_t size_;
};

enum class Memory { kMapped, kBorrowed };

class PanelsConformance : public ModelConformance {
 protected:
  void SetUp() override {
    ModelConformance::SetUp();
    if (IsSkipped()) return;
    if ((plugin_.DeviceInfo().layouts >> SKEIN_LAYOUT_PANELS & 1) == 0) GTEST_SKIP() << "the device takes rows only";
  }

  skein_segment_desc Describe(const SyntheticModel& model, uint32_t compute_type) const {
    skein_segment_desc desc =
        DescribeSegment(model, 0, shape().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    desc.compute_type = compute_type;
    return desc;
  }

  // Loads the model with every matrix but the embedding in panels, as far as the arithmetic takes them.
  void LoadPanels(SegmentHandle& segment, const SyntheticModel& model, Memory memory) {
    for (const SyntheticTensor& tensor : model.tensors()) {
      skein_tensor put = tensor.Describe();
      const bool is_taken = segment.desc().compute_type != SKEIN_DTYPE_BF16 || tensor.dtype == SKEIN_DTYPE_BF16;
      std::unique_ptr<GuardedBytes> guarded;
      if (IsMatrix(tensor) && tensor.role != SKEIN_ROLE_EMBEDDING && is_taken) {
        const std::vector<uint8_t> panels =
            PanelsOf(tensor.dtype, tensor.shape[0], tensor.shape[1], tensor.data.data());
        guarded = std::make_unique<GuardedBytes>(panels);
        put.layout = SKEIN_LAYOUT_PANELS;
        put.data = guarded->data();
        put.size_bytes = panels.size();
        put.flags = memory == Memory::kMapped ? SKEIN_TENSOR_MAPPED : 0;
      }
      ASSERT_TRUE(segment.Put(put)) << segment.message();
      // A tensor that is not mapped is gone once put_tensor returns.
      if (guarded != nullptr && memory == Memory::kMapped) mapped_.push_back(std::move(guarded));
    }
    ASSERT_TRUE(segment.Seal()) << segment.message();
  }

  // Logits of a long step, of a few tokens after it, and of one more.
  std::vector<float> Logits(SegmentHandle& segment) const {
    const std::vector<uint32_t> tokens = Tokens(44);
    std::vector<float> logits(tokens.size() * shape().vocab_size);
    size_t first = 0;
    for (const size_t count : {40, 3, 1}) {
      skein_step_entry entry = {};
      entry.read_slot = first == 0 ? SKEIN_SLOT_INITIAL : 0;
      entry.num_tokens = static_cast<uint32_t>(count);
      entry.output = SKEIN_STEP_LOGITS;
      entry.output_rows = logits.data() + first * shape().vocab_size;
      skein_step step = {};
      step.struct_size = sizeof(step);
      step.num_tokens = entry.num_tokens;
      step.num_entries = 1;
      step.entry_size = sizeof(entry);
      step.tokens = tokens.data() + first;
      step.entries = &entry;
      EXPECT_TRUE(segment.Step(step)) << segment.message();
      EXPECT_EQ(entry.status, SKEIN_OK) << segment.message();
      first += count;
    }
    return logits;
  }

  void ExpectPanelsGiveWhatRowsGive(const SyntheticModel& model) {
    const uint32_t offered = plugin_.DeviceInfo().compute_types | 1u << SKEIN_DTYPE_NONE;
    for (const uint32_t compute_type :
         {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
      if ((offered >> compute_type & 1) == 0) continue;
      SCOPED_TRACE("compute type " + std::to_string(compute_type));
      const skein_segment_desc desc = Describe(model, compute_type);
      SegmentHandle rows(device_, desc);
      ASSERT_TRUE(rows.Load(TensorsOf(model, desc))) << rows.message();
      const std::vector<float> expected = Logits(rows);
      for (const Memory memory : {Memory::kMapped, Memory::kBorrowed}) {
        SegmentHandle panels(device_, desc);
        ASSERT_NO_FATAL_FAILURE(LoadPanels(panels, model, memory));
        EXPECT_EQ(Logits(panels), expected) << (memory == Memory::kMapped ? "mapped" : "borrowed");
      }
      mapped_.clear();
    }
  }

  std::vector<std::unique_ptr<GuardedBytes>> mapped_;  // outlives the segments that use it
};

TEST_P(PanelsConformance, PlainPanelsGiveWhatRowsGive) { ExpectPanelsGiveWhatRowsGive(model_); }

TEST_P(PanelsConformance, QuantisedPanelsGiveWhatRowsGive) {
  const uint32_t types = plugin_.DeviceInfo().weight_types;
  if ((types >> SKEIN_DTYPE_Q8 & types >> SKEIN_DTYPE_Q4 & 1) == 0) GTEST_SKIP() << "the device takes no such types";
  for (const auto& mixture : kMixtures) ExpectPanelsGiveWhatRowsGive(Quantised(shape(), mixture));
}

INSTANTIATE_TEST_SUITE_P(Models, PanelsConformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(AllShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
