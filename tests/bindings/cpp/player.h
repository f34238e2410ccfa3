// Plays a scenario with skein.hpp: the objects that its steps made, and what each verb does.
#ifndef SKEIN_TESTS_BINDINGS_CPP_PLAYER_H_
#define SKEIN_TESTS_BINDINGS_CPP_PLAYER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cpp/delivery.h"
#include "cpp/step.h"
#include "skein/skein.hpp"

namespace scenario {

class Player {
 public:
  // `program` is this program: it plays the other half of a scenario in a process of its own.
  Player(std::string program, std::string model, std::string scenario, std::string folder);

  // Plays one line and prints its part of the transcript. Returns false if it failed and should not have.
  bool Play(const std::string& line);

 private:
  using Tokens = std::vector<skein::Token>;
  using Bytes = std::vector<std::byte>;
  using Object = std::variant<std::monostate, skein::Runtime, skein::Model, skein::Tokenizer, skein::Stream,
                              skein::Prefix, skein::Queue, skein::Request, Tokens, Bytes>;

  // The object with the name in argument `i`, and the tokens there.
  template <typename T>
  T& Get(const Step& step, size_t i);
  Tokens TokensAt(const Step& step, size_t i);
  template <typename Options>
  Options OptionsOf(const Step& step) const;
  void Put(const Step& step, Object object) { objects_[step.at(0)] = std::move(object); }

  void Print(const std::string& line) const;
  std::string Shortened(const char* message) const;
  void PlayStep(const Step& step);
  bool PlayFailing(const std::string& line);

  // The verbs, by the noun that they are about.
  bool PlayLibrary(const Step& step);
  bool PlayRuntime(const Step& step);
  bool PlayModel(const Step& step);
  bool PlayTokenizer(const Step& step);
  bool PlayStream(const Step& step);
  bool PlayPast(const Step& step);
  bool PlayPrefix(const Step& step);
  bool PlayRequest(const Step& step);
  bool PlayPrompt(const Step& step);
  bool PlayQueue(const Step& step);
  bool PlayEvals(const Step& step);

  void Eval(const Step& step);
  void Score(const Step& step);
  void Embed(const Step& step);
  void Submit(const Step& step);
  void Read(const Step& step);
  void Drain(const std::string& queue);
  void Complete(const Step& step);
  void Release(const Step& step);
  void PlayChild(const std::string& file);
  void TakeEvent(const std::string& queue, const skein::Event& event);

  const std::string program_, model_, scenario_, folder_;
  const Places places_;
  std::atomic<uint64_t> num_wakeups_ = 0;                    // outlives the queues
  std::map<std::string, std::vector<Delivery>> deliveries_;  // by queue, in the order of submission
  std::map<std::string, Object> objects_;
};

}  // namespace scenario

#endif  // SKEIN_TESTS_BINDINGS_CPP_PLAYER_H_
