// One line of a scenario as a verb, its arguments and its options. README.md beside the scenario has the grammar.
#ifndef SKEIN_TESTS_BINDINGS_CPP_STEP_H_
#define SKEIN_TESTS_BINDINGS_CPP_STEP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skein/skein.hpp"

namespace scenario {

// A word in front of which `$MODEL` and `$TEMP` stand for paths.
using Places = std::map<std::string, std::string>;

struct Word {
  std::string text;
  bool quoted = false;
};

class Step {
 public:
  // Throws std::runtime_error if the line is not of the grammar.
  Step(const std::string& line, const Places& places);

  const std::string& verb() const { return verb_; }
  const std::vector<skein::Option>& options() const { return options_; }
  // Arguments behind the verb. Throws std::runtime_error if there are not as many.
  size_t size() const { return arguments_.size(); }
  const Word& word(size_t i) const;
  const std::string& at(size_t i) const { return word(i).text; }
  int64_t Integer(size_t i) const;
  float Real(size_t i) const;

 private:
  std::string verb_;
  std::vector<Word> arguments_;
  std::vector<skein::Option> options_;
};

}  // namespace scenario

#endif  // SKEIN_TESTS_BINDINGS_CPP_STEP_H_
