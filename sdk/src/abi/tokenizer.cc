// skein/tokenizer.h.
#include "skein/tokenizer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "absl/strings/str_cat.h"
#include "base/process_end.h"
#include "runtime/option_keys.h"
#include "runtime/worker.h"

namespace skein::abi {
namespace {

// A tokenizer that keeps its runtime alive, whose services its plugin has.
std::shared_ptr<const Tokenizer> Keep(std::shared_ptr<Runtime> runtime, std::shared_ptr<const Tokenizer> tokenizer) {
  using Kept = std::pair<std::shared_ptr<Runtime>, std::shared_ptr<const Tokenizer>>;  // the tokenizer goes first
  const auto kept = std::make_shared<const Kept>(std::move(runtime), std::move(tokenizer));
  return {kept, kept->second.get()};
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_tokenizer_load(skein_runtime runtime, const char* path, skein_options options,
                                            skein_tokenizer* tokenizer, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(tokenizer, "tokenizer"));
    *tokenizer = nullptr;
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_TOKENIZER));
    const std::string kind = (*values)[tokenizer_options::kKind];
    SKEIN_ASSIGN_OR_RETURN(auto loaded, object->LoadTokenizer(path, kind));
    SKEIN_ASSIGN_OR_RETURN(*tokenizer, Wrap<skein_tokenizer>(Keep(object, std::move(loaded))));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_model_tokenizer(skein_model model, skein_tokenizer* tokenizer, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(tokenizer, "tokenizer"));
    *tokenizer = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    if (object->tokenizer() == nullptr) {
      return absl::NotFoundError(absl::StrCat("the model has no tokenizer: ", object->tokenizer_absence()));
    }
    SKEIN_ASSIGN_OR_RETURN(*tokenizer, Wrap<skein_tokenizer>(Keep(object->runtime(), object->tokenizer())));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_tokenizer_release(skein_tokenizer tokenizer, skein_error* error) {
  return Guard(error, [&] { return Release(tokenizer).status(); });
}

SKEIN_API skein_status skein_tokenizer_get_info(skein_tokenizer tokenizer, skein_tokenizer_info* info,
                                                skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(tokenizer));
    skein_tokenizer_info filled = {};
    filled.vocab_size = object->vocab_size();
    CopyText(object->kind(), absl::MakeSpan(filled.kind));
    CopyText(OriginName(object->origin()), absl::MakeSpan(filled.origin));
    CopyText(object->where(), absl::MakeSpan(filled.path));
    return FillStruct(filled, info);
  });
}

SKEIN_API skein_status skein_tokenizer_encode(skein_tokenizer tokenizer, const char* text, uint64_t text_bytes,
                                              skein_token* tokens, uint64_t capacity, uint64_t* count,
                                              skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(tokenizer));
    if (text_bytes > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(text, "text"));
    SKEIN_ASSIGN_OR_RETURN(const std::vector<uint32_t> ids, object->Encode({text, text_bytes}));
    SKEIN_ASSIGN_OR_RETURN(const BufferUse use, CheckBuffer(tokens, capacity, ids.size(), count, "tokens"));
    if (use == BufferUse::kWrite) std::copy(ids.begin(), ids.end(), tokens);
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_tokenizer_decode(skein_tokenizer tokenizer, const skein_token* tokens, uint64_t num_tokens,
                                              char* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(tokenizer));
    if (num_tokens > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(tokens, "tokens"));
    SKEIN_ASSIGN_OR_RETURN(const std::string text, object->Decode({tokens, num_tokens}));
    return CopyToBuffer(text, buffer, capacity, size);
  });
}

}  // extern "C"

}  // namespace skein::abi
