// File descriptors, beside the three that every program takes for standard input, output and error.
#ifndef SKEIN_SYSTEM_DESCRIPTOR_H_
#define SKEIN_SYSTEM_DESCRIPTOR_H_

#include <utility>

namespace skein {

// Gives `descriptor`, or, if it is 0, 1 or 2, closes it and gives a copy with a number of at least 3. A program may run
// with some of these three closed. Then the next descriptor that is opened gets its number, and whatever the program
// prints goes there. A negative number, which is an error's, is given back with errno as it is. -1, with errno: there
// is no copy; `descriptor` is closed all the same. The copy is closed on exec.
int AboveStandard(int descriptor);

// Owns a descriptor; a negative one is none.
class Descriptor {
 public:
  // Takes a descriptor that was just opened, above the standard ones.
  explicit Descriptor(int descriptor = -1) : number_(AboveStandard(descriptor)) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = other.Release();
    }
    return *this;
  }

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  // The result of close(): -1 with errno if the system has found late that data were not written.
  int Close();
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

}  // namespace skein

#endif  // SKEIN_SYSTEM_DESCRIPTOR_H_
