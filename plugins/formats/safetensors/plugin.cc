#include "skein/plugin.h"

#include "formats/safetensors/reader.h"
#include "support/boundary.h"
#include "support/format_plugin.h"

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::plugin::Answer(offer, answer, message, SKEIN_PLUGIN_FORMAT, "safetensors", SKEIN_PLUGIN_VERSION,
                               "safetensors files", &skein::plugin::kFormatTable<skein::formats::Safetensors>);
}
