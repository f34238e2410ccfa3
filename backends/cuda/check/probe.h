// How the stage `switches` asks another process of this program for step times.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_PROBE_H_
#define SKEIN_BACKENDS_CUDA_CHECK_PROBE_H_

namespace skein::check {

// A line of the probe's output: this word, the name of a step, and its median time in microseconds.
inline constexpr char kTimeWord[] = "time";

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_PROBE_H_
