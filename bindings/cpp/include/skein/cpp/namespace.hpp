// The namespace of the C++ names; skein/skein.hpp says when it is nested.
#ifndef SKEIN_CPP_NAMESPACE_HPP_
#define SKEIN_CPP_NAMESPACE_HPP_

#if defined(SKEIN_CPP_NESTED_NAMESPACE)
#define SKEIN_CPP_BEGIN \
  namespace skein {     \
  namespace cpp {
#else
#define SKEIN_CPP_BEGIN \
  namespace skein {     \
  inline namespace cpp {
#endif
#define SKEIN_CPP_END \
  }                   \
  }

#endif  // SKEIN_CPP_NAMESPACE_HPP_
