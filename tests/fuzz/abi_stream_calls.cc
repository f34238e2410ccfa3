// Calls of streams, queues and requests, and the table of all functions.
#include <atomic>
#include <cstring>
#include <limits>

#include "tests/fuzz/abi_call_checks.h"

namespace skein::fuzz {
namespace {

std::atomic<uint64_t> num_wakeups{0};
void Wake(void* argument) { ++*static_cast<std::atomic<uint64_t>*>(argument); }

}  // namespace

// --- streams ---

void AbiCalls::StreamCreate(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_STREAM);
  Make<skein_stream>(input, model.is_bad || options.is_bad, skein_stream_create, model.handle, options.handle);
}

void AbiCalls::StreamFork(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  Make<skein_stream>(input, stream.is_bad, skein_stream_fork, stream.handle);
}

void AbiCalls::StreamReset(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  Call(input, stream.is_bad, skein_stream_reset, stream.handle);
}

void AbiCalls::StreamPosition(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  uint64_t position = 0;
  const bool is_null = input.OneIn(16);
  Call(input, stream.is_bad || is_null, skein_stream_position, stream.handle, is_null ? nullptr : &position);
  if (position > uint64_t{1} << 63) Break("a position that wraps");
}

void AbiCalls::StreamSnapshot(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const bool has_flags = input.OneIn(2);
  const uint32_t flags = !has_flags || input.OneIn(2) ? 0 : input.OneIn(8) ? input.Below(8) : SKEIN_SAVE_PAST;
  const bool is_bad = stream.is_bad || (flags != 0 && flags != SKEIN_SAVE_PAST);
  const auto take = [=](skein_stream of, uint8_t* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
    if (has_flags) return skein_stream_snapshot_with(of, flags, buffer, capacity, size, error);
    return skein_stream_snapshot(of, buffer, capacity, size, error);
  };
  if (input.OneIn(2)) {
    Read<uint8_t>(input, is_bad, take, stream.handle);
    return;
  }
  snapshot_.resize(1 << 16);
  uint64_t size = 0;
  const skein_status status =
      Call(input, is_bad, take, stream.handle, snapshot_.data(), uint64_t{snapshot_.size()}, &size);
  snapshot_.resize(status == SKEIN_OK ? size : 0);
}

// The last snapshot, mostly as it was written.
void AbiCalls::StreamRestore(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  std::vector<uint8_t> bytes = snapshot_;
  if (input.OneIn(4)) bytes.resize(input.Number() % (bytes.size() + 64));
  for (uint32_t i = input.OneIn(2) ? input.Below(4) : 0; i > 0 && !bytes.empty(); --i) {
    bytes[input.Number() % bytes.size()] = input.Byte();
  }
  Call(input, stream.is_bad || bytes.empty(), skein_stream_restore, stream.handle,
       static_cast<const void*>(bytes.data()), uint64_t{bytes.size()});
}

void AbiCalls::StreamState(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  Read<float>(input, stream.is_bad, skein_stream_state, stream.handle);
}

// --- their past ---

void AbiCalls::StreamTokens(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const uint64_t begin = input.OneIn(8) ? input.Number() : input.Below(20);
  Read<skein_token>(input, stream.is_bad, skein_stream_tokens, stream.handle, begin);
}

void AbiCalls::StreamTruncate(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const uint64_t position = input.OneIn(8) ? input.Number() : input.Below(20);
  uint64_t replayed = 0;
  const bool is_null = input.OneIn(4);
  Call(input, stream.is_bad, skein_stream_truncate, stream.handle, position, is_null ? nullptr : &replayed);
  if (replayed > position) Break("more was read again than there is");
}

void AbiCalls::StreamForkAt(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const uint64_t position = input.OneIn(8) ? input.Number() : input.Below(20);
  uint64_t replayed = 0;
  Make<skein_stream>(
      input, stream.is_bad,
      [position, &replayed](skein_stream of, skein_stream* copy, skein_error* error) {
        return skein_stream_fork_at(of, position, copy, &replayed, error);
      },
      stream.handle);
  if (replayed > position) Break("more was read again than there is");
}

