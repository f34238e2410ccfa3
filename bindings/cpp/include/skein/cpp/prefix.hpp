// Prefix objects: a text that many streams begin with, read once and kept as a state with a name.
#ifndef SKEIN_CPP_PREFIX_HPP_
#define SKEIN_CPP_PREFIX_HPP_

#include <cstdint>
#include <string>

#include "skein/cpp/call.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/stream.hpp"
#include "skein/prefix.h"

SKEIN_CPP_BEGIN

// Never changes: any thread may start streams from it.
class Prefix : public Owned<skein_prefix, skein_prefix_release> {
 public:
  using Owned::Owned;
  // Keeps the last committed place of `stream`, which goes on undisturbed.
  explicit Prefix(const Stream& stream, const std::string& name = "", const std::string& provenance = "") {
    Call(skein_prefix_create, stream.get(), Terminated(name), Terminated(provenance), out());
  }
  // Reads a file of Save, or any other snapshot.
  Prefix(const Model& model, const std::string& path) { Call(skein_prefix_load, model.get(), Terminated(path), out()); }

  // A stream at the place of the prefix. Copies no state.
  Stream Start(const StreamOptions& options = {}) const {
    return Make<Stream>(skein_prefix_start, get(), options.get());
  }

  skein_prefix_info Info() const {
    auto info = Sized<skein_prefix_info>();
    Call(skein_prefix_get_info, get(), &info);
    return info;
  }
  // The text that says where it comes from.
  std::string Provenance() const { return Read<std::string>(skein_prefix_provenance, get()); }

  // Writes it to a file; `flags` is a sum of SKEIN_SAVE_*.
  void Save(const std::string& path, uint32_t flags = 0) const {
    Call(skein_prefix_save, get(), Terminated(path), flags);
  }
};

// Describes a file of Stream::Save or Prefix::Save, without a model.
inline std::string DescribeSnapshot(const std::string& path, const DescribeOptions& options = {}) {
  return Read<std::string>(skein_snapshot_describe, Terminated(path), options.get());
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_PREFIX_HPP_
