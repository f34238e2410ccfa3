#include "support/boundary.h"
#include "tokenizers/bytes/tokenizer.h"
#include "tokenizers/table.h"

extern "C" int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                      skein_message* message) {
  return skein::plugin::Answer(offer, answer, message, SKEIN_PLUGIN_TOKENIZER, "bytes", SKEIN_PLUGIN_VERSION,
                               "byte-level models: the id of a token is its byte",
                               &skein::plugin::TokenizerTable<skein::tokenizers::BytesTokenizer>::kTable);
}
