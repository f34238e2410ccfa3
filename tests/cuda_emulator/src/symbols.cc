#include "symbols.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace skein::emulator {
namespace {

template <typename T>
bool ReadAt(std::ifstream& file, uint64_t offset, T* values, size_t count) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(values), static_cast<std::streamsize>(count * sizeof(T)));
  return file.good();
}

// The name of the function at an offset from the module's base; empty if the file has none.
std::string NameInFile(const char* path, uintptr_t offset) {
  std::ifstream file(path, std::ios::binary);
  ElfW(Ehdr) header;
  if (!ReadAt(file, 0, &header, 1) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "";
  std::vector<ElfW(Shdr)> sections(header.e_shnum);
  if (!ReadAt(file, header.e_shoff, sections.data(), sections.size())) return "";
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    std::vector<ElfW(Sym)> symbols(section.sh_size / sizeof(ElfW(Sym)));
    std::vector<char> names(sections[section.sh_link].sh_size);
    if (!ReadAt(file, section.sh_offset, symbols.data(), symbols.size())) return "";
    if (!ReadAt(file, sections[section.sh_link].sh_offset, names.data(), names.size())) return "";
    for (const ElfW(Sym) & symbol : symbols) {
      const bool is_function = (symbol.st_info & 0xF) == STT_FUNC;
      if (is_function && symbol.st_value == offset && symbol.st_name < names.size()) return &names[symbol.st_name];
    }
  }
  return "";
}

std::string Demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

std::string LookUp(const void* function) {
  Dl_info info;
  void* map = nullptr;
  if (dladdr1(function, &info, &map, RTLD_DL_LINKMAP) != 0) {
    const auto base = static_cast<link_map*>(map)->l_addr;
    const char* path = info.dli_fname;
    // The program itself may go by a name that is no path.
    if (static_cast<link_map*>(map)->l_name[0] == 0) path = "/proc/self/exe";
    const std::string name = NameInFile(path, reinterpret_cast<uintptr_t>(function) - base);
    if (!name.empty()) return Demangled(name);
  }
  return "at " + std::to_string(reinterpret_cast<uintptr_t>(function));
}

}  // namespace

const std::string& NameOfFunction(const void* function) {
  static std::mutex mutex;
  static std::map<const void*, std::string> names;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = names.try_emplace(function);
  if (is_new) entry->second = LookUp(function);
  return entry->second;
}

}  // namespace skein::emulator
