// Random numbers as a function of their purpose. There is no generator with a state. So the draws of a stream depend
// neither on its neighbours nor on the order of work in the engine.
#ifndef SKEIN_SAMPLING_RANDOM_H_
#define SKEIN_SAMPLING_RANDOM_H_

#include <array>
#include <cstdint>

namespace skein {

// Philox4x32 with 10 rounds: a counter-based generator that passes BigCrush. Salmon, Moraes, Dror, Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A number in [0, 1), a multiple of 2^-53, for the token drawn at `position` of a stream, in tokens.
double UniformAt(uint64_t seed, uint64_t sample_index, uint64_t position);

}  // namespace skein

#endif  // SKEIN_SAMPLING_RANDOM_H_
