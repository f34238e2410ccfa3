// PEFT's adapter_config.json: the settings, and the patterns in them on names of modules.
#include <cmath>
#include <cstdint>

#include "files/adapter/adapter_settings.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto settings = skein::ParseAdapterConfig({data, size});
  if (!settings.ok()) return 0;
  for (const char* module : {"base_model.model.blocks.10.att.key", "model.layers.0.attn.w_lora.lora.0", ""}) {
    (void)settings->CheckRank(module, 8);
    if (!settings->has_scale()) continue;
    const double scale = settings->ScaleOf(module, 8);
    skein::fuzz::Require(std::isfinite(scale) && scale > 0);
  }
  return 0;
}
