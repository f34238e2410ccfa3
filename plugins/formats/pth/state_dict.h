// The dict of tensors in the value that a checkpoint's pickle makes.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_STATE_DICT_H_
#define SKEIN_PLUGINS_FORMATS_PTH_STATE_DICT_H_

#include <vector>

#include "formats/pth/pickle.h"
#include "formats/pth/pickle_value.h"

namespace skein::formats {

// The tensors with their names, and the metadata, of the value `top`, as ReadPickle gives them, but for the storages.
// `tensors` are those of the pickle, without names. Throws as ReadPickle does.
PickledCheckpoint CollectStateDict(const std::vector<PickleValue>& values, const std::vector<PickledTensor>& tensors,
                                   ValueId top);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_STATE_DICT_H_
