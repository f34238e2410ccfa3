// Streams: a sequence of tokens and the state behind it, with its past.
#ifndef SKEIN_CPP_STREAM_HPP_
#define SKEIN_CPP_STREAM_HPP_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/span.hpp"
#include "skein/history.h"
#include "skein/stream.h"

SKEIN_CPP_BEGIN

// Calls on one stream are serialised; different streams are independent. Has one writer at a time (skein/stream.h).
class Stream : public Owned<skein_stream, skein_stream_release> {
 public:
  using Owned::Owned;
  // Makes a stream in the initial state of the model.
  explicit Stream(const Model& model, const StreamOptions& options = {}) {
    Call(skein_stream_create, model.get(), options.get(), out());
  }

  // A stream that continues from the last committed token. Copies no state.
  Stream Fork() const { return Make<Stream>(skein_stream_fork, get()); }

  // A stream that continues from `position`; `*replayed` is the number of tokens that were read again.
  Stream ForkAt(uint64_t position, uint64_t* replayed = nullptr) const {
    Stream copy;
    Call(skein_stream_fork_at, get(), position, copy.out(), replayed);
    return copy;
  }

  // Back into the initial state.
  void Reset() const { Call(skein_stream_reset, get()); }

  // Tokens committed since the initial state.
  uint64_t Position() const {
    uint64_t position = 0;
    Call(skein_stream_position, get(), &position);
    return position;
  }

  // The tokens from position `begin` on.
  std::vector<Token> Tokens(uint64_t begin = 0) const {
    return Read<std::vector<Token>>(skein_stream_tokens, get(), begin);
  }

  // Goes back to `position`; gives the number of tokens that were read again.
  uint64_t Truncate(uint64_t position) const {
    uint64_t replayed = 0;
    Call(skein_stream_truncate, get(), position, &replayed);
    return replayed;
  }

  // Names the present place, and keeps its state.
  void SetCheckpoint(const std::string& name) const { Call(skein_stream_set_checkpoint, get(), Terminated(name)); }
  // The position with a name. Throws NOT_FOUND.
  uint64_t FindCheckpoint(const std::string& name) const {
    uint64_t position = 0;
    Call(skein_stream_find_checkpoint, get(), Terminated(name), &position);
    return position;
  }
  // The places to go back to.
  std::vector<skein_checkpoint> Checkpoints() const {
    return ReadInto<std::vector<skein_checkpoint>>(
        64, [&](skein_checkpoint* data, uint64_t capacity, uint64_t* count, skein_error* error) {
          return skein_stream_checkpoints(get(), data, sizeof(skein_checkpoint), capacity, count, error);
        });
  }

  // The stream as versioned bytes, for another backend, weight type or process.
  std::vector<std::byte> Snapshot() const { return Read<std::vector<std::byte>>(skein_stream_snapshot, get()); }
  // With SKEIN_SAVE_PAST in `flags` the tokens and the checkpoints go along.
  std::vector<std::byte> Snapshot(uint32_t flags) const {
    return Read<std::vector<std::byte>>(skein_stream_snapshot_with, get(), flags);
  }
  void Restore(Span<const std::byte> snapshot) const {
    Call(skein_stream_restore, get(), static_cast<const void*>(snapshot.data()),
         static_cast<uint64_t>(snapshot.size()));
  }
  // A snapshot in a file; `flags` is a sum of SKEIN_SAVE_*.
  void Save(const std::string& path, uint32_t flags = 0) const {
    Call(skein_stream_save, get(), Terminated(path), flags);
  }
  void Load(const std::string& path) const { Call(skein_stream_load, get(), Terminated(path)); }

  // The canonical state, float32.
  std::vector<float> State() const { return Read<std::vector<float>>(skein_stream_state, get()); }
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_STREAM_HPP_
