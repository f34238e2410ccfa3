#include "plugin/elf_file.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace skein {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kMachine = EM_AARCH64;
#else
#error "add the machine's number in ELF files"
#endif

class ElfFile {
 public:
  ElfFile(int descriptor, const std::string& path, uint64_t size_bytes)
      : descriptor_(descriptor), path_(path), size_bytes_(size_bytes) {}

  absl::Status Check() {
    SKEIN_RETURN_IF_ERROR(ReadHeader());
    SKEIN_RETURN_IF_ERROR(CheckMachine());
    SKEIN_RETURN_IF_ERROR(CheckSegments());
    return CheckSections();
  }

 private:
  absl::Status Refuse(absl::string_view found) const {
    return absl::FailedPreconditionError(absl::StrCat(path_, ": expected a shared object for this machine; ", found));
  }

  // The bytes [offset, offset + size) must lie in the file.
  absl::Status CheckRange(const char* what, uint64_t offset, uint64_t size) const {
    uint64_t end;
    if (!__builtin_add_overflow(offset, size, &end) && end <= size_bytes_) return absl::OkStatus();
    return Refuse(absl::StrCat("the file ends at byte ", size_bytes_, ", and its ", what, " begins at byte ", offset,
                               " and has ", size, " bytes: it is truncated, or still being copied"));
  }

  template <typename Record>
  absl::Status Read(const char* what, uint64_t offset, Record* record) const {
    SKEIN_RETURN_IF_ERROR(CheckRange(what, offset, sizeof(Record)));
    const ssize_t size = pread(descriptor_, record, sizeof(Record), static_cast<off_t>(offset));
    if (size == static_cast<ssize_t>(sizeof(Record))) return absl::OkStatus();
    return Refuse(
        absl::StrCat("its ", what, " cannot be read: ", size < 0 ? std::strerror(errno) : "the file shrinks"));
  }

  absl::Status ReadHeader() {
    if (size_bytes_ == 0) return Refuse("found an empty file");
    char magic[SELFMAG] = {};
    const ssize_t size = pread(descriptor_, magic, sizeof(magic), 0);
    if (size < 0) return Refuse(absl::StrCat("it cannot be read: ", std::strerror(errno)));
    if (std::memcmp(magic, ELFMAG, SELFMAG) != 0) {
      return Refuse(absl::StrCat("found a file that begins with \"",
                                 absl::CHexEscape(absl::string_view(magic, static_cast<size_t>(size))), "\""));
    }
    return Read("header", 0, &header_);
  }

  absl::Status CheckMachine() const {
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != ELFDATA2LSB) {
      return Refuse("found one that is not of 64 bits and little-endian");
    }
    if (header_.e_machine != kMachine) {
      return Refuse(absl::StrCat("found one for ELF machine ", header_.e_machine, "; this is ", kMachine));
    }
    if (header_.e_type == ET_DYN) return absl::OkStatus();
    return Refuse(absl::StrCat("found ELF type ", header_.e_type, "; a shared object has ", ET_DYN));
  }

  absl::Status CheckSegments() const {
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0) {
      return Refuse(absl::StrCat("found ", header_.e_phnum, " program headers of ", header_.e_phentsize, " bytes"));
    }
    SKEIN_RETURN_IF_ERROR(
        CheckRange("table of program headers", header_.e_phoff, uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr)));
    bool has_code = false;
    for (uint64_t i = 0; i < header_.e_phnum; ++i) {
      Elf64_Phdr segment;
      SKEIN_RETURN_IF_ERROR(Read("program header", header_.e_phoff + i * sizeof(segment), &segment));
      SKEIN_RETURN_IF_ERROR(CheckRange("segment", segment.p_offset, segment.p_filesz));
      has_code = has_code || segment.p_type == PT_LOAD;
    }
    return has_code ? absl::OkStatus() : Refuse("found one without a segment to load");
  }

  // A file without a section table has been stripped of it. A copy that began with the full size has zeros where the
  // table will be.
  absl::Status CheckSections() const {
    if (header_.e_shoff == 0) return absl::OkStatus();
    const uint64_t num_sections = header_.e_shnum == 0 ? 1 : header_.e_shnum;  // 0: too many for the field
    SKEIN_RETURN_IF_ERROR(CheckRange("section table", header_.e_shoff, num_sections * sizeof(Elf64_Shdr)));
    if (header_.e_shstrndx == SHN_UNDEF || header_.e_shstrndx >= num_sections) return absl::OkStatus();
    Elf64_Shdr names;
    SKEIN_RETURN_IF_ERROR(
        Read("section table", header_.e_shoff + uint64_t{header_.e_shstrndx} * sizeof(names), &names));
    if (names.sh_type == SHT_STRTAB) return absl::OkStatus();
    return Refuse("its section table has no names: it is damaged, or still being copied");
  }

  const int descriptor_;
  const std::string& path_;
  const uint64_t size_bytes_;
  Elf64_Ehdr header_ = {};
};

}  // namespace

absl::Status CheckSharedObject(int descriptor, const std::string& path) {
  struct stat info;
  if (fstat(descriptor, &info) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be looked at: ", std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
  return ElfFile(descriptor, path, static_cast<uint64_t>(info.st_size)).Check();
}

}  // namespace skein
