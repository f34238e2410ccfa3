// Tokenizers: text to token ids and back. A tokenizer is immutable, and any number of threads may use it.
#ifndef SKEIN_TOKENIZER_H_
#define SKEIN_TOKENIZER_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Loads a vocabulary file with the tokenizer plugin that recognises it; `path` "bytes" needs no file (id = byte value).
// `options` (kind SKEIN_OPTIONS_TOKENIZER) may be NULL.
//   kind  str  ""  plugin to use: "world", "bpe", "bytes"; "": by content
// NOT_FOUND: no such file. INVALID_ARGUMENT: no tokenizer plugin recognises it. DATA_LOSS: it is damaged; the message
// names the line.
SKEIN_API skein_status skein_tokenizer_load(skein_runtime runtime, const char* path, skein_options options,
                                            skein_tokenizer* tokenizer, skein_error* error);

// Gives the tokenizer of a model. NOT_FOUND: the model has none.
SKEIN_API skein_status skein_model_tokenizer(skein_model model, skein_tokenizer* tokenizer, skein_error* error);

SKEIN_API skein_status skein_tokenizer_release(skein_tokenizer tokenizer, skein_error* error);

typedef struct skein_tokenizer_info {
  uint32_t struct_size;
  uint32_t vocab_size;  // ids are below this
  char kind[64];        // "world", "bpe", "bytes"
} skein_tokenizer_info;

SKEIN_API skein_status skein_tokenizer_get_info(skein_tokenizer tokenizer, skein_tokenizer_info* info,
                                                skein_error* error);

// Encodes any bytes (valid UTF-8 or not) to ids. `text` may be NULL if `text_bytes` is 0. Sizes by the rules of base.h,
// counted in tokens; there are no more tokens than bytes, unless the vocabulary normalises text and makes it longer.
SKEIN_API skein_status skein_tokenizer_encode(skein_tokenizer tokenizer, const char* text, uint64_t text_bytes,
                                              skein_token* tokens, uint64_t capacity, uint64_t* count,
                                              skein_error* error);

// Decodes ids to bytes, which may end inside a UTF-8 sequence. INVALID_ARGUMENT: an id outside the vocabulary. Id 0,
// the end of text, decodes to nothing in vocabularies that have no text for it.
SKEIN_API skein_status skein_tokenizer_decode(skein_tokenizer tokenizer, const skein_token* tokens, uint64_t num_tokens,
                                              char* buffer, uint64_t capacity, uint64_t* size, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_TOKENIZER_H_
