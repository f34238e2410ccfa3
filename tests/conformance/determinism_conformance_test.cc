// A row's results do not depend on the other rows of its step, on any backend plugin, for the types of arithmetic that
// the device promises it for (deterministic_types), and for all in segments with SKEIN_SEGMENT_DETERMINISTIC: streams
// alone and in random schedules of 64 give the same bits. They join, leave, are cut at any token, and have neighbours
// that fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"
#include "tests/conformance/quantised_model.h"

namespace skein::conformance {
namespace {

constexpr uint32_t kNumStreams = 64;

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  bits.reserve(values.size());
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

// A stream of the schedule, and what it gives alone, token by token.
struct Stream {
  std::vector<uint32_t> tokens;
  std::vector<float> rows;  // logits after each token
  std::vector<float> state;
  uint32_t slots[2];  // in turn
  size_t position = 0;
  uint32_t num_steps = 0;

  size_t left() const { return tokens.size() - position; }
  uint32_t read_slot() const { return num_steps == 0 ? SKEIN_SLOT_INITIAL : slots[num_steps % 2]; }
  uint32_t write_slot() const { return slots[(num_steps + 1) % 2]; }
};

// The streams of a schedule, most of them short, and one that reads a long prompt beside them.
std::vector<Stream> StreamsAlone(const Device& device, const SyntheticModel& model, const PipelineOptions& options) {
  Pipeline alone(device, model, options);
  std::vector<Stream> streams(kNumStreams);
  for (uint32_t i = 0; i < kNumStreams; ++i) {
    Stream& stream = streams[i];
    stream.tokens = SyntheticTokens(i == 0 ? 120 : 1 + i % 7, model.model().vocab_size, 100 + i);
    stream.rows = alone.Feed(0, stream.tokens, 1);
    stream.state = alone.Export(0);
    stream.slots[0] = 2 * i;
    stream.slots[1] = 2 * i + 1;
  }
  return streams;
}

// One random schedule of all streams.
class Schedule {
 public:
  Schedule(Pipeline& pipeline, const SyntheticModel& model, std::vector<Stream> streams, uint32_t seed)
      : pipeline_(pipeline), vocab_size_(model.model().vocab_size), streams_(std::move(streams)), random_(seed) {}

  void Run() {
    while (std::any_of(streams_.begin(), streams_.end(), [](const Stream& stream) { return stream.left() > 0; })) {
      ASSERT_NO_FATAL_FAILURE(Step());
    }
    for (const Stream& stream : streams_) {
      ASSERT_EQ(Bits(pipeline_.Export(stream.read_slot())), Bits(stream.state)) << "stream " << Index(stream);
    }
  }

 private:
  size_t Index(const Stream& stream) const { return static_cast<size_t>(&stream - streams_.data()); }
  uint32_t Below(uint32_t bound) { return random_() % bound; }

  // Adds the next tokens of a stream to the step.
  void Add(Stream& stream, uint32_t most_tokens) {
    const size_t most = std::min<size_t>(stream.left(), most_tokens);
    const size_t count = Below(3) == 0 ? most : 1 + Below(static_cast<uint32_t>(most));
    const auto first = stream.tokens.begin() + static_cast<ptrdiff_t>(stream.position);
    entries_.push_back({.read_slot = stream.read_slot(),
                        .write_slot = stream.write_slot(),
                        .tokens = {first, first + static_cast<ptrdiff_t>(count)},
                        .output_start = Below(static_cast<uint32_t>(count))});
    members_.push_back(&stream);
  }

  void AddFailing() {
    entries_.push_back({.read_slot = SKEIN_SLOT_INITIAL, .write_slot = SKEIN_SLOT_NONE, .tokens = {vocab_size_}});
    members_.push_back(nullptr);
  }

  void Step() {
    entries_.clear();
    members_.clear();
    std::vector<Stream*> order;
    for (Stream& stream : streams_) {
      if (stream.left() > 0) order.push_back(&stream);
    }
    std::shuffle(order.begin(), order.end(), random_);
    const uint32_t num_members =
        Below(3) == 0 ? static_cast<uint32_t>(order.size()) : 1 + Below(static_cast<uint32_t>(order.size()));
    for (uint32_t i = 0; i < num_members; ++i) {
      if (Below(8) == 0) AddFailing();
      Add(*order[i], order[i] == streams_.data() ? 100 : 8);
    }
    ASSERT_EQ(pipeline_.Step(entries_), SKEIN_OK) << pipeline_.message();
    for (size_t i = 0; i < entries_.size(); ++i) ASSERT_NO_FATAL_FAILURE(Check(entries_[i], members_[i]));
  }

