// Skein for C++17: the C ABI with owners, exceptions, spans and ranges. Header only; needs libskein and the standard
// library. It adds no rules of its own: skein/*.h say what each call does, fails with, and may be called from.
//
//   skein::Runtime runtime;
//   skein::Model model(runtime, "model.skein");
//   skein::Stream stream(model);
//   skein::Queue queue(runtime);
//   skein::Request request(stream, "And it came to pass", {{"max_tokens", 40}, {"temperature", 0}});
//   queue.Submit(request);
//   for (const skein::Event& event : queue) std::cout << event.text();
//
// Owners (Runtime, Model, Tokenizer, Stream, Prefix, Queue, Request) move and do not copy. They may end in any order:
// whatever still needs a runtime or a model keeps it alive. A moved-from or closed owner is empty, and every call on it
// throws Error with SKEIN_INVALID_HANDLE.
// Errors: a call that fails throws skein::Error, which has the code, the message and retry_after_ms. skein::Try turns
// that into a skein::Result for code that does not want exceptions at a call. Building without exceptions
// (-fno-exceptions) is not supported.
// Threads: as in the C ABI, any thread may call. One object is moved, closed or iterated by one thread at a time.
//
// The names are in skein::cpp, and seen as skein::Name. A program that has other names in a namespace skein defines
// SKEIN_CPP_NESTED_NAMESPACE before the first include, and then writes skein::cpp::Name.
#ifndef SKEIN_SKEIN_HPP_
#define SKEIN_SKEIN_HPP_

#include "skein/cpp/error.hpp"
#include "skein/cpp/eval.hpp"
#include "skein/cpp/model.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/prefix.hpp"
#include "skein/cpp/queue.hpp"
#include "skein/cpp/request.hpp"
#include "skein/cpp/runtime.hpp"
#include "skein/cpp/score.hpp"
#include "skein/cpp/span.hpp"
#include "skein/cpp/stream.hpp"
#include "skein/cpp/tokenizer.hpp"
#include "skein/skein.h"

#endif  // SKEIN_SKEIN_HPP_
