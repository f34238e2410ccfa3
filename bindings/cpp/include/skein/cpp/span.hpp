// A view of elements that lie one after the other, which C++17 lacks. A std::span converts to it.
#ifndef SKEIN_CPP_SPAN_HPP_
#define SKEIN_CPP_SPAN_HPP_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "skein/cpp/namespace.hpp"

SKEIN_CPP_BEGIN

template <typename T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  // Of any container with data() and size().
  template <typename Container, typename Data = decltype(std::declval<Container&>().data()),
            typename = decltype(std::declval<Container&>().size()),
            typename = std::enable_if_t<std::is_convertible_v<std::remove_pointer_t<Data> (*)[], T (*)[]>>>
  constexpr Span(Container&& container) : data_(container.data()), size_(container.size()) {}

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](size_t i) const { return data_[i]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_SPAN_HPP_
