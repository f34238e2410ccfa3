// Calls of options, runtimes, models and tokenizers.
#include "tests/fuzz/abi_calls.h"

#include <cmath>
#include <cstring>

#include "base/utf8.h"
#include "tests/fuzz/abi_call_checks.h"

namespace skein::fuzz {

// --- what every answer is compared with ---

void AbiCalls::Break(const std::string& promise) {
  if (broken_.empty()) broken_ = promise;
}

void AbiCalls::CheckText(const char* what, const std::string& text) {
  if (!IsUtf8Text(text)) Break(std::string(what) + " is not UTF-8: " + EscapeText(text));
  if (text.find_first_of("\n\r\x1b") != std::string::npos)
    Break(std::string(what) + " is not one line: " + EscapeText(text));
}

void AbiCalls::CheckError(skein_status status, const skein_error& error) {
  if (error.code != status) Break("the error has another code than the call");
  if (error.message_bytes >= sizeof(error.message) || error.message[error.message_bytes] != '\0' ||
      std::strlen(error.message) != error.message_bytes) {
    Break("the message does not end where it says");
    return;
  }
  CheckText("a message", error.message);
  if ((status == SKEIN_OK) != (error.message_bytes == 0)) Break("only a failure has a message, and each has one");
  if (error.reserved != 0) Break("a reserved field is not 0");
}

// --- arguments ---

std::string AbiCalls::Path(AbiInput& input) const {
  constexpr const char* kPaths[] = {"synthetic:C=64,L=2,F=64,N=32,V=300",
                                    "synthetic:C=64,L=1,F=64,N=32,V=50",
                                    "synthetic:C=0,L=4294967295",
                                    "synthetic:C=18446744073709551615",
                                    "",
                                    "/",
                                    "/nonexistent/\xFF\n",
                                    "bytes",
                                    "/dev/null"};
  const uint32_t way = input.Below(8);
  if (way < 4) return kPaths[0];
  if (way == 4) return input.Of(kPaths);
  if (way == 5) return input.Text(600);
  return files_.models.empty() ? kPaths[1] : files_.models[input.Below(static_cast<uint32_t>(files_.models.size()))];
}

Picked<skein_options> AbiCalls::Options(AbiInput& input, uint32_t kind) {
  const uint32_t way = input.Below(8);
  if (way < 2) return {};
  if (way == 7) {
    Picked<skein_options> picked = handles_.Pick<skein_options>(input);
    picked.is_bad = picked.is_bad && picked.handle != nullptr;  // NULL is no options
    return picked;
  }
  skein_options options = nullptr;
  if (skein_options_create(kind, &options, nullptr) != SKEIN_OK) return {};
  for (uint32_t i = input.Below(4); i > 0; --i) SetOption(input, options, kind);
  // Cases that few choices would hit: requests that wait for their reader or have samples, runtimes without plugins.
  if (kind == SKEIN_OPTIONS_REQUEST && input.OneIn(2)) skein_options_set_i64(options, "window", 2, nullptr);
  if (kind == SKEIN_OPTIONS_REQUEST && input.OneIn(2)) skein_options_set_i64(options, "n", 2, nullptr);
  if (kind == SKEIN_OPTIONS_REQUEST && input.OneIn(2)) skein_options_set_i64(options, "prompt_logprobs", 2, nullptr);
  if (kind == SKEIN_OPTIONS_RUNTIME && input.OneIn(2)) skein_options_set_i64(options, "search", 0, nullptr);
  if (handles_.num_live<skein_options>() >= kMaxLive) Release<skein_options>(input);
  handles_.Add(options);
  return {options, false};
}

void AbiCalls::SetOption(AbiInput& input, skein_options options, uint32_t kind) {
  uint32_t num_keys = 0;
  skein_option_info info = {};
  info.struct_size = sizeof(info);
  if (skein_options_key_count(kind, &num_keys, nullptr) != SKEIN_OK || num_keys == 0) return;
  skein_options_key_info(kind, input.Below(num_keys), &info, nullptr);
  const std::string key = info.key;
  // Large values of these are allowed, and take their time.
  const bool is_costly =
      key == "threads" || key == "max_batch_streams" || key == "max_batch_tokens" || key == "max_tokens";
  switch (input.OneIn(16) ? input.Below(4) : info.type) {
    case SKEIN_OPTION_I64: {
      const int64_t value = is_costly ? int64_t{input.Below(6)} - 1 : static_cast<int64_t>(input.Number());
      Call(input, false, skein_options_set_i64, options, key.c_str(), value);
      break;
    }
    case SKEIN_OPTION_F64: {
      const double value = input.Of({0.0, 0.5, 1.0, -1.0, 1e300, std::nan(""), HUGE_VAL});
      Call(input, false, skein_options_set_f64, options, key.c_str(), is_costly ? 1.0 : value);
      break;
    }
    default: {
      std::string value = input.OneIn(4) ? input.Text(20) : input.Of(kTexts);
      // The library makes these, wherever they are.
      if (key == "trace") value = input.Of({"", "/dev/null", "/dev/full", "/dev/null/no/file"});
      if (key == "state_folder") value = input.Of({"", "/dev/null", "/dev/null/no/folder", "/proc"});
      Call(input, false, skein_options_set_str, options, key.c_str(), input.OneIn(32) ? nullptr : value.c_str());
    }
  }
}

// --- options and constants ---

void AbiCalls::OptionsCreate(AbiInput& input) {
  const uint32_t kind = input.OneIn(16) ? static_cast<uint32_t>(input.Number()) : 1 + input.Below(10);
  Make<skein_options>(input, kind == 0 || kind > 10, skein_options_create, kind);
}

void AbiCalls::OptionsSet(AbiInput& input) {
  const Picked<skein_options> options = handles_.Pick<skein_options>(input);
  if (options.is_bad) {
    Call(input, true, skein_options_set_i64, options.handle, "threads", int64_t{1});
    Call(input, true, skein_options_set_f64, options.handle, "top_p", 1.0);
    Call(input, true, skein_options_set_str, options.handle, "device", "cpu");
  } else {
    SetOption(input, options.handle, 1 + input.Below(10));
  }
}

void AbiCalls::OptionsKeys(AbiInput& input) {
  const uint32_t kind = 1 + input.Below(11);
  uint32_t count = 0;
  Call(input, kind > 10, skein_options_key_count, kind, &count);
  Call(input, true, skein_options_key_count, kind, static_cast<uint32_t*>(nullptr));
  const auto index = static_cast<uint32_t>(input.Number());
  Fill<skein_option_info>(input, index >= count, skein_options_key_info, kind, index);
}

void AbiCalls::Constants(AbiInput& input) {
  if (skein_version()[0] != '1') Break("another version");
  if (skein_status_name(static_cast<skein_status>(input.Number())) == nullptr) Break("a code's name is NULL");
}

// --- runtimes ---

void AbiCalls::RuntimeCreate(AbiInput& input) {
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_RUNTIME);
  Make<skein_runtime>(input, options.is_bad, skein_runtime_create, options.handle);
}

