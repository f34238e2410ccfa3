#include "chat/conversation.h"

#include <chrono>
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

class Timer {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The start of a conversation and the ends of its exchanges have names. So they are known in a stream that was saved.
std::string NameOfTurn(size_t number) { return "turn " + std::to_string(number); }
void NameTurn(const Stream& stream, size_t number) {
  Call(skein_stream_set_checkpoint, stream.get(), NameOfTurn(number).c_str());
}

Stream Fork(const Stream& stream) { return Make<Stream>(skein_stream_fork, stream.get()); }

Stream ForkAt(const Stream& stream, uint64_t position) {
  skein_stream copy = nullptr;
  uint64_t num_replayed = 0;
  Call(skein_stream_fork_at, stream.get(), position, &copy, &num_replayed);
  return Stream(copy);
}

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
        } catch (const Error& failure) {
          throw Failure(std::string(failure.what()) + "; --tokenizer FILE gives it one");
        }
      }()),
      chat_(ChatOptions(arguments)),
      sampling_(AnswerOptions(arguments)),
      seed_(arguments.Integer("seed").value_or(0)),
      streams_(arguments, model),
      branch_(NewBranch()) {
  try {
    Render({}, chat_);
  } catch (const Error& failure) {
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

Conversation::Branch Conversation::NewBranch() const {
  Branch branch = {.stream = streams_.Make(), .system_is_due = !system_.empty()};
  NameTurn(branch.stream, 0);
  return branch;
}

Generation Conversation::Answer(Exchange exchange, const Show& show) {
  Stream behind = ForkAt(branch_.stream, exchange.begin);
  const Stream answering = Fork(behind);
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

  std::vector<Message> messages = exchange.messages;
  messages.push_back({kAssistant, ""});
  const std::string silent = Render(messages, chat_);
  messages.back().text = opening + generation.texts[0].text;
  const std::string spoken = Render(messages, chat_);
  const bool was_said = spoken != silent;
  std::vector<Exchange> turns = branch_.turns;
  while (!turns.empty() && turns.back().begin >= exchange.begin) turns.pop_back();
  if (was_said) {
    Feed(behind.get(), spoken);
    exchange.id = ++num_exchanges_;
    turns.push_back(exchange);
    NameTurn(behind, turns.size());
  }
  branch_.stream = std::move(behind);
  branch_.turns = std::move(turns);
  branch_.was_answered = was_said;
  // A message that the exchange did not read is still to be read, also if an earlier try had read it.
  const Message& first = exchange.messages.front();
  if (first.role == kSystem && first.text == system_) branch_.system_is_due = !was_said;
  branch_.last = std::move(exchange);
  return generation;
}

Generation Conversation::Say(const std::string& text, const Show& show) {
  Exchange exchange;
  exchange.begin = position();
  if (branch_.system_is_due) exchange.messages.push_back({kSystem, system_});
  exchange.messages.push_back({kUser, text});
  return Answer(std::move(exchange), show);
}

Generation Conversation::Retry(const Show& show) {
  if (!branch_.last.has_value()) throw Failure("there is no message to answer again");
  ++branch_.last->num_retries;
  return Answer(*branch_.last, show);
}

Conversation::Cost Conversation::Undo(uint64_t count) {
  std::vector<Exchange>& turns = branch_.turns;
  if (count > turns.size()) {
    throw Failure("exchanges to take back: found " + std::to_string(turns.size()) + ", expected at least " +
                  std::to_string(count));
  }
  const Timer timer;
  const auto first = turns.end() - static_cast<std::ptrdiff_t>(count);
  Cost cost;
  Call(skein_stream_truncate, branch_.stream.get(), first->begin, &cost.num_replayed);
  for (auto undone = first; undone != turns.end(); ++undone) {
    if (undone->messages.empty()) continue;
    const Message& message = undone->messages.front();
    if (message.role == kSystem && message.text == system_) branch_.system_is_due = true;
  }
  turns.erase(first, turns.end());
  branch_.last.reset();
  branch_.was_answered = !turns.empty();
  if (!turns.empty() && !turns.back().messages.empty()) branch_.last = turns.back();
  cost.milliseconds = timer.milliseconds();
  return cost;
}

Conversation::Cost Conversation::UndoForEdit() {
  if (branch_.was_answered) return Undo(1);
  if (!branch_.last.has_value()) throw Failure("there is no message to edit");
  return Cost();
}

Conversation::Cost Conversation::GoToBranch(const std::string& name) {
  if (name == name_) throw Failure("this is the branch " + name);
  const Timer timer;
  const auto found = others_.find(name);
  Branch next;
  if (found != others_.end()) {
    next = std::move(found->second);
    others_.erase(found);
  } else {
    next = {Fork(branch_.stream), branch_.turns, branch_.last, branch_.was_answered, branch_.system_is_due};
  }
  others_[name_] = std::exchange(branch_, std::move(next));
  name_ = name;
  Cost cost;
  cost.milliseconds = timer.milliseconds();
  return cost;
}

std::string Conversation::NewBranchName() const {
  for (size_t number = others_.size() + 2;; ++number) {
    std::string name = std::to_string(number);
    if (name != name_ && others_.count(name) == 0) return name;
  }
}

std::vector<TreeTurn> Conversation::TurnsOf(const Branch& branch) const {
  std::vector<TreeTurn> turns;
  for (size_t i = 0; i < branch.turns.size(); ++i) {
    const uint64_t begin = branch.turns[i].begin;
    auto tokens = Read<std::vector<skein_token>>(skein_stream_tokens, branch.stream.get(), begin);
    if (i + 1 < branch.turns.size()) tokens.resize(branch.turns[i + 1].begin - begin);
    turns.push_back({branch.turns[i].id, Read<std::string>(skein_tokenizer_decode, tokenizer_.get(), tokens.data(),
                                                           static_cast<uint64_t>(tokens.size()))});
  }
  return turns;
}

std::string Conversation::Tree() const {
  std::vector<TreeBranch> branches;
  for (const auto& [name, branch] : others_) branches.push_back({name, false, TurnsOf(branch)});
  branches.push_back({name_, true, TurnsOf(branch_)});
  return FormatTurnTree(branches);
}

std::vector<Conversation::Exchange> Conversation::FindTurns(skein_stream stream) {
  skein_error error = {};
  uint64_t begin = 0;  // a name at position 0 has no state and is not saved
  skein_stream_find_checkpoint(stream, NameOfTurn(0).c_str(), &begin, &error);
  std::vector<Exchange> turns;
  uint64_t end = 0;
  while (skein_stream_find_checkpoint(stream, NameOfTurn(turns.size() + 1).c_str(), &end, &error) == SKEIN_OK) {
    Exchange& turn = turns.emplace_back();
    turn.id = ++num_exchanges_;
    turn.begin = begin;
    begin = end;
  }
  return turns;
}

void Conversation::Reset() { branch_ = NewBranch(); }

void Conversation::SetSystem(const std::string& text) {
  system_ = text;
  branch_.system_is_due = !system_.empty();
}

void Conversation::SetThinking(const std::string& thinking) {
  CallOptions changed = ChatOptions(arguments_);
  changed.Set("think", thinking);
  Render({}, changed);
  chat_ = std::move(changed);
}

void Conversation::Save(const std::string& path) const {
  // With the names of the turns.
  Call(skein_stream_save, branch_.stream.get(), path.c_str(), uint32_t{SKEIN_SAVE_REPLACE | SKEIN_SAVE_PAST});
}

void Conversation::Load(const std::string& path) {
  const std::string snapshot = ReadInput(path);
  Stream restored = Make<Stream>(skein_stream_create, model_, nullptr);
  try {
    Call(skein_stream_restore, restored.get(), static_cast<const void*>(snapshot.data()),
         static_cast<uint64_t>(snapshot.size()));
  } catch (const Error& failure) {
    throw Failure(path + ": " + failure.what());
  }
  Branch loaded = {.stream = std::move(restored)};
  loaded.turns = FindTurns(loaded.stream.get());
  loaded.was_answered = !loaded.turns.empty();
  if (loaded.turns.empty()) NameTurn(loaded.stream, 0);
  branch_ = std::move(loaded);
}

uint64_t Conversation::position() const {
  uint64_t position = 0;
  Call(skein_stream_position, branch_.stream.get(), &position);
  return position;
}

}  // namespace skein::cli
