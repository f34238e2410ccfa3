// Tokenizers: text to token ids and back. A tokenizer is immutable, and any number of threads may use it.
#ifndef SKEIN_TOKENIZER_H_
#define SKEIN_TOKENIZER_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Loads a vocabulary file with the tokenizer plugin that recognises it. Two names need no file, and come before files
// called so: "world", the World vocabulary in the box (also by its full name, "rwkv_vocab_v20230424"), and "bytes",
// where the id of a token is its byte. `path` may also be a model, whose tokenizer is then the one that
// skein_model_load would give it. `options` (kind SKEIN_OPTIONS_TOKENIZER) may be NULL.
//   kind  str  ""  plugin to use: "world", "bpe", "bytes"; "": by content
// Files: World vocabularies (lines `id literal length`, or line n as the Python literal of token n), and tokenizer.json
// with a byte-level BPE. A byte order mark in front is skipped.
// NOT_FOUND: no such file, or a model without a vocabulary. INVALID_ARGUMENT: no tokenizer plugin recognises it.
// DATA_LOSS: it is damaged; the message names the line.
SKEIN_API skein_status skein_tokenizer_load(skein_runtime runtime, const char* path, skein_options options,
                                            skein_tokenizer* tokenizer, skein_error* error);

// Gives the tokenizer of a model. NOT_FOUND: the model has none; the message says why, and what to do.
SKEIN_API skein_status skein_model_tokenizer(skein_model model, skein_tokenizer* tokenizer, skein_error* error);

// Releases the handle. A tokenizer keeps its runtime alive, and outlives its model.
SKEIN_API skein_status skein_tokenizer_release(skein_tokenizer tokenizer, skein_error* error);

// A tokenizer, and where its vocabulary comes from.
typedef struct skein_tokenizer_info {
  uint32_t struct_size;
  uint32_t vocab_size;  // ids are below this
  char kind[64];        // "world", "bpe", "bytes"
  // How the vocabulary was chosen: "given" by the host; "model", it is in the model's file; "beside", it is a file
  // beside the model; "box", a plugin carries it, and the number of the model's rows told which.
  char origin[16];
  char path[512];  // of the vocabulary, or of the model that holds it; or the name of a vocabulary that needs no file
} skein_tokenizer_info;

// Fills `info`. INVALID_ARGUMENT: `info->struct_size` is 0.
SKEIN_API skein_status skein_tokenizer_get_info(skein_tokenizer tokenizer, skein_tokenizer_info* info,
                                                skein_error* error);

// Encodes any bytes (valid UTF-8 or not) to ids. `text` may be NULL if `text_bytes` is 0. Sizes by the rules of base.h,
// counted in tokens; there are no more tokens than bytes, unless the vocabulary normalises text and makes it longer.
SKEIN_API skein_status skein_tokenizer_encode(skein_tokenizer tokenizer, const char* text, uint64_t text_bytes,
                                              skein_token* tokens, uint64_t capacity, uint64_t* count,
                                              skein_error* error);

// Decodes ids to bytes, which may end inside a UTF-8 sequence. `tokens` may be NULL if `num_tokens` is 0. Buffer rules
// of base.h. INVALID_ARGUMENT: an id outside the vocabulary. Id 0, the end of text, decodes to nothing in vocabularies
// that have no text for it.
SKEIN_API skein_status skein_tokenizer_decode(skein_tokenizer tokenizer, const skein_token* tokens, uint64_t num_tokens,
                                              char* buffer, uint64_t capacity, uint64_t* size, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_TOKENIZER_H_
