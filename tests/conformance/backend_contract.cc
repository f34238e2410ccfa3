#include "tests/conformance/backend_contract.h"

namespace skein::conformance {
std::vector<SyntheticShape> SmallShapes() {
  const std::vector<uint32_t> types = {SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16};
  // clang-format off
  return {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g
      {"Rwkv4", 4, 0, 2, 64, 96, 0, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv50", 5, 0, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv51", 5, 1, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv52", 5, 2, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv6", 6, 0, 2, 64, 96, 32, 96, 40, 4, 8, 0, 0, 0, types},
      {"Rwkv7", 7, 0, 2, 64, 64, 32, 96, 40, 0, 8, 8, 4, 12, types},
  };
  // clang-format on
}

namespace {

INSTANTIATE_TEST_SUITE_P(Backends, BackendContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
