// Calls of the C ABI: failures as exceptions, results as values. For functions that no class here wraps as the program
// wants it.
#ifndef SKEIN_CPP_CALL_HPP_
#define SKEIN_CPP_CALL_HPP_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "skein/base.h"
#include "skein/cpp/error.hpp"
#include "skein/cpp/namespace.hpp"

SKEIN_CPP_BEGIN

using Token = skein_token;

// Calls a function of the ABI without its last argument, the skein_error. Throws Error.
template <typename... Parameters, typename... Arguments>
void Call(skein_status (*function)(Parameters...), Arguments... arguments) {
  skein_error error = {};
  if (function(arguments..., &error) != SKEIN_OK) throw Error(error);
}

// Calls a function whose last arguments are a buffer, its capacity and its size, without these, and gives the content.
// `capacity` is the room of the first try; where it does not suffice, the call is made again with more.
template <typename Container, typename Function>
Container ReadInto(size_t capacity, Function&& function) {
  Container content(capacity, typename Container::value_type());
  while (true) {
    uint64_t size = 0;
    skein_error error = {};
    const skein_status status = function(content.data(), static_cast<uint64_t>(content.size()), &size, &error);
    const bool too_small = status == SKEIN_OUT_OF_RANGE && size > content.size();
    if (status != SKEIN_OK && !too_small) throw Error(error);
    content.resize(size);
    if (!too_small) return content;
  }
}

template <typename Container, typename... Parameters, typename... Arguments>
Container Read(skein_status (*function)(Parameters...), Arguments... arguments) {
  return ReadInto<Container>(4096, [&](auto* data, uint64_t capacity, uint64_t* size, skein_error* error) {
    return function(arguments..., data, capacity, size, error);
  });
}

// A struct of the ABI with its `struct_size` set and all else zero.
template <typename Struct>
Struct Sized() {
  Struct value = {};
  value.struct_size = sizeof(Struct);
  return value;
}

// A path, key or name as the ABI takes it. Throws Error if it has a NUL inside, where the ABI would see its end.
inline const char* Terminated(const std::string& text) {
  if (std::strlen(text.c_str()) == text.size()) return text.c_str();
  // GCC 12 warns of an operator+ here, wrongly (-Wrestrict).
  throw Error(SKEIN_INVALID_ARGUMENT,
              std::string("\"").append(text.c_str()).append("\\0...\": expected a text without NUL"));
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_CALL_HPP_
