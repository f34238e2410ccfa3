#include "library.h"

#include <fstream>
#include <sstream>

#include "lexer.h"
#include "module.h"

namespace skein::emulator::ptx {

Library::Library(const std::string& list, int capability, Products products) : list_(list), products_(products) {
  std::ifstream paths(list);
  if (!paths) throw LoadError(list, 0, "no list of PTX files there");
  for (std::string path; std::getline(paths, path);) {
    if (path.empty()) continue;
    std::ifstream file(path);
    if (!file) throw LoadError(path, 0, "no file there");
    std::stringstream text;
    text << file.rdbuf();
    auto module = std::make_unique<Module>(path, text.str());
    if (module->target() > static_cast<uint32_t>(capability)) continue;
    modules_.push_back(std::move(module));
    Add(*modules_.back());
  }
}

void Library::Add(const Module& module) {
  for (const Entry& entry : module.entries()) {
    std::vector<Kernel>& kernels = kernels_[Demangled(entry.name)];
    if (!kernels.empty() && kernels[0].module->target() > module.target()) continue;
    if (!kernels.empty() && kernels[0].module->target() < module.target()) kernels.clear();
    kernels.push_back({&module, &entry});
  }
}

const Program& Library::Find(const std::string& name) {
  std::unique_ptr<Program>& program = programs_[name];
  if (program != nullptr) return *program;
  const auto found = kernels_.find(name);
  if (found == kernels_.end()) throw LoadError(list_, 0, "no kernel " + name);
  const std::vector<Kernel>& kernels = found->second;
  if (kernels.size() > 1) {
    throw LoadError(kernels[0].module->file(), kernels[0].entry->line,
                    name + " is also in " + kernels[1].module->file() + "; expected one kernel of this name");
  }
  program = std::make_unique<Program>(Decode(*kernels[0].module, *kernels[0].entry, products_));
  return *program;
}

std::vector<std::string> Library::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, kernels] : kernels_) names.push_back(name);
  return names;
}

}  // namespace skein::emulator::ptx
