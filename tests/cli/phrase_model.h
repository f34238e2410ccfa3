// A model that says one sentence and then speaks for the user. So a test knows exactly where an answer must stop. Each
// token has one successor, whatever came before.
#ifndef SKEIN_TESTS_CLI_PHRASE_MODEL_H_
#define SKEIN_TESTS_CLI_PHRASE_MODEL_H_

#include <string>
#include <vector>

#include "tests/cli/still_model.h"
#include "tests/cli/tool_process.h"

namespace skein {

// After "Assistant:" it says " Peace be with you." or, a little less likely, " Grace be with you.", and then
// "\n\nUser: Amen." over and over; after a think block is opened, ">\nHm.</think>\n" and the same; after an empty one,
// ">" and the same.
struct PhraseModel {
  std::string path;        // RWKV-7, .safetensors
  std::string vocabulary;  // of World's form
};

PhraseModel WritePhraseModel(const TestFolder& folder);

// The same model for other containers.
std::vector<StillTensor> PhraseTensors();

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_PHRASE_MODEL_H_