void AbiCalls::StreamCheckpoints(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const std::string name(input.Below(input.OneIn(8) ? 70 : 3), static_cast<char>('a' + input.Below(3)));
  const char* const given = input.OneIn(16) ? nullptr : name.c_str();
  uint64_t position = 0;
  Call(input, stream.is_bad || given == nullptr || name.empty(), skein_stream_set_checkpoint, stream.handle, given);
  Call(input, stream.is_bad || given == nullptr, skein_stream_find_checkpoint, stream.handle, given, &position);
  Read<skein_checkpoint>(
      input, stream.is_bad,
      [](skein_stream of, skein_checkpoint* checkpoints, uint64_t capacity, uint64_t* count, skein_error* error) {
        return skein_stream_checkpoints(of, checkpoints, sizeof(skein_checkpoint), capacity, count, error);
      },
      stream.handle);
}

void AbiCalls::Eval(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const uint32_t count = input.Below(4);
  const uint32_t item_size = input.OneIn(16) ? input.Below(sizeof(skein_eval_item) + 32)
                                             : uint32_t{sizeof(skein_eval_item)} + 8 * input.Below(3);
  std::vector<Tokens> tokens;
  std::vector<std::vector<float>> outputs;
  std::vector<uint8_t> items(size_t{count} * item_size + sizeof(skein_eval_item));
  bool is_bad = model.is_bad;
  for (uint32_t i = 0; i < count; ++i) {
    tokens.emplace_back(input);
    outputs.emplace_back(input.OneIn(8) ? input.Below(10) : 9 * 300);
  }
  for (uint32_t i = 0; i < count; ++i) {
    const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
    skein_eval_item item = {};
    item.stream = stream.handle;
    item.tokens = tokens[i].data();
    item.num_tokens = tokens[i].size;
    item.output = input.OneIn(16) ? nullptr : outputs[i].data();
    item.output_capacity = outputs[i].size();
    item.output_kind = input.OneIn(16) ? static_cast<uint32_t>(input.Number()) : input.Below(5);
    is_bad = is_bad || stream.is_bad || item.tokens == nullptr;
    std::memcpy(items.data() + size_t{i} * item_size, &item, std::min<size_t>(sizeof(item), item_size));
  }
  Call(input, is_bad && count > 0, skein_eval, model.handle, static_cast<void*>(items.data()), item_size, count);
}

void AbiCalls::Score(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const uint32_t count = input.Below(4);
  const uint32_t item_size = input.OneIn(16) ? input.Below(sizeof(skein_score_item) + 32)
                                             : uint32_t{sizeof(skein_score_item)} + 8 * input.Below(3);
  std::vector<Tokens> tokens;
  tokens.reserve(count);
  std::vector<Guarded> logprobs;
  std::vector<Guarded> tops;
  std::vector<uint8_t> items(size_t{count} * item_size + sizeof(skein_score_item));
  bool is_bad = model.is_bad;
  for (uint32_t i = 0; i < count; ++i) {
    tokens.emplace_back(input);
    const size_t num_tokens = tokens[i].ids.size();
    const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
    skein_score_item item = {};
    item.stream = stream.handle;
    item.tokens = tokens[i].data();
    item.num_tokens = tokens[i].size;
    item.num_top = input.OneIn(16) ? 65 : input.Below(4);
    item.priority = input.OneIn(16) ? -9 : static_cast<int32_t>(input.Below(17)) - 8;
    logprobs.emplace_back(num_tokens * sizeof(float));
    tops.emplace_back(num_tokens * item.num_top * sizeof(skein_logprob));
    item.logprobs = input.OneIn(4) ? nullptr : static_cast<float*>(logprobs[i].data());
    item.top = input.OneIn(16) ? nullptr : static_cast<skein_logprob*>(tops[i].data());
    is_bad = is_bad || stream.is_bad || item.tokens == nullptr || (item.num_top > 0 && item.top == nullptr);
    std::memcpy(items.data() + size_t{i} * item_size, &item, std::min<size_t>(sizeof(item), item_size));
  }
  Call(input, is_bad && count > 0, skein_score, model.handle, static_cast<void*>(items.data()), item_size, count);
  for (const Guarded& output : logprobs) {
    if (!output.AreGuardsUntouched()) Break("log-probabilities were written behind their room");
  }
  for (const Guarded& output : tops) {
    if (!output.AreGuardsUntouched()) Break("most probable tokens were written behind their room");
  }
}

