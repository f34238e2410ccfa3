// A tensor of a checkpoint, as far as naming looks at it.
#ifndef SKEIN_FILES_NAMING_NAMED_SHAPE_H_
#define SKEIN_FILES_NAMING_NAMED_SHAPE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace skein {

struct NamedShape {
  std::string name;
  std::vector<uint64_t> shape;
};

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_NAMED_SHAPE_H_
