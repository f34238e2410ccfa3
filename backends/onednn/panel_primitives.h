// oneDNN's part: some rows of activations by one panel of weights. Everything that knows the oneDNN API is here.
#ifndef SKEIN_BACKENDS_ONEDNN_PANEL_PRIMITIVES_H_
#define SKEIN_BACKENDS_ONEDNN_PANEL_PRIMITIVES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <unordered_map>

#include "host/host_memory.h"
#include "onednn/cpu.h"

namespace skein::onednn {

// One thread's primitives, for the widths of a model and a few row counts. The first primitive of a kind takes a
// millisecond to make. The same for another thread takes microseconds, because oneDNN keeps the code. To be made and
// run inside a CallerEnvironment.
class PanelPrimitives {
 public:
  enum class Type { kF32, kBf16 };  // of activations and panel; sums and results are float32

  // Row counts that have a primitive, from many to few.
  static constexpr std::array<uint32_t, 4> kRowCounts = {128, 64, 32, 16};
  static constexpr uint32_t kMaxRows = kRowCounts.front();

  // `num_inputs`: the widths. A width has no primitives where oneDNN fails or has only its reference loops.
  PanelPrimitives(const skein_host& host, Type type, std::span<const uint32_t> num_inputs);

  // Keeps oneDNN, in the whole process, from instructions above `tier`. Without effect once oneDNN has run anything.
  static void LimitTo(Tier tier);

  // Has oneDNN make, once in a process, the tables that it makes at first use and destroys when the process ends. The
  // host waits for running loads and steps when the process ends; its exit handler, registered after the device is
  // open, then runs before those that destroy the tables.
  static void PrepareLibrary();

  // Memory that an object takes from the host, found without making primitives.
  static uint64_t ScratchpadBytes(Type type, std::span<const uint32_t> num_inputs);

  // Whether products of this width can be run, at every one of kRowCounts.
  bool Has(uint32_t num_inputs) const { return primitives_.contains(num_inputs); }

  // tile [rows][64] = x [rows][num_inputs] by a panel (kernels/panel.h). `rows` is one of kRowCounts. False if oneDNN
  // failed.
  bool Run(uint32_t num_inputs, uint32_t rows, const void* x, const std::byte* panel, float* tile) noexcept;

 private:
  // A primitive with its arguments. Their addresses change from run to run.
  struct BoundPrimitive {
    dnnl::matmul primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };

  BoundPrimitive MakePrimitive(Type type, uint32_t num_inputs, uint32_t rows);

  dnnl::engine engine_;
  dnnl::stream stream_;
  kit::HostArray<std::byte> scratchpad_;
  std::map<uint32_t, std::array<BoundPrimitive, kRowCounts.size()>> primitives_;  // by num_inputs
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PANEL_PRIMITIVES_H_