void AbiCalls::Embed(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const Tokens tokens(input);
  const Bytes text(input, 20);
  std::vector<float> embedding(input.OneIn(8) ? input.Below(8) : 300);
  const bool has_stream = input.OneIn(2);
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  skein_embed_item item = {};
  if (has_stream) item.stream = stream.handle;
  if (input.OneIn(2)) {
    item.tokens = tokens.data();
    item.num_tokens = tokens.size;
  }
  item.text = text.data;
  item.text_bytes = text.size;
  item.embedding = input.OneIn(16) ? nullptr : embedding.data();
  item.capacity = embedding.size();
  item.pooling = input.Below(3);
  item.normalise = input.Below(2);
  item.priority = input.OneIn(16) ? 9 : static_cast<int32_t>(input.Below(17)) - 8;
  item.tenant = input.OneIn(2) ? nullptr : input.OneIn(2) ? "" : "a";
  const bool has_two_tenants = item.stream != nullptr && item.tenant != nullptr && *item.tenant != 0;
  const bool is_bad = model.is_bad || (item.stream != nullptr && stream.is_bad) || item.embedding == nullptr ||
                      item.pooling > SKEIN_POOLING_MEAN || item.priority > 8 || has_two_tenants;
  Call(input, is_bad, skein_embed, model.handle, static_cast<void*>(&item), uint32_t{sizeof(item)}, uint32_t{1});
}

// --- queues ---

void AbiCalls::QueueCreate(AbiInput& input) {
  const Picked<skein_runtime> runtime = handles_.Pick<skein_runtime>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_QUEUE);
  Make<skein_queue>(input, runtime.is_bad || options.is_bad, skein_queue_create, runtime.handle, options.handle);
}

void AbiCalls::CheckEvents(const std::vector<skein_event>& events, uint32_t count, uint64_t text_bytes) {
  for (uint32_t i = 0; i < count; ++i) {
    const skein_event& event = events[i];
    if (event.kind < SKEIN_EVENT_TOKEN || event.kind > SKEIN_EVENT_SAMPLE_DONE) Break("an event of no kind");
    if (event.text_offset > text_bytes || event.text_bytes > text_bytes - event.text_offset) {
      Break("an event's text lies outside the texts");
    }
    if (event.kind == SKEIN_EVENT_ERROR && event.status == SKEIN_OK) Break("an error without a status");
    const bool may_fail = event.kind == SKEIN_EVENT_ERROR || event.kind == SKEIN_EVENT_SAMPLE_DONE;
    if (!may_fail && event.status != SKEIN_OK) Break("only an error has a status");
  }
}

void AbiCalls::QueuePoll(AbiInput& input) {
  const Picked<skein_queue> queue = handles_.Pick<skein_queue>(input);
  const uint32_t event_size = input.OneIn(8) ? input.Below(200) : uint32_t{sizeof(skein_event)};
  const uint32_t capacity = input.OneIn(8) ? 0 : 1 + input.Below(8);
  const uint64_t text_capacity = input.OneIn(4) ? input.Below(4) : 4096;
  Guarded events(size_t{event_size} * capacity);
  Guarded text(text_capacity);
  uint32_t count = 0;
  uint64_t text_bytes = 0;
  const skein_status status = Call(input, queue.is_bad, skein_queue_poll, queue.handle, events.data(), event_size,
                                   capacity, static_cast<char*>(text.data()), text_capacity, &count, &text_bytes);
  if (!events.AreGuardsUntouched() || !text.AreGuardsUntouched()) Break("events were written behind their room");
  if (status != SKEIN_OK) return;
  if (count > capacity || text_bytes > text_capacity) Break("more events than there is room for");
  if (event_size != sizeof(skein_event)) return;
  std::vector<skein_event> copies(count);
  if (count > 0) std::memcpy(copies.data(), events.data(), count * sizeof(skein_event));
  CheckEvents(copies, count, text_bytes);
}