void AbiCalls::RuntimeLoadPlugin(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const std::string path = files_.plugins.empty() || input.OneIn(4)
                               ? Path(input)
                               : files_.plugins[input.Below(static_cast<uint32_t>(files_.plugins.size()))];
  const bool is_null = input.OneIn(32);
  Call(input, runtime.is_bad || is_null, skein_runtime_load_plugin, runtime.handle, is_null ? nullptr : path.c_str());
}

void AbiCalls::RuntimePlugins(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  uint32_t count = 0;
  Call(input, runtime.is_bad, skein_runtime_plugin_count, runtime.handle, &count);
  Fill<skein_plugin_info>(input, runtime.is_bad, skein_runtime_plugin_info, runtime.handle, input.Below(count + 2));
}

void AbiCalls::RuntimeDevices(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  uint32_t count = 0;
  Call(input, runtime.is_bad, skein_runtime_device_count, runtime.handle, &count);
  Fill<skein_device_info>(input, runtime.is_bad, skein_runtime_device_info, runtime.handle, input.Below(count + 2));
}

void AbiCalls::RuntimePollLog(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  std::string line(input.OneIn(4) ? input.Below(64) : 4097, '\0');
  uint64_t size = 0;
  uint32_t severity = 0;
  if (Call(input, runtime.is_bad, skein_runtime_poll_log, runtime.handle, line.data(), uint64_t{line.size()}, &size,
           &severity) == SKEIN_OK) {
    CheckText("a line of the log", line.substr(0, size));
    if (severity > SKEIN_LOG_ERROR) Break("a severity that is none");
  }
}

void AbiCalls::RuntimeMetrics(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  Read<char>(input, runtime.is_bad, skein_runtime_metrics, runtime.handle);
}

