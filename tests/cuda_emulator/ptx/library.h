// The kernels of a program as PTX, found by their names in C++.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_LIBRARY_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_LIBRARY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "program.h"

namespace skein::emulator::ptx {

class Library {
 public:
  // Reads the modules that `list` names, a line each. Of those that have a kernel, the one for the highest capability
  // counts that is not above `capability`. Throws LoadError.
  Library(const std::string& list, int capability, Products products = Products::kApart);

  // Decodes the kernel when it is first asked for. Throws LoadError: there is no such kernel, there is more than one,
  // or it has something that is not known.
  const Program& Find(const std::string& name);
  std::vector<std::string> Names() const;

 private:
  struct Kernel {
    const Module* module;
    const Entry* entry;
  };
  void Add(const Module& module);

  const std::string list_;
  const Products products_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::map<std::string, std::vector<Kernel>> kernels_;  // of the highest capability that fits
  std::map<std::string, std::unique_ptr<Program>> programs_;
};

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_LIBRARY_H_
