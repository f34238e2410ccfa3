#include "conversation.h"

#include <utility>

#include "input.h"
#include "output.h"

namespace skein::cli {
namespace {

// Long enough for thoughts and an essay. Short enough to notice a model that never ends its turn.
constexpr int64_t kDefaultMaxTokens = 4096;

constexpr char kSystem[] = "system";
constexpr char kUser[] = "user";
constexpr char kAssistant[] = "assistant";

constexpr std::string_view kWhiteSpace = " \t\r\n";

CallOptions ChatOptions(const Arguments& arguments) {
  CallOptions options(SKEIN_OPTIONS_CHAT);
  options.Pass(arguments, "template", "template");
  options.Pass(arguments, "think", "think");
  return options;
}

CallOptions AnswerOptions(const Arguments& arguments) {
  CallOptions options = SamplingOptions(arguments);
  if (!arguments.Has("tokens")) options.Set("max_tokens", kDefaultMaxTokens);
  return options;
}

Stream Fork(const Stream& stream) { return Make<Stream>(skein_stream_fork, stream.get()); }

// An answer on its way to the screen: see Conversation::Show.
class AnswerText {
 public:
  // `opening`: the text of the template at the start of the answer.
  AnswerText(std::string_view opening, const Conversation::Show& show) : show_(show) {
    // A block that lacks only its last character, which the model writes, counts as an empty one.
    is_closing_block_ = opening.ends_with("</think");
    if (!is_closing_block_) Add(opening);
  }

  void Add(std::string_view piece) {
    if (is_closing_block_ && !piece.empty()) {
      if (piece.front() == '>') piece.remove_prefix(1);
      is_closing_block_ = false;
    }
    for (const char c : piece) {
      if (kWhiteSpace.find(c) != std::string_view::npos) {
        if (has_begun_) held_.push_back(c);
      } else {
        ready_ += held_;
        held_.clear();
        ready_.push_back(c);
        has_begun_ = true;
      }
    }
    if (!ready_.empty()) show_(ready_);
    ready_.clear();
  }

