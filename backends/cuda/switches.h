// Means that have not been shown to be right and faster on a GPU yet. Each is off until its name is in the environment
// variable SKEIN_CUDA, as in SKEIN_CUDA=graphs,sparse.
#ifndef SKEIN_BACKENDS_CUDA_SWITCHES_H_
#define SKEIN_BACKENDS_CUDA_SWITCHES_H_

#include <string>

namespace skein::cuda {

struct Switches {
  bool graphs = false;            // decode steps are captured once and replayed (step_graphs.h)
  bool dependent_launch = false;  // a kernel starts while the one before ends; from capability 9.0 on (launch.h)
  bool library = false;           // products of many rows by cuBLASLt (library_products.h)
  bool library_graphs = false;    // with both: steps with the library's products are graphs too
  bool timed_products = false;    // many rows by codes go the way that was timed as faster (expanded_products.h)
  bool sparse = false;            // value products of few rows skip zeros (SparseProduct of products.h)
  bool nibble_products = false;   // few rows by q4 on the tensor cores (NibbleProducts of products.h); from 8.0 on
  bool split_sums = false;        // blocks share long sums of products with few outputs (PartScratch of products.h)
  bool split_logits = false;      // blocks share each of a few rows of logits (LogitScratch of sample.h)
  bool rounded_rows = false;      // inputs of products in 16 bits are written where they are made (rounded_copies.h)
  bool wide_tiles = false;        // products of rounded rows take larger tiles where they count less (tile_choice.h)
  bool chunked_wkv = false;       // long sequences of RWKV-5 to 7 go by chunks (sequence_chunks.h); from 8.0 on
  bool persistent = false;        // layers of RWKV-7 go in one launch for one row (persistent_layers.h); from 8.0 on
  bool async_states = false;      // states are exported and imported beside steps (state_moves.h)
};

Switches ReadSwitches();

// A line for the log about names that no switch has; "" if there is none.
std::string SwitchWarning();

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_SWITCHES_H_
