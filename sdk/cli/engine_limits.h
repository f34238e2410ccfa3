// The limits inside the engine of a model, for people who wonder what they could set.
#ifndef SKEIN_CLI_ENGINE_LIMITS_H_
#define SKEIN_CLI_ENGINE_LIMITS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"

namespace skein::cli {

struct EngineLimit {
  std::string name;
  std::string option;  // of the model, which sets it
  uint64_t value = 0;
};

// Those of the models in a text of Runtime::Metrics.
std::vector<EngineLimit> ReadEngineLimits(std::string_view metrics);

// Those of a model that is loaded without options. They are asked of the library: a made-up model of two heads is
// loaded to the last device for it. Empty where no device runs it.
std::vector<EngineLimit> DefaultEngineLimits(const Runtime& runtime);

// A table with a heading.
std::string EngineLimitsText(const std::vector<EngineLimit>& limits);

}  // namespace skein::cli

#endif  // SKEIN_CLI_ENGINE_LIMITS_H_
