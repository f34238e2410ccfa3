// Files that look like plugins, at each stage of being copied and with each field of their headers forged.
#include "plugin/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "plugin/registry.h"

namespace skein {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ElfFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream plugin(std::string(SKEIN_PLUGIN_DIR) + "/tokenizer-bytes.so", std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(plugin), {});
    ASSERT_GT(whole_.size(), 4096u);
    std::memcpy(&header_, whole_.data(), sizeof(header_));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  absl::Status CheckAndClose(int descriptor) const {
    absl::Status status = CheckSharedObject(descriptor, path_);
    close(descriptor);
    return status;
  }
  absl::Status CheckPath() const { return CheckAndClose(open(path_.c_str(), O_RDONLY | O_NONBLOCK)); }
  // A file of these bytes, in memory.
  absl::Status Check(const std::string& bytes) const {
    const int descriptor = memfd_create("plugin", 0);
    EXPECT_EQ(write(descriptor, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    return CheckAndClose(descriptor);
  }
  // The whole file with `value` at the place of a field.
  template <typename Value>
  std::string With(uint64_t offset, Value value) const {
    std::string bytes = whole_;
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
    return bytes;
  }
  void ExpectRefused(const std::string& bytes, const char* why) const {
    const absl::Status status = Check(bytes);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << why << ": " << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_ + ": expected a shared object"), HasSubstr(why)));
  }

  const std::string path_ = ::testing::TempDir() + "/elf_file." + std::to_string(getpid()) + ".so";
  std::string whole_;
  Elf64_Ehdr header_ = {};
};

#define FIELD(name) offsetof(Elf64_Ehdr, name)

TEST_F(ElfFileTest, AWholePluginPasses) {
  EXPECT_TRUE(Check(whole_).ok()) << Check(whole_);
  EXPECT_TRUE(Check(whole_ + "appended by a packer").ok());
  // Stripped of its section table.
  EXPECT_TRUE(Check(With<uint64_t>(FIELD(e_shoff), 0)).ok());
}

// A copy that has come to any length, as `cp` leaves it, and in a file that had its full length from the start. Of the
// latter a part of the last section's header may be missing: nobody reads it, and in some files it is zeros.
TEST_F(ElfFileTest, NoCopyThatIsUnfinishedPasses) {
  const size_t last_header = whole_.size() - sizeof(Elf64_Shdr);
  for (size_t size = 0; size < whole_.size(); size += 1 + whole_.size() / 300) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Check(whole_.substr(0, size)))) << size;
    const size_t num_copied = std::min(size, last_header);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(Check(whole_.substr(0, num_copied) + std::string(whole_.size() - num_copied, '\0'))))
        << num_copied;
  }
  ExpectRefused(whole_.substr(0, whole_.size() - 1), "it is truncated, or still being copied");
  ExpectRefused(whole_.substr(0, whole_.size() / 2), "it is truncated, or still being copied");
  ExpectRefused(whole_.substr(0, 20), "the file ends at byte 20");
  ExpectRefused("", "found an empty file");
}

TEST_F(ElfFileTest, OtherFilesAreNamed) {
  ExpectRefused("This is text.\n", "begins with \"This\"");
  ExpectRefused(
      "\x7F"
      "E",
      "begins with");
  ExpectRefused(With<uint8_t>(EI_CLASS, ELFCLASS32), "not of 64 bits");
  ExpectRefused(With<uint8_t>(EI_DATA, ELFDATA2MSB), "not of 64 bits and little-endian");
  ExpectRefused(With<uint16_t>(FIELD(e_machine), EM_S390), "for ELF machine 22");
  ExpectRefused(With<uint16_t>(FIELD(e_type), ET_REL), "found ELF type 1");
}

TEST_F(ElfFileTest, ForgedTablesAreRefused) {
  ExpectRefused(With<uint16_t>(FIELD(e_phnum), 0), "found 0 program headers");
  ExpectRefused(With<uint16_t>(FIELD(e_phnum), 0xFFFF), "table of program headers");
  ExpectRefused(With<uint16_t>(FIELD(e_phentsize), 8), "program headers of 8 bytes");
  for (const uint64_t offset : {uint64_t{whole_.size() + 1}, UINT64_MAX, UINT64_MAX - 8, uint64_t{1} << 63}) {
    ExpectRefused(With(FIELD(e_phoff), offset), "table of program headers");
    ExpectRefused(With(FIELD(e_shoff), offset), "section table");
    for (uint64_t i = 0; i < header_.e_phnum; ++i) {
      const uint64_t segment = header_.e_phoff + i * sizeof(Elf64_Phdr);
      EXPECT_FALSE(Check(With(segment + offsetof(Elf64_Phdr, p_filesz), offset)).ok());
    }
  }
  ExpectRefused(With<uint16_t>(FIELD(e_shnum), 0xFFFF), "section table");
}

TEST_F(ElfFileTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
  EXPECT_THAT(std::string(CheckPath().message()), HasSubstr("not a regular file"));
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(CheckPath().message()), HasSubstr("not a regular file"));
}

// Bytes of the headers changed at random: the check itself always comes to an end, and reads no further than the file.
TEST_F(ElfFileTest, AnyHeaderCanBeChecked) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = whole_.substr(0, random() % 2 == 0 ? 4096 : 200);
    for (int n = 0; n < 4; ++n) bytes[4 + random() % 160] = static_cast<char>(random());
    const absl::Status status = Check(bytes);
    EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status));
  }
}

// --- the same through the registry ---

TEST_F(ElfFileTest, AFolderInWhichAPluginIsBeingCopiedHarmsNobody) {
  const std::string folder = path_ + ".folder";
  std::filesystem::create_directories(folder + "/folder.so");
  ASSERT_EQ(mkfifo((folder + "/fifo.so").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", folder + "/dangling.so");
  std::filesystem::create_symlink("loop.so", folder + "/loop.so");
  std::ofstream(folder + "/empty.so").close();
  std::ofstream(folder + "/half.so", std::ios::binary) << whole_.substr(0, whole_.size() / 2);
  std::ofstream(folder + "/whole.so", std::ios::binary) << whole_;
  PluginRegistry registry;
  registry.LoadFolder(folder);
  EXPECT_EQ(registry.records().size(), 7u);
  EXPECT_EQ(registry.tokenizers().size(), 1u);
  for (const PluginRecord& record : registry.records()) {
    EXPECT_EQ(record.reason.empty(), record.path == folder + "/whole.so") << record.path;
    if (record.reason.empty()) continue;
    EXPECT_THAT(record.reason, HasSubstr(record.path));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace skein
