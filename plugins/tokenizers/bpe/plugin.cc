#include "support/boundary.h"
#include "tokenizers/bpe/tokenizer.h"
#include "tokenizers/table.h"

extern "C" int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                      skein_message* message) {
  return skein::plugin::Answer(offer, answer, message, SKEIN_PLUGIN_TOKENIZER, "bpe", SKEIN_PLUGIN_VERSION,
                               "tokenizer.json with byte-level BPE, as GPT-NeoX and the RWKV-4 Pile models have it",
                               &skein::plugin::TokenizerTable<skein::tokenizers::BpeTokenizer>::kTable);
}
