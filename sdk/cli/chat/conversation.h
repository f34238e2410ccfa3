// A conversation with a model on streams of the library. The turns are in the text that the model was trained on.
//
// The stream of the conversation always stands behind a whole turn. An answer is generated on a fork of it. Then the
// stream itself reads the exchange as clean text. So it keeps nothing from the fork that the template does not have: no
// stop strings, thoughts or white space.
#ifndef SKEIN_CLI_CHAT_CONVERSATION_H_
#define SKEIN_CLI_CHAT_CONVERSATION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "call_options.h"
#include "chat/turn_tree.h"
#include "failure.h"
#include "generate.h"
#include "starting_stream.h"

namespace skein::cli {

// Every call may throw Failure, and leaves the conversation as it was then.
class Conversation {
 public:
  // Takes the answer in pieces, as they are to be shown: without white space at the ends of the answer, and without an
  // empty think block.
  using Show = std::function<void(std::string_view)>;

  // With the options --prefix, --system, --template, --think and those of WithSamplingOptions. `model` and `runtime`
  // must outlive it. Throws UsageError if the options contradict each other, Failure if the model has no tokenizer or
  // no template.
  Conversation(const Arguments& arguments, const Runtime& runtime, const Model& model);

  // Has the model answer `text`. Ctrl-C (an InterruptGuard) ends the answer, and the text until then is the model's
  // turn. If there is no text, neither turn counts.
  Generation Say(const std::string& text, const Show& show);

  // Answers the last message once more, with another seed. Throws Error if there is none.
  Generation Retry(const Show& show);

  // Whether the last answer had text. If it had none, its message is not part of the conversation either.
  bool was_answered() const { return branch_.was_answered; }

  // The cost of going to another place of the conversation.
  struct Cost {
    uint64_t num_replayed = 0;  // tokens that were read again
    double milliseconds = 0;
  };

  // Takes back the last `count` exchanges. Throws Error if there are not as many.
  Cost Undo(uint64_t count);

  // Takes back the last exchange, if it was answered, before another message takes its place. Throws Error if there
  // is none.
  Cost UndoForEdit();

  // Goes on in the branch `name`: where it was left, or, if there is none, here, and the branch so far stays as it is.
  Cost GoToBranch(const std::string& name);
  // A name that no branch has.
  std::string NewBranchName() const;

  // All branches with their turns (turn_tree.h).
  std::string Tree() const;

  // Goes back to the start. The last text of SetSystem holds again.
  void Reset();

  // A system message in front of the next message, and after each Reset; "": none.
  void SetSystem(const std::string& text);

  // "on", "off", "none", "short", "long".
  void SetThinking(const std::string& thinking);

  // Save writes the branch of the conversation to a file, whole or not at all. Load goes on from such a file, in this
  // branch.
  void Save(const std::string& path) const;
  void Load(const std::string& path);

  // Tokens that the conversation has read.
  uint64_t position() const;

 private:
  // A message and its answer.
  struct Exchange {
    uint64_t id = 0;                    // of this answer
    uint64_t begin = 0;                 // position of the stream in front of it
    std::vector<ChatMessage> messages;  // the user's, and a system message in front of it; empty if it was loaded
    int64_t num_retries = 0;
  };
  // One branch of the conversation.
  struct Branch {
    Stream stream;
    std::vector<Exchange> turns = {};   // that the stream has read
    std::optional<Exchange> last = {};  // that Retry does again
    bool was_answered = false;          // and it is the last of `turns`
    bool system_is_due = false;         // the next message has a system message in front
  };

  // A branch at the start.
  Branch NewBranch() const;
  // Answers the messages of the exchange, and has the stream read them with the answer.
  Generation Answer(Exchange exchange, const Show& show);
  // Finds the exchanges of a stream that was loaded, by the names of their ends.
  std::vector<Exchange> FindTurns(const Stream& stream);
  std::vector<TreeTurn> TurnsOf(const Branch& branch) const;
  // The text that the template writes at the start of an answer, such as the start of a think block.
  std::string Opening() const;
  void Feed(const Stream& stream, const std::string& text) const;

  const Arguments& arguments_;
  const Model& model_;
  Queue queue_;
  const Tokenizer tokenizer_;
  CallOptions<ChatOptions> chat_;         // template and think
  CallOptions<RequestOptions> sampling_;  // the seed is set for every answer
  const int64_t seed_;
  std::string system_;
  uint64_t num_exchanges_ = 0;  // for their ids
  const StartingStreams streams_;
  Branch branch_;
  std::string name_ = "main";             // of branch_
  std::map<std::string, Branch> others_;  // the branches that are left
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_CHAT_CONVERSATION_H_
