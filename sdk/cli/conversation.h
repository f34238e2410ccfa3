// A conversation with a model on streams of the C ABI. The turns are in the text that the model was trained on.
//
// The stream of the conversation always stands behind a whole turn. An answer is generated on a fork of it. Then the
// stream itself reads the exchange as clean text. So it keeps nothing from the fork that the template does not have: no
// stop strings, thoughts or white space.
#ifndef SKEIN_CLI_CONVERSATION_H_
#define SKEIN_CLI_CONVERSATION_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arguments.h"
#include "call_options.h"
#include "generate.h"
#include "handles.h"
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
  Conversation(const Arguments& arguments, skein_runtime runtime, skein_model model);

  // Has the model answer `text`. Ctrl-C (an InterruptGuard) ends the answer, and the text until then is the model's
  // turn. If there is no text, neither turn counts.
  Generation Say(const std::string& text, const Show& show);

  // Answers the last message once more, with another seed. Throws Failure if there is none.
  Generation Retry(const Show& show);

  // Whether the last answer had text. If it had none, its message is not part of the conversation either.
  bool was_answered() const { return was_answered_; }

  // Goes back to the start. The last text of SetSystem holds again.
  void Reset();

  // A system message in front of the next message, and after each Reset; "": none.
  void SetSystem(const std::string& text);

  // "on", "off", "none", "short", "long".
  void SetThinking(const std::string& thinking);

  // Save writes the state of the conversation to a file, whole or not at all. Load goes on from such a file.
  void Save(const std::string& path) const;
  void Load(const std::string& path);

  // Tokens that the conversation has read.
  uint64_t position() const;

 private:
  struct Message {
    std::string role;  // as skein_chat_message has it
    std::string text;
  };
  // An exchange that Retry does again.
  struct Exchange {
    Stream before;
    std::vector<Message> messages;  // the user's, and a system message in front of it
    int64_t num_retries = 0;
  };

  // Answers the messages of the exchange, and has the stream read them with the answer.
  Generation Answer(const Exchange& exchange, const Show& show);
  // `messages` as the C ABI takes them; refers to them.
  static std::vector<skein_chat_message> View(const std::vector<Message>& messages);
  std::string Render(const std::vector<Message>& messages, const CallOptions& options) const;
  // The text that the template writes at the start of an answer, such as the start of a think block.
  std::string Opening() const;
  void Feed(skein_stream stream, const std::string& text) const;

  const Arguments& arguments_;
  const skein_model model_;
  const Queue queue_;
  const Tokenizer tokenizer_;
  CallOptions chat_;      // template and think
  CallOptions sampling_;  // the seed is set for every answer
  const int64_t seed_;
  std::string system_;
  bool was_answered_ = false;
  bool system_is_due_ = false;  // the next message has a system message in front
  const StartingStreams streams_;
  Stream stream_;
  std::optional<Exchange> last_;
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_CONVERSATION_H_
