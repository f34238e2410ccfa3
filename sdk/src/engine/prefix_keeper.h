// The interface through which the states of a prefix cache outlive the process.
#ifndef SKEIN_ENGINE_PREFIX_KEEPER_H_
#define SKEIN_ENGINE_PREFIX_KEEPER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "state/state_pool.h"

namespace skein {

// The engine's thread calls all of it, without a lock.
class PrefixKeeper {
 public:
  using CopyState = absl::FunctionRef<absl::Status(const StateRef& state, absl::Span<float> values)>;

  virtual ~PrefixKeeper() = default;

  // The cache has a new state behind `tokens`.
  virtual void OnKept(absl::string_view scope, absl::Span<const uint32_t> tokens) noexcept = 0;

  // The engine ends. `copy_state` gives the values of a state.
  virtual void OnEnd(CopyState copy_state) noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_PREFIX_KEEPER_H_
