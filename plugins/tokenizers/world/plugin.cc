#include "support/boundary.h"
#include "tokenizers/table.h"
#include "tokenizers/world/tokenizer.h"

extern "C" int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                      skein_message* message) {
  return skein::plugin::Answer(offer, answer, message, SKEIN_PLUGIN_TOKENIZER, "world", SKEIN_PLUGIN_VERSION,
                               "World models: the longest token that matches, on raw bytes",
                               &skein::plugin::TokenizerTable<skein::tokenizers::WorldTokenizer>::kTable);
}
