// The command line of cuda_check: one stage, the plugins, and how much of it there is time for.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_OPTIONS_H_
#define SKEIN_BACKENDS_CUDA_CHECK_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

namespace skein::check {

// How much a stage does: enough for a device that is a thousand times slower than a GPU, for two minutes of a GPU
// altogether, or for eight.
enum class Size { kToy, kQuick, kFull };

struct Options {
  std::string program;  // of this process, to run it again
  std::string stage;
  std::string name;       // of the stage in the report; "": its own
  std::string plugin;     // to check
  std::string reference;  // to compare with
  uint32_t device = 0;    // of the plugin
  double seconds = 60;    // after which the stage begins no new case
  Size size = Size::kFull;
  std::string only;  // cases whose name contains it
  std::string json;  // the file for the report; "": none
  // As measured on the card by cuda_roofs, in bytes and in multiplications and additions a second.
  std::optional<double> bandwidth;
  std::optional<double> matrix_rate;
};

// Throws std::invalid_argument with a message for the user.
Options ParseOptions(int argc, char** argv);

// The options as a command line, but for the stage's own case.
std::string CommandFor(const Options& options, const std::string& case_name);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_OPTIONS_H_
