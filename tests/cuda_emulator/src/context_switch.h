// The switch from one stack to another: saves what a function must keep, changes the stack pointer, takes back what the
// other stack has saved. The rounding mode of floating point is not saved: nobody changes it.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CONTEXT_SWITCH_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CONTEXT_SWITCH_H_

extern "C" {

// Writes where this stack goes on to `*from`, and goes on at `to`.
void skein_emulator_switch(void** from, void* to);

// Lays a frame below `top`, a multiple of 16, such that a switch to the result calls begin(argument).
void* skein_emulator_prepare(void* top, void (*begin)(void*), void* argument);

}  // extern "C"

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CONTEXT_SWITCH_H_
