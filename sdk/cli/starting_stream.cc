#include "starting_stream.h"

#include <string>

namespace skein::cli {

Option PrefixOption() {
  return {.name = "prefix",
          .takes = Takes::kText,
          .value = "FILE",
          .help = "begin behind a text that `skein state make` has read; the model does not read it again"};
}

StartingStreams::StartingStreams(const Arguments& arguments, skein_model model) : model_(model) {
  if (const auto path = arguments.Text("prefix"))
    prefix_ = skein::Make<Prefix>(skein_prefix_load, model, path->c_str());
}

Stream StartingStreams::Make() const {
  if (!prefix_) return skein::Make<Stream>(skein_stream_create, model_, nullptr);
  return skein::Make<Stream>(skein_prefix_start, prefix_.get(), nullptr);
}

}  // namespace skein::cli
