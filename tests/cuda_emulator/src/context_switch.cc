#include "context_switch.h"

#include <cstdint>

#if defined(__x86_64__)

// Six registers and the address to return to.
asm(R"(
.text
.globl skein_emulator_switch
.hidden skein_emulator_switch
.type skein_emulator_switch, @function
skein_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size skein_emulator_switch, .-skein_emulator_switch

.globl skein_emulator_first
.hidden skein_emulator_first
.type skein_emulator_first, @function
skein_emulator_first:
  movq %r12, %rdi
  callq *%r13
  ud2
.size skein_emulator_first, .-skein_emulator_first
)");

extern "C" void skein_emulator_first();

extern "C" void* skein_emulator_prepare(void* top, void (*begin)(void*), void* argument) {
  auto* frame = static_cast<uint64_t*>(top) - 9;    // such that `begin` finds the stack aligned as after a call
  frame[0] = 0;                                     // r15
  frame[1] = 0;                                     // r14
  frame[2] = reinterpret_cast<uint64_t>(begin);     // r13
  frame[3] = reinterpret_cast<uint64_t>(argument);  // r12
  frame[4] = 0;                                     // rbx
  frame[5] = 0;                                     // rbp: the end of the chain of frames
  frame[6] = reinterpret_cast<uint64_t>(&skein_emulator_first);
  frame[7] = frame[8] = 0;
  return frame;
}

#elif defined(__aarch64__)

// x19 to x30 and the low halves of v8 to v15.
asm(R"(
.text
.globl skein_emulator_switch
.hidden skein_emulator_switch
.type skein_emulator_switch, %function
skein_emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size skein_emulator_switch, .-skein_emulator_switch

.globl skein_emulator_first
.hidden skein_emulator_first
.type skein_emulator_first, %function
skein_emulator_first:
  mov x0, x19
  blr x20
  brk #0
.size skein_emulator_first, .-skein_emulator_first
)");

extern "C" void skein_emulator_first();

extern "C" void* skein_emulator_prepare(void* top, void (*begin)(void*), void* argument) {
  auto* frame = static_cast<uint64_t*>(top) - 20;
  for (int i = 0; i < 20; ++i) frame[i] = 0;
  frame[0] = reinterpret_cast<uint64_t>(argument);                // x19
  frame[1] = reinterpret_cast<uint64_t>(begin);                   // x20
  frame[11] = reinterpret_cast<uint64_t>(&skein_emulator_first);  // x30
  return frame;
}

#else

#include <ucontext.h>

// Anywhere else: the C library's contexts, an order of magnitude slower. A stack goes on at a context that lies on it.
namespace {

struct Start {
  void (*begin)(void*);
  void* argument;
};

// makecontext passes ints alone: the address comes in two halves.
void First(unsigned high, unsigned low) {
  const auto* start = reinterpret_cast<const Start*>((static_cast<uint64_t>(high) << 32) | low);
  start->begin(start->argument);
}

}  // namespace

extern "C" void skein_emulator_switch(void** from, void* to) {
  ucontext_t here;
  *from = &here;
  swapcontext(&here, static_cast<ucontext_t*>(to));
}

extern "C" void* skein_emulator_prepare(void* top, void (*begin)(void*), void* argument) {
  auto address = reinterpret_cast<uintptr_t>(top);
  address = (address - sizeof(Start)) & ~uintptr_t{15};
  auto* start = reinterpret_cast<Start*>(address);
  *start = {begin, argument};
  address = (address - sizeof(ucontext_t)) & ~uintptr_t{63};
  auto* context = reinterpret_cast<ucontext_t*>(address);
  getcontext(context);
  constexpr uintptr_t kRoom = 64 << 10;
  context->uc_stack.ss_sp = reinterpret_cast<void*>(address - kRoom);
  context->uc_stack.ss_size = kRoom - 64;
  context->uc_link = nullptr;
  const auto pointer = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(start));
  makecontext(context, reinterpret_cast<void (*)()>(First), 2, static_cast<unsigned>(pointer >> 32),
              static_cast<unsigned>(pointer));
  return context;
}

#endif
