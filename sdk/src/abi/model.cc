// skein/model.h.
#include "skein/model.h"

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "base/process_end.h"
#include "engine/load_model.h"
#include "files/describe.h"
#include "numbers/state_layout.h"
#include "runtime/model_tools.h"
#include "runtime/worker.h"
#include "serving/conversation.h"

namespace skein::abi {

extern "C" {

SKEIN_API skein_status skein_model_load(skein_runtime runtime, const char* path, skein_options options,
                                        skein_model* model, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(model, "model"));
    *model = nullptr;
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_MODEL));
    SKEIN_ASSIGN_OR_RETURN(auto loaded, LoadModel(object, path, *values));
    SKEIN_ASSIGN_OR_RETURN(*model, Wrap<skein_model>(std::move(loaded)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_model_release(skein_model model, skein_error* error) {
  return Guard(error, [&] { return Release(model).status(); });
}

SKEIN_API skein_status skein_model_get_info(skein_model model, skein_model_info* info, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    const ModelConfig& config = object->config();
    skein_model_info filled = {};
    filled.generation = config.generation;
    filled.num_layers = config.num_layers;
    filled.d_model = config.d_model;
    filled.d_ffn = config.d_ffn;
    filled.vocab_size = config.vocab_size;
    filled.num_heads = config.num_heads;
    filled.head_size = config.head_size;
    filled.num_parameters = NumParameters(object->file());
    filled.weights_bytes = object->weights_bytes();
    filled.embedding_bytes = object->embedding_bytes();
    filled.num_state_floats = StateFloats(config);
    filled.has_tokenizer = object->tokenizer() != nullptr ? 1 : 0;
    filled.end_token = object->end_token().value_or(SKEIN_NO_TOKEN);
    CopyText(object->placement(), absl::MakeSpan(filled.device));
    CopyText(object->type(), absl::MakeSpan(filled.type));
    CopyText(object->metadata().name, absl::MakeSpan(filled.name));
    filled.variant = config.variant;
    filled.d_att = config.d_att;
    const ChatTemplate* chat_template = FindModelChatTemplate(*object);
    if (chat_template != nullptr) CopyText(chat_template->name, absl::MakeSpan(filled.chat_template));
    filled.trained_length = object->trained_length().value_or(0);
    return FillStruct(filled, info);
  });
}

SKEIN_API skein_status skein_model_convert(skein_runtime runtime, const char* in_path, const char* out_path,
                                           skein_options options, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(in_path, "in_path"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(out_path, "out_path"));
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_CONVERT));
    return ConvertModel(*object, in_path, out_path, *values);
  });
}

SKEIN_API skein_status skein_model_describe(skein_runtime runtime, const char* path, skein_options options,
                                            char* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(size, "size"));
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_DESCRIBE));
    SKEIN_ASSIGN_OR_RETURN(const std::string text, DescribeModel(*object, path, *values));
    return CopyToBuffer(text, buffer, capacity, size);
  });
}

}  // extern "C"

}  // namespace skein::abi
