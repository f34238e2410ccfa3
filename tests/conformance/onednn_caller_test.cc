// The onednn backend on a thread of a host that uses OpenMP and its own floating-point modes: it finds everything as it
// left it.
#include <gtest/gtest.h>

#include <cfenv>
#include <string>
#include <vector>

#include "onednn/caller_environment.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {
namespace {

std::string OnednnPath() { return std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so"; }

SyntheticShape Small(uint32_t matrix_type) {
  return {.name = "Small",
          .num_layers = 1,
          .d_model = 64,
          .head_size = 64,
          .d_ffn = 256,
          .vocab_size = 40,
          .rank_decay = 8,
          .rank_iclr = 8,
          .rank_value = 1,
          .rank_gate = 8,
          .matrix_types = {matrix_type}};
}

TEST(OnednnCaller, KeepsItsOpenMpThreadsAndFloatingPointModes) {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  const int omp_threads_before = omp_get_max_threads();
  omp_set_num_threads(7);
#endif
  const int rounding_before = std::fegetround();
  std::fesetround(FE_UPWARD);
  std::feclearexcept(FE_ALL_EXCEPT);

  const SyntheticModel model(Small(SKEIN_DTYPE_F32));
  BackendPlugin plugin(OnednnPath());
  TestHost host(2);
  Device device(plugin, host);
  Pipeline pipeline(device, model);
  pipeline.Feed(0, SyntheticTokens(200, 40, 1), 200);

  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(rounding_before);
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  EXPECT_EQ(omp_get_max_threads(), 7);
  omp_set_num_threads(omp_threads_before);
#endif
}

#if defined(__x86_64__)
TEST(OnednnCaller, KeepsFlushToZeroAsItWas) {
  for (const unsigned mode : {0x0000u, 0x8040u}) {  // flush to zero and denormals are zero: both off, both on
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr((before & ~0x8040u) | mode);
    const SyntheticModel model(Small(SKEIN_DTYPE_BF16));
    BackendPlugin plugin(OnednnPath());
    TestHost host(1);
    Device device(plugin, host);
    Pipeline pipeline(device, model, {.cuts = {}, .compute_type = SKEIN_DTYPE_BF16});
    pipeline.Feed(0, SyntheticTokens(200, 40, 1), 200);
    EXPECT_EQ(__builtin_ia32_stmxcsr() & 0x8040u, mode);
    __builtin_ia32_ldmxcsr(before);
  }
}
#endif

}  // namespace
}  // namespace skein::conformance