 private:
  const Conversation::Show& show_;
  bool is_closing_block_ = false;
  bool has_begun_ = false;
  std::string held_;  // white space, which is shown if something follows
  std::string ready_;
};

}  // namespace

Conversation::Conversation(const Arguments& arguments, skein_runtime runtime, skein_model model)
    : arguments_(arguments),
      model_(model),
      queue_(Make<Queue>(skein_queue_create, runtime, nullptr)),
      tokenizer_([model] {
        try {
          return Make<Tokenizer>(skein_model_tokenizer, model);
        } catch (const Failure& failure) {
          throw Failure(std::string(failure.what()) + "; --tokenizer FILE gives it one");
        }
      }()),
      chat_(ChatOptions(arguments)),
      sampling_(AnswerOptions(arguments)),
      seed_(arguments.Integer("seed").value_or(0)),
      streams_(arguments, model),
      stream_(streams_.Make()) {
  try {
    Render({}, chat_);
  } catch (const Failure& failure) {
    if (failure.code() == SKEIN_INVALID_ARGUMENT) throw UsageError(std::string("chat: ") + failure.what());
    throw Failure(std::string(failure.what()) + " with --template");
  }
  SetSystem(arguments.Text("system").value_or(""));
}

std::vector<skein_chat_message> Conversation::View(const std::vector<Message>& messages) {
  std::vector<skein_chat_message> views;
  for (const Message& message : messages) {
    views.push_back({message.role.c_str(), message.text.data(), message.text.size()});
  }
  return views;
}

std::string Conversation::Render(const std::vector<Message>& messages, const CallOptions& options) const {
  const std::vector<skein_chat_message> views = View(messages);
  return Read<std::string>(skein_model_chat_prompt, model_, static_cast<const void*>(views.data()),
                           static_cast<uint32_t>(sizeof(skein_chat_message)), static_cast<uint32_t>(views.size()),
                           options.get());
}

std::string Conversation::Opening() const {
  CallOptions plain = ChatOptions(arguments_);
  plain.Set("think", std::string("none"));
  return Render({}, chat_).substr(Render({}, plain).size());
}

void Conversation::Feed(skein_stream stream, const std::string& text) const {
  // Some vocabularies encode newlines at the very end of a text in another way than in front of a word, where the next
  // turn will put them. So a letter is encoded with them, and left out.
  const std::string followed = text + "A";
  const auto encode = [&](const std::string& what) {
    return Read<std::vector<skein_token>>(skein_tokenizer_encode, tokenizer_.get(), what.data(),
                                          static_cast<uint64_t>(what.size()));
  };
  std::vector<skein_token> tokens = encode(followed);
  const skein_token* last = tokens.data() + tokens.size() - 1;
  if (Read<std::string>(skein_tokenizer_decode, tokenizer_.get(), last, uint64_t{1}) == "A") {
    tokens.pop_back();
  } else {
    tokens = encode(text);
  }
  skein_eval_item item = {.stream = stream,
                          .tokens = tokens.data(),
                          .num_tokens = tokens.size(),
                          .output = nullptr,
                          .output_capacity = 0,
                          .output_kind = SKEIN_OUTPUT_NONE,
                          .status = SKEIN_OK};
  Call(skein_eval, model_, static_cast<void*>(&item), static_cast<uint32_t>(sizeof(item)), uint32_t{1});
}

Generation Conversation::Answer(const Exchange& exchange, const Show& show) {
  const Stream answering = Fork(exchange.before);
  const auto request = Make<Request>(skein_request_create, answering.get());
  const std::vector<skein_chat_message> views = View(exchange.messages);
  Call(skein_request_set_chat, request.get(), static_cast<const void*>(views.data()),
       static_cast<uint32_t>(sizeof(skein_chat_message)), static_cast<uint32_t>(views.size()), chat_.get());
  sampling_.Set("seed", seed_ + exchange.num_retries);
  Call(skein_request_set_options, request.get(), sampling_.get());
  AddStops(arguments_, request.get());

  const std::string opening = Opening();
  AnswerText answer(opening, show);
  Generation generation =
      Generate(queue_.get(), request.get(), [&answer](std::string_view piece) { answer.Add(piece); });

  std::vector<Message> turns = exchange.messages;
  turns.push_back({kAssistant, ""});
  const std::string silent = Render(turns, chat_);
  turns.back().text = opening + generation.texts[0].text;
  const std::string spoken = Render(turns, chat_);
  const bool was_said = spoken != silent;
  Stream behind = Fork(exchange.before);
  if (was_said) Feed(behind.get(), spoken);
  stream_ = std::move(behind);
  was_answered_ = was_said;
  // A message that the exchange did not read is still to be read, also if an earlier try had read it.
  const Message& first = exchange.messages.front();
  if (first.role == kSystem && first.text == system_) system_is_due_ = !was_said;
  return generation;
}

Generation Conversation::Say(const std::string& text, const Show& show) {
  Exchange exchange = {Fork(stream_), {}, 0};
  if (system_is_due_) exchange.messages.push_back({kSystem, system_});
  exchange.messages.push_back({kUser, text});
  Generation generation = Answer(exchange, show);
  last_ = std::move(exchange);
  return generation;
}

Generation Conversation::Retry(const Show& show) {
  if (!last_.has_value()) throw Failure("there is no message to answer again");
  ++last_->num_retries;
  return Answer(*last_, show);
}

void Conversation::Reset() {
  stream_ = streams_.Make();
  last_.reset();
  system_is_due_ = !system_.empty();
}

void Conversation::SetSystem(const std::string& text) {
  system_ = text;
  system_is_due_ = !system_.empty();
}

void Conversation::SetThinking(const std::string& thinking) {
  CallOptions changed = ChatOptions(arguments_);
  changed.Set("think", thinking);
  Render({}, changed);
  chat_ = std::move(changed);
}

void Conversation::Save(const std::string& path) const {
  WriteWhole(path, Read<std::string>(skein_stream_snapshot, stream_.get()));
}

void Conversation::Load(const std::string& path) {
  const std::string snapshot = ReadInput(path);
  Stream restored = Make<Stream>(skein_stream_create, model_, nullptr);
  try {
    Call(skein_stream_restore, restored.get(), static_cast<const void*>(snapshot.data()),
         static_cast<uint64_t>(snapshot.size()));
  } catch (const Failure& failure) {
    throw Failure(path + ": " + failure.what());
  }
  stream_ = std::move(restored);
  last_.reset();
  system_is_due_ = false;
}

uint64_t Conversation::position() const {
  uint64_t position = 0;
  Call(skein_stream_position, stream_.get(), &position);
  return position;
}

}  // namespace skein::cli
