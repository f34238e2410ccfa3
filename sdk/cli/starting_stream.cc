#include "starting_stream.h"

namespace skein::cli {

Option PrefixOption() {
  return {.name = "prefix",
          .takes = Takes::kText,
          .value = "FILE",
          .help = "begin behind a text that `skein state make` has read; the model does not read it again"};
}

StartingStreams::StartingStreams(const Arguments& arguments, const Model& model) : model_(model) {
  if (const auto path = arguments.Text("prefix")) prefix_ = Prefix(model, *path);
}

Stream StartingStreams::Make() const { return prefix_ ? prefix_.Start() : Stream(model_); }

}  // namespace skein::cli
