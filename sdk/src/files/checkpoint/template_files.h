// The chat template in the files beside a checkpoint, as the transformers library writes them.
#ifndef SKEIN_FILES_CHECKPOINT_TEMPLATE_FILES_H_
#define SKEIN_FILES_CHECKPOINT_TEMPLATE_FILES_H_

#include <string>

#include "files/checkpoint/checkpoint.h"

namespace skein {

// The text of chat_template.jinja, or else under "chat_template" in chat_template.json or tokenizer_config.json. Where
// a file has several templates with names, the one that is named "default", or else the first. The text is UTF-8
// without NUL. "": there is none. Fails on nothing: the text is only a clue, and the model works without it. So a file
// that cannot be read counts as absent.
std::string ReadTemplateFiles(const Checkpoint& checkpoint);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_TEMPLATE_FILES_H_