void AbiCalls::QueueWait(AbiInput& input) {
  const Picked<skein_queue> queue = handles_.Pick<skein_queue>(input);
  uint32_t ready = 0;
  Call(input, queue.is_bad, skein_queue_wait, queue.handle, int64_t{input.Below(3)}, &ready);
  if (ready > 1) Break("a queue that is neither ready nor not");
}

void AbiCalls::QueueFd(AbiInput& input) {
  const Picked<skein_queue> queue = handles_.Pick<skein_queue>(input);
  int32_t fd = -1;
  const bool is_null = input.OneIn(16);
  const skein_status status =
      Call(input, queue.is_bad || is_null, skein_queue_fd, queue.handle, is_null ? nullptr : &fd);
  if (status == SKEIN_OK && fd < 0) Break("a descriptor that is none");
}

void AbiCalls::QueueSetWakeup(AbiInput& input) {
  const Picked<skein_queue> queue = handles_.Pick<skein_queue>(input);
  const bool is_set = !input.OneIn(4);
  Call(input, queue.is_bad, skein_queue_set_wakeup, queue.handle, is_set ? Wake : nullptr,
       static_cast<void*>(&num_wakeups));
}

void AbiCalls::QueueSubmit(AbiInput& input) {
  const Picked<skein_queue> queue = handles_.Pick<skein_queue>(input);
  std::vector<skein_request> requests(input.OneIn(8) ? input.Below(4) : 1);
  bool is_bad = queue.is_bad;
  for (skein_request& request : requests) {
    const Picked<skein_request> picked = handles_.Pick<skein_request>(input);
    is_bad = is_bad || picked.is_bad;
    request = picked.handle;
  }
  if (input.OneIn(32)) {
    Call(input, true, skein_queue_submit, queue.handle, static_cast<const skein_request*>(nullptr),
         1 + static_cast<uint32_t>(input.Number() % UINT32_MAX));
    return;
  }
  Call(input, is_bad, skein_queue_submit, queue.handle, static_cast<const skein_request*>(requests.data()),
       static_cast<uint32_t>(requests.size()));
}

// --- requests ---

void AbiCalls::RequestCreate(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  Make<skein_request>(input, stream.is_bad, skein_request_create, stream.handle);
}

void AbiCalls::RequestSetPrompt(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const Bytes text(input, 100);
  Call(input, request.is_bad || (text.data == nullptr && text.size > 0), skein_request_set_prompt, request.handle,
       text.data, text.size);
}

void AbiCalls::RequestSetPromptTokens(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const Tokens tokens(input);
  Call(input, request.is_bad || (tokens.is_null && tokens.size > 0), skein_request_set_prompt_tokens, request.handle,
       tokens.data(), tokens.size);
}

void AbiCalls::RequestSetChat(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_CHAT);
  const Messages messages(input);
  Call(input, request.is_bad || options.is_bad || (messages.is_null && messages.count > 0), skein_request_set_chat,
       request.handle, messages.data(), messages.message_size, messages.count, options.handle);
}

void AbiCalls::RequestSetOptions(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_REQUEST);
  Call(input, request.is_bad || options.is_bad, skein_request_set_options, request.handle, options.handle);
}

void AbiCalls::RequestStops(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const Bytes text(input, 30);
  Call(input, request.is_bad || text.data == nullptr || text.size == 0, skein_request_add_stop, request.handle,
       text.data, text.size);
  const auto token = static_cast<skein_token>(input.Number());
  Call(input, request.is_bad, skein_request_add_stop_token, request.handle, token);
  const float bias = input.Of({0.0f, 1.0f, -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()});
  Call(input, request.is_bad || bias != bias, skein_request_set_logit_bias, request.handle, token, bias);
}

void AbiCalls::RequestSetUserData(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  Call(input, request.is_bad, skein_request_set_user_data, request.handle, input.Number());
}

void AbiCalls::RequestCancel(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  Call(input, request.is_bad, skein_request_cancel, request.handle);
}

