// The key by which the prefix cache tells prompts apart, beside their tokens.
#ifndef SKEIN_ENGINE_PREFIX_SCOPE_H_
#define SKEIN_ENGINE_PREFIX_SCOPE_H_

#include <string>

namespace skein {

struct PrefixScope {
  std::string text;  // the place where streams start, and their salt
  // Whether the text means the same place in a later process, so that states may be kept for it.
  bool outlives_process = true;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_PREFIX_SCOPE_H_