  void Check(const Entry& entry, Stream* stream) {
    if (stream == nullptr) {
      ASSERT_EQ(entry.status, SKEIN_INVALID_ARGUMENT);
      return;
    }
    ASSERT_EQ(entry.status, SKEIN_OK);
    const auto begin =
        stream->rows.begin() + static_cast<ptrdiff_t>((stream->position + entry.output_start) * vocab_size_);
    const std::vector<float> expected(begin, begin + static_cast<ptrdiff_t>(entry.rows.size()));
    ASSERT_EQ(Bits(entry.rows), Bits(expected)) << "stream " << Index(*stream) << " from token " << stream->position
                                                << " on, in a step of " << entries_.size() << " entries";
    stream->position += entry.tokens.size();
    ++stream->num_steps;
  }

  Pipeline& pipeline_;
  const uint32_t vocab_size_;
  std::vector<Stream> streams_;
  std::mt19937 random_;
  std::vector<Entry> entries_;
  std::vector<Stream*> members_;  // of the entries; nullptr: one that fails
};

class Determinism : public ModelConformance {
 protected:
  // In all types of `compute_types` that the device computes with. NONE counts as one.
  void ExpectTheSameBits(const SyntheticModel& model, std::initializer_list<uint32_t> compute_types) {
    const skein_backend_device info = plugin_.DeviceInfo();
    for (const uint32_t type : compute_types) {
      if (type != SKEIN_DTYPE_NONE && (info.compute_types >> type & 1) == 0) continue;
      const bool is_promised = (info.deterministic_types >> type & 1) != 0;
      if (!is_promised && (info.features & SKEIN_FEATURE_DETERMINISTIC) == 0) continue;
      SCOPED_TRACE("compute type " + std::to_string(type));
      const PipelineOptions options = {.cuts = {},
                                       .compute_type = type,
                                       .flags = is_promised ? 0 : SKEIN_SEGMENT_DETERMINISTIC,
                                       .num_slots = 2 * kNumStreams,
                                       .max_tokens = 640,
                                       .max_entries = 2 * kNumStreams};
      const std::vector<Stream> streams = StreamsAlone(device_, model, options);
      Pipeline together(device_, model, options);
      for (uint32_t seed = 0; seed < 2; ++seed) {
        ASSERT_NO_FATAL_FAILURE(Schedule(together, model, streams, seed).Run());
      }
    }
  }
};

TEST_P(Determinism, FloatModelsGiveTheSameBitsAloneAndInAnySchedule) {
  ExpectTheSameBits(model_, {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16});
}

TEST_P(Determinism, QuantisedModelsGiveTheSameBitsAloneAndInAnySchedule) {
  const uint32_t types = plugin_.DeviceInfo().weight_types;
  if ((types >> SKEIN_DTYPE_Q8 & types >> SKEIN_DTYPE_Q4 & 1) == 0) GTEST_SKIP() << "the device takes no such types";
  for (const auto& mixture : kMixtures) {
    ASSERT_NO_FATAL_FAILURE(
        ExpectTheSameBits(Quantised(shape(), mixture), {SKEIN_DTYPE_NONE, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}));
  }
}

// Wide enough for what a backend does with many rows alone.
std::vector<SyntheticShape> ShapesWithWideOnes() {
  std::vector<SyntheticShape> shapes = AllShapes();
  const std::vector<uint32_t> types = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16};
  // clang-format off
  shapes.insert(shapes.end(), {
      {"Rwkv4Wide", 4, 0, 1, 320, 320, 0, 1088, 200, 0, 0, 0, 0, 0, types},
      {"Rwkv6Wide", 6, 0, 1, 384, 384, 64, 1344, 200, 32, 64, 0, 0, 0, types},
      {"Rwkv7Wide", 7, 0, 2, 512, 512, 64, 2048, 200, 0, 64, 64, 32, 128, types},
  });
  // clang-format on
  return shapes;
}

INSTANTIATE_TEST_SUITE_P(Models, Determinism,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(ShapesWithWideOnes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