void AbiCalls::RequestAcknowledge(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const uint64_t num_tokens = input.OneIn(4) ? input.Number() : input.Below(3);
  Call(input, request.is_bad, skein_request_acknowledge, request.handle, num_tokens);
}

void AbiCalls::RequestTakeSample(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const auto sample = static_cast<uint32_t>(input.OneIn(8) ? input.Number() : input.Below(3));
  Make<skein_stream>(input, request.is_bad, skein_request_take_sample, request.handle, sample);
}

void AbiCalls::RequestLogprobs(AbiInput& input) {
  const Picked<skein_request> request = handles_.Pick<skein_request>(input);
  const uint32_t sample = input.OneIn(4) ? input.Below(3) : SKEIN_SAMPLE_PROMPT;
  const uint64_t first = input.OneIn(4) ? input.Number() : 0;
  const uint64_t num_tokens = input.OneIn(2) ? input.Number() : 0;
  Read<skein_logprob>(input, request.is_bad, skein_request_logprobs, request.handle, sample, first, num_tokens);
}

// --- prefixes, and files of streams ---

// Of few names, so that some files are there and some of them are snapshots.
std::string AbiCalls::SavePath(AbiInput& input) const {
  return files_.folder + input.Of({"/a.state", "/b.state", "/a.skein", "/none/c.state", "/\xFF.state", ""});
}

void AbiCalls::StreamSave(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const uint32_t flags = input.OneIn(8) ? input.Byte() : SKEIN_SAVE_REPLACE;
  Call(input, stream.is_bad, skein_stream_save, stream.handle, SavePath(input).c_str(), flags);
}

void AbiCalls::StreamLoad(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  Call(input, stream.is_bad, skein_stream_load, stream.handle, SavePath(input).c_str());
}

void AbiCalls::PrefixCreate(AbiInput& input) {
  const Picked<skein_stream> stream = handles_.Pick<skein_stream>(input);
  const std::string name = input.OneIn(8) ? std::string(128, 'a') : input.Of({"", "a", "\xC3\xA4\n", "\xFF"});
  const bool is_bad = stream.is_bad || name.size() > 127 || name == "\xFF";
  const char* provenance = input.OneIn(2) ? nullptr : "a text";
  Make<skein_prefix>(input, is_bad, skein_prefix_create, stream.handle, name.c_str(), provenance);
}

void AbiCalls::PrefixStart(AbiInput& input) {
  const Picked<skein_prefix> prefix = handles_.Pick<skein_prefix>(input);
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_STREAM);
  Make<skein_stream>(input, prefix.is_bad || options.is_bad, skein_prefix_start, prefix.handle, options.handle);
}

void AbiCalls::PrefixGetInfo(AbiInput& input) {
  const Picked<skein_prefix> prefix = handles_.Pick<skein_prefix>(input);
  Fill<skein_prefix_info>(input, prefix.is_bad, skein_prefix_get_info, prefix.handle);
}

void AbiCalls::PrefixProvenance(AbiInput& input) {
  const Picked<skein_prefix> prefix = handles_.Pick<skein_prefix>(input);
  Read<char>(input, prefix.is_bad, skein_prefix_provenance, prefix.handle);
}

void AbiCalls::PrefixSave(AbiInput& input) {
  const Picked<skein_prefix> prefix = handles_.Pick<skein_prefix>(input);
  const uint32_t flags = input.OneIn(8) ? input.Byte() : SKEIN_SAVE_REPLACE;
  Call(input, prefix.is_bad, skein_prefix_save, prefix.handle, SavePath(input).c_str(), flags);
}

void AbiCalls::PrefixLoad(AbiInput& input) {
  const Picked<skein_model> model = handles_.Pick<skein_model>(input);
  const std::string path = SavePath(input);
  Make<skein_prefix>(input, model.is_bad, skein_prefix_load, model.handle, path.c_str());
}

void AbiCalls::SnapshotDescribe(AbiInput& input) {
  const Picked<skein_options> options = Options(input, SKEIN_OPTIONS_DESCRIBE);
  const std::string path = SavePath(input);
  Read<char>(input, options.is_bad, skein_snapshot_describe, path.c_str(), options.handle);
}

// --- the table ---