void AbiCalls::RuntimeProgress(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  Fill<skein_progress>(input, runtime.is_bad, skein_runtime_progress, runtime.handle);
}

// --- models and tokenizers ---

void AbiCalls::ModelLoad(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const std::string path = Path(input);
  // Every other model has a tokenizer, few streams, and lies on the device that loads fast.
  skein_options options = nullptr;
  skein_options_create(SKEIN_OPTIONS_MODEL, &options, nullptr);
  skein_options_set_i64(options, "max_batch_streams", 1 + input.Below(4), nullptr);
  skein_options_set_str(options, "device", input.OneIn(4) ? "cpu" : "reference", nullptr);
  if (!input.OneIn(2)) skein_options_set_str(options, "tokenizer", "bytes", nullptr);
  for (uint32_t i = input.Below(4); i > 1; --i) SetOption(input, options, SKEIN_OPTIONS_MODEL);
  Make<skein_model>(input, runtime.is_bad, skein_model_load, runtime.handle, path.c_str(), options);
  skein_options_release(options, nullptr);
}

void AbiCalls::ModelGetInfo(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  Fill<skein_model_info>(input, model.is_bad, skein_model_get_info, model.handle);
}

void AbiCalls::ModelGetLoad(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const char* name = input.OneIn(3) ? nullptr : input.Of({"", "a", "b", "no such tenant"});
  Fill<skein_load>(
      input, model.is_bad,
      [name](skein_model of, skein_load* load, skein_error* error) {
        return skein_model_get_load(of, name, load, error);
      },
      model.handle);
}

void AbiCalls::ModelSetTenant(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_TENANT);
  const std::string name = input.OneIn(8) ? std::string(256, 'a') : input.Of({"", "a", "b", "\xFF\n"});
  Call(input, model.is_bad || options.is_bad || name.size() > 255, skein_model_set_tenant, model.handle, name.c_str(),
       options.handle);
}

void AbiCalls::ModelDescribe(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_DESCRIBE);
  const std::string path = Path(input);
  Read<char>(input, runtime.is_bad || options.is_bad, skein_model_describe, runtime.handle, path.c_str(),
             options.handle);
}

void AbiCalls::ModelConvert(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_CONVERT);
  const std::string from = Path(input);
  const std::string to = files_.folder + input.Of({"/a.skein", "/b.safetensors", "/none/c.skein", "", "/\xFF.skein"});
  Call(input, runtime.is_bad || options.is_bad, skein_model_convert, runtime.handle, from.c_str(), to.c_str(),
       options.handle);
}

void AbiCalls::ModelChatPrompt(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_CHAT);
  const Messages messages(input);
  Read<char>(input, model.is_bad || options.is_bad || (messages.is_null && messages.count > 0), skein_model_chat_prompt,
             model.handle, messages.data(), messages.message_size, messages.count, options.handle);
}

void AbiCalls::TokenizerLoad(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_TOKENIZER);
  const std::string path = input.OneIn(2) ? Path(input) : "bytes";
  Make<skein_tokenizer>(input, runtime.is_bad || options.is_bad, skein_tokenizer_load, runtime.handle, path.c_str(),
                        options.handle);
}

void AbiCalls::ModelTokenizer(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  Make<skein_tokenizer>(input, model.is_bad, skein_model_tokenizer, model.handle);
}

void AbiCalls::TokenizerGetInfo(AbiInput& input) {
  const Picked<skein_tokenizer> tokenizer = handles_.Pick<skein_tokenizer>(input);
  Fill<skein_tokenizer_info>(input, tokenizer.is_bad, skein_tokenizer_get_info, tokenizer.handle);
}

void AbiCalls::TokenizerEncode(AbiInput& input) {
  const Picked<skein_tokenizer> tokenizer = handles_.Pick<skein_tokenizer>(input);
  const Bytes text(input, 300);
  Read<skein_token>(input, tokenizer.is_bad || (text.data == nullptr && text.size > 0), skein_tokenizer_encode,
                    tokenizer.handle, text.data, text.size);
}

void AbiCalls::TokenizerDecode(AbiInput& input) {
  const Picked<skein_tokenizer> tokenizer = handles_.Pick<skein_tokenizer>(input);
  const Tokens tokens(input);
  Read<char>(input, tokenizer.is_bad || (tokens.is_null && tokens.size > 0), skein_tokenizer_decode, tokenizer.handle,
             tokens.data(), tokens.size);
}

}  // namespace skein::fuzz
