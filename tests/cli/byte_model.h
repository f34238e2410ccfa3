// Models that write bytes without sense: what a conversation has to survive.
#ifndef SKEIN_TESTS_CLI_BYTE_MODEL_H_
#define SKEIN_TESTS_CLI_BYTE_MODEL_H_

#include <string>

#include "tests/cli/tool_process.h"

namespace skein {

struct ByteModel {
  std::string path;        // RWKV-7, .safetensors; its name says nothing of a template
  std::string vocabulary;  // of World's form: token 1 + b is the byte b, and no other token
};

// Says `byte` again and again.
ByteModel WriteByteModel(const TestFolder& folder, unsigned char byte);

// Says every byte with the same probability; its vocabulary is that of WriteByteModel.
ByteModel WriteNoiseModel(const TestFolder& folder);

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_BYTE_MODEL_H_
