// Conversations: messages as the text that a model was trained on, and the strings that end its turn.
//
// A template is known by name: "world" (RWKV World models), "g1" (the same with a think block; G0 and G1 models),
// "raven" (RWKV-4 Raven), "instruct" (one instruction, one response). A model has its template by one rule, whatever
// its container is. The first of these that tells counts:
//   1. the name of a template in the file, as in a package
//   2. a template text, in a GGUF file or beside a checkpoint, that speaks as Bob and Alice, or as Instruction and
//      Response
//   3. the name of the model (skein_model_info.name): "g1" for a part G0 or G1, with an edition behind it or without
//      (G1a, G0a3), in RWKV-7; "world" for World; "raven" for Raven in RWKV-4
//   4. a template text that speaks as User and Assistant: "g1" if it opens a think block by itself, else "world". A
//      text that only offers think blocks tells nothing of the model: llama.cpp writes one into every file
//   5. the vocabulary: "world" for World's, "raven" for another one in RWKV-4
// skein_model_info.chat_template gives the result, and skein_model_describe says by what it was decided.
//
// A conversation continues on a stream: render only the new messages. The stream must stand behind the last answer and
// the end of its turn. Messages are cleaned as in training: "\r\n" becomes "\n", a run of newlines becomes one, white
// space at both ends is removed, and an assistant's think block is left out.
//
// Whatever a request delivers can be given back as the assistant's text, joined as it came. The opening of a think
// block is part of the prompt, and so the text begins with the ">" that the block lacks; it is left out with the block.
// Models write NUL and bytes that are not UTF-8, and an answer that a limit or a cancel ends may end inside a
// character. In the assistant's text U+FFFD stands for each NUL and for each piece that is not UTF-8: one for a
// beginning of a character that does not go on, or that the text's end cuts, and one for any other byte. So prompts are
// UTF-8 without NUL.
#ifndef SKEIN_CHAT_H_
#define SKEIN_CHAT_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// One message of a conversation.
typedef struct skein_chat_message {
  const char* role;     // "system", "user" or "assistant"; NUL-terminated
  const char* text;     // UTF-8 without NUL; of the assistant: any bytes. May be NULL if text_bytes is 0
  uint64_t text_bytes;  // length of `text`
} skein_chat_message;

// Renders messages with the model's template. Each message becomes a turn with its end. If the last message is not the
// assistant's, the opening of the assistant's turn follows. `messages` is an array of `count` structs of `message_size`
// bytes each, a multiple of 8. `options` (kind SKEIN_OPTIONS_CHAT) may be NULL.
//   template  str  ""  name of the template; "": the model's
//   think     str  ""  "on": the answer begins with a think block; "off": with an empty one, so that the model answers
//                      at once; "none": no block is opened; "short", "long": as "on", with " (think a bit)" or " (think
//                      a lot)" behind the user's text that is to be answered, for which G1 models think less or more;
//                      "": as the template has it
// The text goes to (buffer, capacity, size) by the rules of base.h, and is UTF-8 without NUL. FAILED_PRECONDITION: the
// model has no template and none is named. INVALID_ARGUMENT: no such template, role or think block, or a text of system
// or user that is not UTF-8 without NUL.
SKEIN_API skein_status skein_model_chat_prompt(skein_model model, const void* messages, uint32_t message_size,
                                               uint32_t count, skein_options options, char* buffer, uint64_t capacity,
                                               uint64_t* size, skein_error* error);

// Sets a request's prompt to the text that skein_model_chat_prompt gives. Adds the strings that end the assistant's
// turn to its stops, so that the answer ends with the turn. `options` may be NULL. Fails with the same codes, and with
// FAILED_PRECONDITION if the model has no tokenizer or the request was submitted.
SKEIN_API skein_status skein_request_set_chat(skein_request request, const void* messages, uint32_t message_size,
                                              uint32_t count, skein_options options, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_CHAT_H_