struct AbiCalls::Row {
  const char* functions;  // that it calls, separated by spaces
  Method method;
  uint32_t weight;  // how often it is chosen
};

const std::vector<AbiCalls::Row>& AbiCalls::Rows() {
  static const std::vector<Row> rows = {
      {"skein_runtime_create", &AbiCalls::RuntimeCreate, 1},
      {"skein_runtime_release", &AbiCalls::Release<skein_runtime>, 1},
      {"skein_runtime_load_plugin", &AbiCalls::RuntimeLoadPlugin, 1},
      {"skein_runtime_plugin_count skein_runtime_plugin_info", &AbiCalls::RuntimePlugins, 2},
      {"skein_runtime_device_count skein_runtime_device_info", &AbiCalls::RuntimeDevices, 2},
      {"skein_runtime_poll_log", &AbiCalls::RuntimePollLog, 4},
      {"skein_runtime_metrics", &AbiCalls::RuntimeMetrics, 1},
      {"skein_runtime_progress", &AbiCalls::RuntimeProgress, 1},
      {"skein_options_create", &AbiCalls::OptionsCreate, 3},
      {"skein_options_release", &AbiCalls::Release<skein_options>, 2},
      {"skein_options_set_i64 skein_options_set_f64 skein_options_set_str", &AbiCalls::OptionsSet, 6},
      {"skein_options_key_count skein_options_key_info", &AbiCalls::OptionsKeys, 1},
      {"skein_model_load", &AbiCalls::ModelLoad, 2},
      {"skein_model_release", &AbiCalls::Release<skein_model>, 1},
      {"skein_model_get_info", &AbiCalls::ModelGetInfo, 4},
      {"skein_model_get_load", &AbiCalls::ModelGetLoad, 3},
      {"skein_model_set_tenant", &AbiCalls::ModelSetTenant, 3},
      {"skein_model_describe", &AbiCalls::ModelDescribe, 1},
      {"skein_model_convert", &AbiCalls::ModelConvert, 1},
      {"skein_model_chat_prompt", &AbiCalls::ModelChatPrompt, 8},
      {"skein_model_tokenizer", &AbiCalls::ModelTokenizer, 2},
      {"skein_tokenizer_load", &AbiCalls::TokenizerLoad, 2},
      {"skein_tokenizer_release", &AbiCalls::Release<skein_tokenizer>, 2},
      {"skein_tokenizer_get_info", &AbiCalls::TokenizerGetInfo, 3},
      {"skein_tokenizer_encode", &AbiCalls::TokenizerEncode, 8},
      {"skein_tokenizer_decode", &AbiCalls::TokenizerDecode, 8},
      {"skein_stream_create", &AbiCalls::StreamCreate, 8},
      {"skein_stream_release", &AbiCalls::Release<skein_stream>, 6},
      {"skein_stream_fork", &AbiCalls::StreamFork, 6},
      {"skein_stream_reset", &AbiCalls::StreamReset, 4},
      {"skein_stream_position", &AbiCalls::StreamPosition, 6},
      {"skein_stream_snapshot skein_stream_snapshot_with", &AbiCalls::StreamSnapshot, 6},
      {"skein_stream_restore", &AbiCalls::StreamRestore, 6},
      {"skein_stream_state", &AbiCalls::StreamState, 4},
      {"skein_stream_save", &AbiCalls::StreamSave, 2},
      {"skein_stream_load", &AbiCalls::StreamLoad, 2},
      {"skein_prefix_create", &AbiCalls::PrefixCreate, 4},
      {"skein_prefix_release", &AbiCalls::Release<skein_prefix>, 3},
      {"skein_prefix_start", &AbiCalls::PrefixStart, 4},
      {"skein_prefix_get_info", &AbiCalls::PrefixGetInfo, 2},
      {"skein_prefix_provenance", &AbiCalls::PrefixProvenance, 2},
      {"skein_prefix_save", &AbiCalls::PrefixSave, 2},
      {"skein_prefix_load", &AbiCalls::PrefixLoad, 2},
      {"skein_snapshot_describe", &AbiCalls::SnapshotDescribe, 2},
      {"skein_stream_tokens", &AbiCalls::StreamTokens, 6},
      {"skein_stream_truncate", &AbiCalls::StreamTruncate, 6},
      {"skein_stream_fork_at", &AbiCalls::StreamForkAt, 4},
      {"skein_stream_set_checkpoint skein_stream_find_checkpoint skein_stream_checkpoints",
       &AbiCalls::StreamCheckpoints, 6},
      {"skein_eval", &AbiCalls::Eval, 12},
      {"skein_score", &AbiCalls::Score, 8},
      {"skein_embed", &AbiCalls::Embed, 6},
      {"skein_queue_create", &AbiCalls::QueueCreate, 3},
      {"skein_queue_release", &AbiCalls::Release<skein_queue>, 1},
      {"skein_queue_poll", &AbiCalls::QueuePoll, 16},
      {"skein_queue_wait", &AbiCalls::QueueWait, 4},
      {"skein_queue_fd", &AbiCalls::QueueFd, 2},
      {"skein_queue_set_wakeup", &AbiCalls::QueueSetWakeup, 3},
      {"skein_queue_submit", &AbiCalls::QueueSubmit, 16},
      {"skein_request_create", &AbiCalls::RequestCreate, 12},
      {"skein_request_release", &AbiCalls::Release<skein_request>, 8},
      {"skein_request_set_prompt", &AbiCalls::RequestSetPrompt, 10},
      {"skein_request_set_prompt_tokens", &AbiCalls::RequestSetPromptTokens, 10},
      {"skein_request_set_chat", &AbiCalls::RequestSetChat, 6},
      {"skein_request_set_options", &AbiCalls::RequestSetOptions, 10},
      {"skein_request_add_stop skein_request_add_stop_token skein_request_set_logit_bias", &AbiCalls::RequestStops, 4},
      {"skein_request_set_user_data", &AbiCalls::RequestSetUserData, 3},
      {"skein_request_cancel", &AbiCalls::RequestCancel, 4},
      {"skein_request_acknowledge", &AbiCalls::RequestAcknowledge, 6},
      {"skein_request_take_sample", &AbiCalls::RequestTakeSample, 12},
      {"skein_request_logprobs", &AbiCalls::RequestLogprobs, 16},
      {"skein_version skein_status_name", &AbiCalls::Constants, 1},
  };
  return rows;
}

