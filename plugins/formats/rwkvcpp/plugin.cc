#include "skein/plugin.h"

#include "formats/rwkvcpp/reader.h"
#include "support/boundary.h"
#include "support/format_plugin.h"

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::plugin::Answer(offer, answer, message, SKEIN_PLUGIN_FORMAT, "rwkvcpp", SKEIN_PLUGIN_VERSION,
                               "rwkv.cpp model files", &skein::plugin::kFormatTable<skein::formats::RwkvCpp>);
}
