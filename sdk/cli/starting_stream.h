// Streams that begin behind a prefix object, for the commands that offer --prefix.
#ifndef SKEIN_CLI_STARTING_STREAM_H_
#define SKEIN_CLI_STARTING_STREAM_H_

#include "arguments.h"
#include "failure.h"

namespace skein::cli {

// --prefix.
Option PrefixOption();

// Makes streams that start where the file of --prefix stands, or, if it was not given, at the model's initial state.
class StartingStreams {
 public:
  // Reads the file. `model` must outlive it. Throws Error.
  StartingStreams(const Arguments& arguments, const Model& model);

  Stream Make() const;
  bool has_prefix() const { return static_cast<bool>(prefix_); }

 private:
  const Model& model_;
  Prefix prefix_;
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_STARTING_STREAM_H_
