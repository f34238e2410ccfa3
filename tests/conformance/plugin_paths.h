// Where the backend plugins lie that the tests run over.
#ifndef SKEIN_TESTS_CONFORMANCE_PLUGIN_PATHS_H_
#define SKEIN_TESTS_CONFORMANCE_PLUGIN_PATHS_H_

#include <string>
#include <vector>

namespace skein::conformance {

// The backend plugins to test: those named by the environment variable SKEIN_CONFORMANCE_PLUGIN, with colons between
// them, or all that were built and have a device on this machine.
std::vector<std::string> PluginPaths();
// The same and, unless the variable names others, the late backend of tests/support. It computes as the reference
// backend does, so the tests of numbers need not run on it.
std::vector<std::string> ContractPluginPaths();

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_PLUGIN_PATHS_H_
