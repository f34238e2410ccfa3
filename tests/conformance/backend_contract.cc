#include "tests/conformance/backend_contract.h"

#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

INSTANTIATE_TEST_SUITE_P(Backends, BackendContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
