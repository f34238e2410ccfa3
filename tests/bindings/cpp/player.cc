#include "cpp/player.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "cpp/transcript.h"

namespace scenario {
namespace {

std::vector<skein::ChatMessage> MessagesFrom(const Step& step, size_t begin) {
  std::vector<skein::ChatMessage> messages;
  for (size_t i = begin; i < step.size(); i += 2) messages.push_back({step.at(i), step.at(i + 1)});
  return messages;
}

uint32_t SaveFlags(const Step& step) {
  uint32_t flags = 0;
  for (size_t i = 2; i < step.size(); ++i) flags |= step.at(i) == "past" ? SKEIN_SAVE_PAST : SKEIN_SAVE_REPLACE;
  return flags;
}

std::string Presence(const std::string& text, const std::string& word) {
  return text.find(word) == std::string::npos ? "absent" : "present";
}

uint32_t SampleOf(const std::string& word) {
  return word == "prompt" ? SKEIN_SAMPLE_PROMPT : static_cast<uint32_t>(std::stoul(word));
}

uint32_t OutputKind(const std::string& name) {
  const std::vector<std::string> names = {"none", "last_logits", "all_logits", "last_hidden", "all_hidden"};
  return static_cast<uint32_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::vector<float> LogprobsOf(const std::vector<skein_logprob>& rows) {
  std::vector<float> logprobs;
  for (const skein_logprob& row : rows) logprobs.push_back(row.logprob);
  return logprobs;
}

std::vector<uint32_t> TokensOf(const std::vector<skein_logprob>& rows) {
  std::vector<uint32_t> tokens;
  for (const skein_logprob& row : rows) tokens.push_back(row.token);
  return tokens;
}

void ReplaceAll(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

Player::Player(std::string program, std::string model, std::string scenario, std::string folder)
    : program_(std::move(program)),
      model_(std::move(model)),
      scenario_(std::move(scenario)),
      folder_(std::move(folder)),
      places_{{"$MODEL", model_}, {"$TEMP", folder_}} {}

bool Player::Play(const std::string& line) {
  if (line.empty() || line[0] == '#') return true;
  std::printf("> %s\n", line.c_str());
  if (line.rfind("error ", 0) == 0) return PlayFailing(line);
  try {
    PlayStep(Step(line, places_));
  } catch (const skein::Error& error) {
    std::printf("! %s %s\n", error.code_name(), Shortened(error.what()).c_str());
    return false;
  }
  return true;
}

bool Player::PlayFailing(const std::string& line) {
  const size_t status_end = line.find(' ', 6);
  const std::string expected = line.substr(6, status_end - 6);
  try {
    PlayStep(Step(line.substr(status_end + 1), places_));
  } catch (const skein::Error& error) {
    const bool own_message = error.code() == SKEIN_INVALID_HANDLE;
    Print(own_message ? error.code_name() : error.code_name() + (" " + Shortened(error.what())));
    return error.code_name() == expected;
  }
  std::printf("! OK, expected %s\n", expected.c_str());
  return false;
}

void Player::PlayStep(const Step& step) {
  const bool known = PlayLibrary(step) || PlayRuntime(step) || PlayModel(step) || PlayTokenizer(step) ||
                     PlayStream(step) || PlayPast(step) || PlayPrefix(step) || PlayRequest(step) || PlayPrompt(step) ||
                     PlayQueue(step) || PlayEvals(step);
  if (!known) throw std::runtime_error("unknown verb " + step.verb());
}

void Player::Print(const std::string& line) const { std::printf("  %s\n", line.c_str()); }

std::string Player::Shortened(const char* message) const {
  std::string text = message;
  ReplaceAll(text, folder_, "$TEMP");
  ReplaceAll(text, model_, "$MODEL");
  return ShowText(text);
}

template <typename T>
T& Player::Get(const Step& step, size_t i) {
  const auto found = objects_.find(step.at(i));
  if (found == objects_.end() || !std::holds_alternative<T>(found->second)) {
    throw std::runtime_error(step.verb() + ": no such object: " + step.at(i));
  }
  return std::get<T>(found->second);
}

Player::Tokens Player::TokensAt(const Step& step, size_t i) {
  const std::string& word = step.at(i);
  if (!word.empty() && (word[0] < '0' || word[0] > '9')) return Get<Tokens>(step, i);
  Tokens tokens;
  for (size_t at = 0; at < word.size();) {
    size_t length = 0;
    tokens.push_back(static_cast<skein::Token>(std::stoul(word.substr(at), &length)));
    at += length + 1;
  }
  return tokens;
}

template <typename Options>
Options Player::OptionsOf(const Step& step) const {
  return Options(step.options());
}

bool Player::PlayLibrary(const Step& step) {
  if (step.verb() == "version") {
    Print(ShowText(skein_version()));
  } else if (step.verb() == "status_name") {
    Print(ShowText(skein_status_name(static_cast<skein_status>(step.Integer(0)))));
  } else if (step.verb() == "options_keys") {
    for (const skein_option_info& key : skein::OptionKeys(static_cast<uint32_t>(step.Integer(0)))) {
      Print(
          Join({key.key, ShowNumber(key.type), ShowText(key.default_value), Show(key.min_value), Show(key.max_value)}));
    }
  } else if (step.verb() == "snapshot_describe") {
    Print(Presence(skein::DescribeSnapshot(step.at(0), OptionsOf<skein::DescribeOptions>(step)), step.at(1)));
  } else if (step.verb() == "bytes") {
    const auto* data = reinterpret_cast<const std::byte*>(step.at(1).data());
    Put(step, Bytes(data, data + step.at(1).size()));
  } else if (step.verb() == "release") {
    Release(step);
  } else if (step.verb() == "child") {
    PlayChild(step.at(0));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayRuntime(const Step& step) {
  if (step.verb() == "runtime_create") {
    Put(step, skein::Runtime(OptionsOf<skein::RuntimeOptions>(step)));
    return true;
  }
  if (step.verb().rfind("runtime_", 0) != 0) return false;
  const skein::Runtime& runtime = Get<skein::Runtime>(step, 0);
  if (step.verb() == "runtime_load_plugin") {
    runtime.LoadPlugin(step.at(1));
  } else if (step.verb() == "runtime_plugin") {
    for (const skein_plugin_info& plugin : runtime.Plugins()) {
      if (plugin.id == step.at(1))
        Print(Join({ShowNumber(plugin.kind), ShowNumber(plugin.loaded), ShowNumber(plugin.abi)}));
    }
  } else if (step.verb() == "runtime_device") {
    for (const skein_device_info& device : runtime.Devices()) {
      if (device.name != step.at(1)) continue;
      Print(Join({ShowText(device.plugin_id), ShowNumber(device.generations), ShowNumber(device.weight_types)}));
    }
  } else if (step.verb() == "runtime_poll_log") {
    bool any = false;
    while (runtime.PollLog()) any = true;
    Print(any ? "lines" : "none");
  } else if (step.verb() == "runtime_metrics") {
    Print(Presence(runtime.Metrics(), step.at(1)));
  } else if (step.verb() == "runtime_progress") {
    const skein_progress progress = runtime.Progress();
    Print(Join({ShowNumber(progress.active), ShowText(progress.what)}));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayModel(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "model_load") {
    Put(step, skein::Model(Get<skein::Runtime>(step, 1), step.at(2), OptionsOf<skein::ModelOptions>(step)));
  } else if (verb == "model_get_info") {
    const skein_model_info info = Get<skein::Model>(step, 0).Info();
    Print(Join({ShowNumber(info.generation), ShowNumber(info.num_layers), ShowNumber(info.d_model),
                ShowNumber(info.d_ffn), ShowNumber(info.vocab_size), ShowNumber(info.num_heads),
                ShowNumber(info.head_size), ShowNumber(info.num_parameters), ShowNumber(info.num_state_floats),
                ShowNumber(info.has_tokenizer), ShowNumber(info.end_token)}));
    Print(Join({ShowText(info.device), ShowText(info.type), ShowText(info.name), ShowText(info.chat_template)}));
  } else if (verb == "model_describe") {
    const auto options = OptionsOf<skein::DescribeOptions>(step);
    Print(Presence(Get<skein::Runtime>(step, 0).Describe(step.at(1), options), step.at(2)));
  } else if (verb == "model_convert") {
    Get<skein::Runtime>(step, 0).Convert(step.at(1), step.at(2), OptionsOf<skein::ConvertOptions>(step));
  } else if (verb == "model_chat_prompt") {
    const auto options = OptionsOf<skein::ChatOptions>(step);
    Print(ShowText(Get<skein::Model>(step, 0).ChatPrompt(MessagesFrom(step, 1), options)));
  } else if (verb == "model_set_tenant") {
    Get<skein::Model>(step, 0).SetTenant(step.at(1), OptionsOf<skein::TenantOptions>(step));
  } else if (verb == "model_get_load") {
    const skein::Model& model = Get<skein::Model>(step, 0);
    const skein_load load = step.size() > 1 ? model.Load(step.at(1)) : model.Load();
    Print(Join({ShowNumber(load.num_streams), ShowNumber(load.max_streams), ShowNumber(load.num_waiting),
                ShowNumber(load.num_running), ShowNumber(load.queued_tokens), Show(load.weight)}));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayTokenizer(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "tokenizer_load") {
    const auto options = OptionsOf<skein::TokenizerOptions>(step);
    Put(step, skein::Tokenizer(Get<skein::Runtime>(step, 1), step.at(2), options));
  } else if (verb == "model_tokenizer") {
    Put(step, Get<skein::Model>(step, 1).GetTokenizer());
  } else if (verb == "tokenizer_get_info") {
    const skein_tokenizer_info info = Get<skein::Tokenizer>(step, 0).Info();
    Print(Join({ShowNumber(info.vocab_size), ShowText(info.kind), ShowText(info.origin)}));
  } else if (verb == "tokenizer_encode") {
    Tokens tokens = Get<skein::Tokenizer>(step, 1).Encode(step.at(2));
    Print(Show(tokens));
    Put(step, std::move(tokens));
  } else if (verb == "tokenizer_decode") {
    Print(ShowText(Get<skein::Tokenizer>(step, 0).Decode(TokensAt(step, 1))));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayStream(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "stream_create") {
    Put(step, skein::Stream(Get<skein::Model>(step, 1), OptionsOf<skein::StreamOptions>(step)));
  } else if (verb == "stream_reset") {
    Get<skein::Stream>(step, 0).Reset();
  } else if (verb == "stream_fork") {
    Put(step, Get<skein::Stream>(step, 1).Fork());
  } else if (verb == "stream_position") {
    Print(ShowNumber(Get<skein::Stream>(step, 0).Position()));
  } else if (verb == "stream_snapshot") {
    Put(step, Get<skein::Stream>(step, 1).Snapshot());
  } else if (verb == "stream_snapshot_with") {
    Put(step, Get<skein::Stream>(step, 1).Snapshot(SaveFlags(step)));
  } else if (verb == "stream_restore") {
    Get<skein::Stream>(step, 0).Restore(Get<Bytes>(step, 1));
  } else if (verb == "stream_save") {
    Get<skein::Stream>(step, 0).Save(step.at(1), SaveFlags(step));
  } else if (verb == "stream_load") {
    Get<skein::Stream>(step, 0).Load(step.at(1));
  } else if (verb == "stream_state") {
    Print(Show(Get<skein::Stream>(step, 0).State()));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayPast(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "stream_tokens") {
    Print(Show(Get<skein::Stream>(step, 0).Tokens(static_cast<uint64_t>(step.Integer(1)))));
  } else if (verb == "stream_truncate") {
    Print(ShowNumber(Get<skein::Stream>(step, 0).Truncate(static_cast<uint64_t>(step.Integer(1)))));
  } else if (verb == "stream_fork_at") {
    uint64_t replayed = 0;
    Put(step, Get<skein::Stream>(step, 1).ForkAt(static_cast<uint64_t>(step.Integer(2)), &replayed));
    Print(ShowNumber(replayed));
  } else if (verb == "stream_set_checkpoint") {
    Get<skein::Stream>(step, 0).SetCheckpoint(step.at(1));
  } else if (verb == "stream_find_checkpoint") {
    Print(ShowNumber(Get<skein::Stream>(step, 0).FindCheckpoint(step.at(1))));
  } else if (verb == "stream_checkpoints") {
    for (const skein_checkpoint& place : Get<skein::Stream>(step, 0).Checkpoints()) {
      Print(Join({ShowNumber(place.position), ShowNumber(place.state_bytes), ShowText(place.name)}));
    }
  } else {
    return false;
  }
  return true;
}

bool Player::PlayPrefix(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "prefix_create") {
    Put(step, skein::Prefix(Get<skein::Stream>(step, 1), step.at(2), step.at(3)));
  } else if (verb == "prefix_load") {
    Put(step, skein::Prefix(Get<skein::Model>(step, 1), step.at(2)));
  } else if (verb == "prefix_start") {
    Put(step, Get<skein::Prefix>(step, 1).Start(OptionsOf<skein::StreamOptions>(step)));
  } else if (verb == "prefix_get_info") {
    const skein_prefix_info info = Get<skein::Prefix>(step, 0).Info();
    Print(Join(
        {ShowNumber(info.position), ShowNumber(info.state_bytes), ShowText(info.fingerprint), ShowText(info.name)}));
  } else if (verb == "prefix_provenance") {
    Print(ShowText(Get<skein::Prefix>(step, 0).Provenance()));
  } else if (verb == "prefix_save") {
    Get<skein::Prefix>(step, 0).Save(step.at(1), SaveFlags(step));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayRequest(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "request_create") {
    Put(step, skein::Request(Get<skein::Stream>(step, 1), OptionsOf<skein::RequestOptions>(step)));
  } else if (verb == "request_cancel") {
    Get<skein::Request>(step, 0).Cancel();
  } else if (verb == "request_acknowledge") {
    Get<skein::Request>(step, 0).Acknowledge(static_cast<uint64_t>(step.Integer(1)));
  } else if (verb == "request_logprobs") {
    const std::vector<skein_logprob> rows = Get<skein::Request>(step, 0).Logprobs(
        SampleOf(step.at(1)), static_cast<uint64_t>(step.Integer(2)), static_cast<uint64_t>(step.Integer(3)));
    Print(Show(TokensOf(rows)));
    Print(Show(LogprobsOf(rows)));
  } else if (verb == "request_take_sample") {
    Put(step, Get<skein::Request>(step, 1).TakeSample(SampleOf(step.at(2))));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayPrompt(const Step& step) {
  if (step.verb().rfind("request_", 0) != 0) return false;
  const skein::Request& request = Get<skein::Request>(step, 0);
  if (step.verb() == "request_set_prompt") {
    request.SetPrompt(step.at(1));
  } else if (step.verb() == "request_set_prompt_tokens") {
    request.SetPrompt(TokensAt(step, 1));
  } else if (step.verb() == "request_set_chat") {
    request.SetChat(MessagesFrom(step, 1), OptionsOf<skein::ChatOptions>(step));
  } else if (step.verb() == "request_add_stop") {
    request.AddStop(step.at(1));
  } else if (step.verb() == "request_add_stop_token") {
    request.AddStop(static_cast<skein::Token>(step.Integer(1)));
  } else if (step.verb() == "request_set_logit_bias") {
    request.SetLogitBias(static_cast<skein::Token>(step.Integer(1)), step.Real(2));
  } else if (step.verb() == "request_set_user_data") {
    request.SetUserData(static_cast<uint64_t>(step.Integer(1)));
  } else {
    return false;
  }
  return true;
}

bool Player::PlayQueue(const Step& step) {
  const std::string& verb = step.verb();
  if (verb == "queue_create") {
    Put(step, skein::Queue(Get<skein::Runtime>(step, 1)));
  } else if (verb == "queue_fd") {
    Print(Get<skein::Queue>(step, 0).Fd() >= 0 ? "open" : "none");
  } else if (verb == "queue_wait") {
    Print(Get<skein::Queue>(step, 0).Wait(std::chrono::milliseconds(step.Integer(1))) ? "1" : "0");
  } else if (verb == "queue_set_wakeup") {
    const bool on = step.at(1) == "on";
    Get<skein::Queue>(step, 0).SetWakeup(on ? [this] { ++num_wakeups_; } : std::function<void()>());
    if (!on) Print(num_wakeups_.exchange(0) > 0 ? "woken" : "silent");
  } else if (verb == "queue_submit") {
    Submit(step);
  } else if (verb == "queue_read") {
    Read(step);
  } else if (verb == "queue_drain") {
    Get<skein::Queue>(step, 0);
    Drain(step.at(0));
  } else if (verb == "complete") {
    Complete(step);
  } else {
    return false;
  }
  return true;
}

bool Player::PlayEvals(const Step& step) {
  if (step.verb() == "eval") {
    Eval(step);
  } else if (step.verb() == "score") {
    Score(step);
  } else if (step.verb() == "embed") {
    Embed(step);
  } else {
    return false;
  }
  return true;
}

void Player::Eval(const Step& step) {
  const skein::Model& model = Get<skein::Model>(step, 0);
  const uint32_t kind = OutputKind(step.at(1));
  const size_t count = (step.size() - 2) / 2;
  std::vector<Tokens> tokens(count);
  std::vector<std::vector<float>> outputs(count);
  std::vector<skein_eval_item> items(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = TokensAt(step, 3 + 2 * i);
    outputs[i].resize(skein::NumOutputs(model.Info(), kind, tokens[i].size()));
    items[i].stream = Get<skein::Stream>(step, 2 + 2 * i).get();
    items[i].tokens = tokens[i].data();
    items[i].num_tokens = tokens[i].size();
    items[i].output = outputs[i].data();
    items[i].output_capacity = outputs[i].size();
    items[i].output_kind = kind;
  }
  skein::Eval(model, items);
  for (const std::vector<float>& output : outputs) Print(Show(output));
}

void Player::Score(const Step& step) {
  const auto num_top = static_cast<uint32_t>(step.Integer(1));
  const size_t count = (step.size() - 2) / 2;
  std::vector<Tokens> tokens(count);
  std::vector<skein::Scores> scores(count);
  std::vector<skein_score_item> items(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = TokensAt(step, 3 + 2 * i);
    scores[i].logprobs.resize(tokens[i].size());
    scores[i].top.resize(tokens[i].size() * num_top);
    items[i].stream = Get<skein::Stream>(step, 2 + 2 * i).get();
    items[i].tokens = tokens[i].data();
    items[i].num_tokens = tokens[i].size();
    items[i].logprobs = scores[i].logprobs.data();
    items[i].top = scores[i].top.data();
    items[i].num_top = num_top;
  }
  skein::Score(Get<skein::Model>(step, 0), items);
  for (size_t i = 0; i < count; ++i) {
    Print(Join({ShowNumber(items[i].num_scored), Show(items[i].logprob), Show(scores[i].logprobs),
                Show(TokensOf(scores[i].top)), Show(LogprobsOf(scores[i].top))}));
  }
}

void Player::Embed(const Step& step) {
  const skein::Model& model = Get<skein::Model>(step, 0);
  const size_t count = (step.size() - 3) / 2;
  std::vector<Tokens> tokens(count);
  std::vector<std::vector<float>> embeddings(count, std::vector<float>(model.Info().d_model));
  std::vector<skein_embed_item> items(count);
  for (size_t i = 0; i < count; ++i) {
    const Word& input = step.word(4 + 2 * i);
    skein_embed_item& item = items[i];
    if (step.at(3 + 2 * i) != "-") item.stream = Get<skein::Stream>(step, 3 + 2 * i).get();
    if (!input.quoted) tokens[i] = TokensAt(step, 4 + 2 * i);
    item.tokens = input.quoted ? nullptr : tokens[i].data();
    item.num_tokens = tokens[i].size();
    item.text = input.text.data();
    item.text_bytes = input.quoted ? input.text.size() : 0;
    item.embedding = embeddings[i].data();
    item.capacity = embeddings[i].size();
    item.pooling = step.at(1) == "mean" ? SKEIN_POOLING_MEAN : SKEIN_POOLING_LAST;
    item.normalise = static_cast<uint32_t>(step.Integer(2));
  }
  skein::Embed(model, items);
  for (size_t i = 0; i < count; ++i) Print(Join({ShowNumber(items[i].num_read), Show(embeddings[i])}));
}

void Player::Submit(const Step& step) {
  std::vector<skein::Request> requests;  // lent for the call
  for (size_t i = 1; i < step.size(); ++i) requests.emplace_back(Get<skein::Request>(step, i).get());
  std::vector<Delivery> deliveries;
  for (size_t i = 1; i < step.size(); ++i) deliveries.emplace_back(step.at(i), requests[i - 1].get());
  try {
    Get<skein::Queue>(step, 0).SubmitAll(requests);
  } catch (const skein::Error&) {
    deliveries.clear();
    for (skein::Request& request : requests) request.Detach();
    throw;
  }
  for (skein::Request& request : requests) request.Detach();
  auto& kept = deliveries_[step.at(0)];
  kept.insert(kept.end(), deliveries.begin(), deliveries.end());
}

void Player::TakeEvent(const std::string& queue, const skein::Event& event) {
  for (Delivery& delivery : deliveries_[queue]) {
    if (delivery.request() == event.request) delivery.Take(event);
  }
}

void Player::Read(const Step& step) {
  const skein_request request = Get<skein::Request>(step, 1).get();
  skein::Queue& queue = Get<skein::Queue>(step, 0);
  std::vector<Delivery>& deliveries = deliveries_[step.at(0)];
  const auto wanted = std::find_if(deliveries.begin(), deliveries.end(),
                                   [&](const Delivery& delivery) { return delivery.request() == request; });
  const auto num_tokens = static_cast<uint64_t>(step.Integer(2));
  while (wanted->num_tokens() < num_tokens && !wanted->ended()) TakeEvent(step.at(0), *queue.Next());
}

void Player::Drain(const std::string& queue) {
  for (const skein::Event& event : std::get<skein::Queue>(objects_[queue])) TakeEvent(queue, event);
  for (const Delivery& delivery : deliveries_[queue]) {
    for (const std::string& line : delivery.Lines()) Print(line);
  }
  deliveries_[queue].clear();
}

void Player::Complete(const Step& step) {
  const skein::Request request(Get<skein::Stream>(step, 1), OptionsOf<skein::RequestOptions>(step));
  request.SetPrompt(step.at(2));
  Get<skein::Queue>(step, 0).Submit(request);
  deliveries_[step.at(0)].emplace_back("complete", request.get());
  Drain(step.at(0));
}

void Player::Release(const Step& step) {
  for (size_t i = 0; i < step.size(); ++i) {
    const auto found = objects_.find(step.at(i));
    if (found == objects_.end()) throw std::runtime_error("release: no such object: " + step.at(i));
    std::visit(
        [](auto& object) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(object)>, std::monostate> &&
                        !std::is_same_v<std::decay_t<decltype(object)>, Tokens> &&
                        !std::is_same_v<std::decay_t<decltype(object)>, Bytes>) {
            object.Close();
          }
        },
        found->second);
  }
}

void Player::PlayChild(const std::string& file) {
  const std::string scenario = scenario_.substr(0, scenario_.rfind('/') + 1) + file;
  const std::string command = "'" + program_ + "' '" + model_ + "' '" + scenario + "' '" + folder_ + "'";
  std::FILE* output = popen(command.c_str(), "r");
  if (output == nullptr) throw std::runtime_error("cannot start " + command);
  char line[65536];
  while (std::fgets(line, sizeof(line), output) != nullptr) std::printf("  %s", line);
  if (pclose(output) != 0) throw std::runtime_error(file + " failed");
}

}  // namespace scenario