std::string AbiCalls::CallOne(AbiInput& input, std::string* name) {
  static const std::vector<const Row*> choices = [] {
    std::vector<const Row*> all;
    for (const Row& row : Rows()) all.insert(all.end(), row.weight, &row);
    return all;
  }();
  const Row& row = *choices[input.Below(static_cast<uint32_t>(choices.size()))];
  current_ = row.functions;
  if (name != nullptr) *name = row.functions;
  (this->*row.method)(input);
  return broken_;
}

void AbiCalls::ReleaseAll(AbiInput& input) {
  constexpr Method kReleases[] = {&AbiCalls::Release<skein_runtime>, &AbiCalls::Release<skein_options>,
                                  &AbiCalls::Release<skein_model>,   &AbiCalls::Release<skein_tokenizer>,
                                  &AbiCalls::Release<skein_stream>,  &AbiCalls::Release<skein_queue>,
                                  &AbiCalls::Release<skein_request>, &AbiCalls::Release<skein_prefix>};
  const uint32_t first = input.Below(kNumKinds);
  for (uint32_t i = 0; i < kNumKinds; ++i) {
    for (uint32_t n = 0; n < 4 * kMaxLive; ++n) (this->*kReleases[(first + i) % kNumKinds])(input);
  }
}

std::vector<std::string> AbiCalls::FunctionsByRow() {
  std::vector<std::string> rows;
  for (const Row& row : Rows()) rows.emplace_back(row.functions);
  return rows;
}

std::vector<std::string> AbiCalls::Functions() {
  std::vector<std::string> names;
  for (const Row& row : Rows()) {
    std::string_view rest = row.functions;
    while (!rest.empty()) {
      const std::string_view name = rest.substr(0, rest.find(' '));
      names.emplace_back(name);
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
  }
  return names;
}

}  // namespace skein::fuzz
