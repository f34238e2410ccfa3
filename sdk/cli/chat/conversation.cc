#include "chat/conversation.h"

#include <chrono>
#include <span>
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

CallOptions<ChatOptions> TemplateOptions(const Arguments& arguments) {
  CallOptions<ChatOptions> options;
  options.Pass(arguments, "template", "template");
  options.Pass(arguments, "think", "think");
  return options;
}

CallOptions<RequestOptions> AnswerOptions(const Arguments& arguments) {
  CallOptions<RequestOptions> options = SamplingOptions(arguments);
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
void NameTurn(const Stream& stream, size_t number) { stream.SetCheckpoint(NameOfTurn(number)); }

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

Conversation::Conversation(const Arguments& arguments, const Runtime& runtime, const Model& model)
    : arguments_(arguments),
      model_(model),
      queue_(runtime),
      tokenizer_([&model] {
        try {
          return model.GetTokenizer();
        } catch (const Error& failure) {
          throw Failure(std::string(failure.what()) + "; --tokenizer FILE gives it one");
        }
      }()),
      chat_(TemplateOptions(arguments)),
      sampling_(AnswerOptions(arguments)),
      seed_(arguments.Integer("seed").value_or(0)),
      streams_(arguments, model),
      branch_(NewBranch()) {
  try {
    model_.ChatPrompt({}, chat_);
  } catch (const Error& failure) {
    if (failure.code() == SKEIN_INVALID_ARGUMENT) throw UsageError(std::string("chat: ") + failure.what());
    throw Failure(std::string(failure.what()) + " with --template");
  }
  SetSystem(arguments.Text("system").value_or(""));
}

std::string Conversation::Opening() const {
  CallOptions<ChatOptions> plain = TemplateOptions(arguments_);
  plain.Set("think", "none");
  return model_.ChatPrompt({}, chat_).substr(model_.ChatPrompt({}, plain).size());
}

void Conversation::Feed(const Stream& stream, const std::string& text) const {
  // Some vocabularies encode newlines at the very end of a text in another way than in front of a word, where the next
  // turn will put them. So a letter is encoded with them, and left out.
  std::vector<Token> tokens = tokenizer_.Encode(text + "A");
  if (tokenizer_.Decode(Span<const Token>(&tokens.back(), 1)) == "A") {
    tokens.pop_back();
  } else {
    tokens = tokenizer_.Encode(text);
  }
  Eval(model_, stream, tokens, SKEIN_OUTPUT_NONE);
}

Conversation::Branch Conversation::NewBranch() const {
  Branch branch = {.stream = streams_.Make(), .system_is_due = !system_.empty()};
  NameTurn(branch.stream, 0);
  return branch;
}

Generation Conversation::Answer(Exchange exchange, const Show& show) {
  Stream behind = branch_.stream.ForkAt(exchange.begin);
  const Stream answering = behind.Fork();
  const Request request(answering);
  request.SetChat(exchange.messages, chat_);
  sampling_.Set("seed", seed_ + exchange.num_retries);
  request.SetOptions(sampling_);
  AddStops(arguments_, request);

  const std::string opening = Opening();
  AnswerText answer(opening, show);
  Generation generation = Generate(queue_, request, [&answer](std::string_view piece) { answer.Add(piece); });

  std::vector<ChatMessage> messages = exchange.messages;
  messages.push_back({kAssistant, ""});
  const std::string silent = model_.ChatPrompt(messages, chat_);
  messages.back().text = opening + generation.texts[0].text;
  const std::string spoken = model_.ChatPrompt(messages, chat_);
  const bool was_said = spoken != silent;
  std::vector<Exchange> turns = branch_.turns;
  while (!turns.empty() && turns.back().begin >= exchange.begin) turns.pop_back();
  if (was_said) {
    Feed(behind, spoken);
    exchange.id = ++num_exchanges_;
    turns.push_back(exchange);
    NameTurn(behind, turns.size());
  }
  branch_.stream = std::move(behind);
  branch_.turns = std::move(turns);
  branch_.was_answered = was_said;
  // A message that the exchange did not read is still to be read, also if an earlier try had read it.
  const ChatMessage& first = exchange.messages.front();
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
  cost.num_replayed = branch_.stream.Truncate(first->begin);
  for (auto undone = first; undone != turns.end(); ++undone) {
    if (undone->messages.empty()) continue;
    const ChatMessage& message = undone->messages.front();
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
    next = {branch_.stream.Fork(), branch_.turns, branch_.last, branch_.was_answered, branch_.system_is_due};
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
    std::vector<Token> tokens = branch.stream.Tokens(begin);
    if (i + 1 < branch.turns.size()) tokens.resize(branch.turns[i + 1].begin - begin);
    turns.push_back({branch.turns[i].id, tokenizer_.Decode(tokens)});
  }
  return turns;
}

std::string Conversation::Tree() const {
  std::vector<TreeBranch> branches;
  for (const auto& [name, branch] : others_) branches.push_back({name, false, TurnsOf(branch)});
  branches.push_back({name_, true, TurnsOf(branch_)});
  return FormatTurnTree(branches);
}

std::vector<Conversation::Exchange> Conversation::FindTurns(const Stream& stream) {
  const auto find = [&stream](size_t number) { return Try([&] { return stream.FindCheckpoint(NameOfTurn(number)); }); };
  auto start = find(0);
  uint64_t begin = start ? start.value() : 0;  // a name at position 0 has no state and is not saved
  std::vector<Exchange> turns;
  while (auto end = find(turns.size() + 1)) {
    Exchange& turn = turns.emplace_back();
    turn.id = ++num_exchanges_;
    turn.begin = begin;
    begin = end.value();
  }
  return turns;
}

void Conversation::Reset() { branch_ = NewBranch(); }

void Conversation::SetSystem(const std::string& text) {
  system_ = text;
  branch_.system_is_due = !system_.empty();
}

void Conversation::SetThinking(const std::string& thinking) {
  CallOptions<ChatOptions> changed = TemplateOptions(arguments_);
  changed.Set("think", thinking);
  model_.ChatPrompt({}, changed);
  chat_ = std::move(changed);
}

void Conversation::Save(const std::string& path) const {
  // With the names of the turns.
  branch_.stream.Save(path, SKEIN_SAVE_REPLACE | SKEIN_SAVE_PAST);
}

void Conversation::Load(const std::string& path) {
  const std::string snapshot = ReadInput(path);
  Stream restored(model_);
  try {
    restored.Restore(std::as_bytes(std::span(snapshot)));
  } catch (const Error& failure) {
    throw Failure(path + ": " + failure.what());
  }
  Branch loaded = {.stream = std::move(restored)};
  loaded.turns = FindTurns(loaded.stream);
  loaded.was_answered = !loaded.turns.empty();
  if (loaded.turns.empty()) NameTurn(loaded.stream, 0);
  branch_ = std::move(loaded);
}

uint64_t Conversation::position() const { return branch_.stream.Position(); }

}  // namespace skein::cli
