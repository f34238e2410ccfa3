#include "formats/pth/zip_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/checkpoint.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein::test {
namespace {

using formats::ReadZipDirectory;
using formats::ZipEntry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Bytes kOne = {1, 2, 3};
const Bytes kTwo = {4, 5};

// The error that `read` threw, or "" and OK.
struct Refusal {
  int32_t status = SKEIN_OK;
  std::string message;
};

Refusal RefusalOf(const Bytes& file) {
  try {
    ReadZipDirectory(file);
    return {};
  } catch (const plugin::Error& error) {
    return {.status = error.code(), .message = error.what()};
  }
}

void ExpectOneAndTwo(const std::vector<ZipEntry>& entries) {
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "one");
  EXPECT_THAT(entries[0].bytes, ElementsAre(1, 2, 3));
  EXPECT_EQ(entries[0].crc32, plugin::Crc32(kOne));
  EXPECT_EQ(entries[1].name, "two");
  EXPECT_THAT(entries[1].bytes, ElementsAre(4, 5));
}

TEST(Crc32Test, GivesTheKnownValues) {
  const auto of = [](std::string_view text) {
    return plugin::Crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  };
  EXPECT_EQ(of(""), 0u);
  EXPECT_EQ(of("123456789"), 0xcbf43926u);  // the check value of the algorithm's catalogue entry
  EXPECT_EQ(of("The quick brown fox jumps over the lazy dog"), 0x414fa339u);
}

TEST(ZipDirectoryTest, GivesStoredEntries) {
  const Bytes file = ZipWriter().Add("one", kOne).Add("two", kTwo).Finish();
  ExpectOneAndTwo(ReadZipDirectory(file));
}

TEST(ZipDirectoryTest, ReadsTheZip64EndRecord) {
  const Bytes file = ZipWriter().Add("one", kOne).Add("two", kTwo).FinishZip64();
  ExpectOneAndTwo(ReadZipDirectory(file));
}

TEST(ZipDirectoryTest, FindsTheEndRecordBeforeAComment) {
  Bytes file = ZipWriter().Add("one", kOne).Add("two", kTwo).Finish();
  file[file.size() - 2] = 5;
  Append(&file, std::string_view("hello"));
  ExpectOneAndTwo(ReadZipDirectory(file));
}

TEST(ZipDirectoryTest, AZeroChecksumOfSomethingIsNone) {
  const Bytes file = ZipWriter().Add("one", kOne, {.record_crc32 = false}).Finish();
  EXPECT_EQ(ReadZipDirectory(file).at(0).crc32, std::nullopt);
}

TEST(ZipDirectoryTest, GivesTheSizesOfDeflatedEntries) {
  const Bytes file = ZipWriter().Add("one", kOne, {.method = 8, .flags = 4, .plain_bytes = 3000}).Finish();
  const ZipEntry entry = ReadZipDirectory(file).at(0);
  EXPECT_TRUE(entry.is_deflated);
  EXPECT_THAT(entry.bytes, ElementsAre(1, 2, 3));
  EXPECT_EQ(entry.plain_bytes, 3000u);
}

TEST(ZipDirectoryTest, RefusesASizeThatDeflateCannotReach) {
  const Refusal bomb = RefusalOf(ZipWriter().Add("bomb", kOne, {.method = 8, .plain_bytes = 1 << 30}).Finish());
  EXPECT_EQ(bomb.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(bomb.message, HasSubstr("entry \"bomb\": expected sizes that deflate can reach, found 3 stored"));
}

TEST(ZipDirectoryTest, RefusesOtherCompressionsAndEncryptedEntriesByName) {
  const Refusal other = RefusalOf(ZipWriter().Add("packed", kOne, {.method = 14}).Finish());
  EXPECT_EQ(other.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(other.message, HasSubstr("entry \"packed\": expected a stored or deflated entry"));
  const Refusal encrypted = RefusalOf(ZipWriter().Add("secret", kOne, {.flags = 1}).Finish());
  EXPECT_EQ(encrypted.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(encrypted.message, HasSubstr("encrypted"));
}

TEST(ZipDirectoryTest, RefusesEntriesThatShareBytes) {
  const uint32_t crc32 = plugin::Crc32(kOne);
  const Refusal twice = RefusalOf(ZipWriter().Add("one", kOne).AddToDirectory("one", kOne, {}, crc32, 0).Finish());
  EXPECT_THAT(twice.message, HasSubstr("occurs twice"));

  // One entry inside another: the outer one's data is a zip entry itself.
  const Bytes inner_file = ZipWriter().Add("two", kTwo).Finish();
  const Bytes inner_entry(inner_file.begin(), inner_file.begin() + 30 + 3 + 2);
  const uint32_t outer_header_bytes = 30 + 3;
  const Refusal nested = RefusalOf(ZipWriter()
                                       .Add("one", inner_entry)
                                       .AddToDirectory("two", kTwo, {}, plugin::Crc32(kTwo), outer_header_bytes)
                                       .Finish());
  EXPECT_EQ(nested.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(nested.message, HasSubstr("overlap"));
}

TEST(ZipDirectoryTest, RefusesALocalHeaderThatDisagrees) {
  const Bytes file = ZipWriter().Add("one", kOne).Finish();
  constexpr size_t kLocalFields[] = {0, 6, 8, 14, 18, 22, 26, 30};  // signature, flags, method, ..., name
  for (const size_t offset : kLocalFields) {
    Bytes changed = file;
    changed[offset] ^= 1;
    EXPECT_EQ(RefusalOf(changed).status, SKEIN_DATA_LOSS) << "offset " << offset;
  }
}

TEST(ZipDirectoryTest, RefusesSizesAndOffsetsBeyondTheFile) {
  const Bytes file = ZipWriter().Add("one", kOne).FinishZip64();
  const size_t zip64_end = file.size() - 22 - 20 - 56;
  const size_t directory = zip64_end - 46 - 3;
  for (const uint64_t value : {uint64_t{file.size()}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}}) {
    // size of the record, both entry counts, size and offset of the directory, offset in the locator
    for (const size_t offset : {size_t{4}, size_t{24}, size_t{32}, size_t{40}, size_t{48}, size_t{56 + 8}}) {
      Bytes changed = file;
      std::memcpy(changed.data() + zip64_end + offset, &value, sizeof(value));
      EXPECT_EQ(RefusalOf(changed).status, SKEIN_DATA_LOSS) << "offset " << offset << " value " << value;
    }
  }
  for (const uint32_t value : {static_cast<uint32_t>(file.size()), uint32_t{0x7fffffff}, uint32_t{0xffffffff}}) {
    for (const size_t offset : {size_t{20}, size_t{24}, size_t{42}}) {  // both sizes, local header offset
      Bytes changed = file;
      std::memcpy(changed.data() + directory + offset, &value, sizeof(value));
      EXPECT_EQ(RefusalOf(changed).status, SKEIN_DATA_LOSS) << "offset " << offset << " value " << value;
    }
  }
}

TEST(ZipDirectoryTest, FailsAtEveryTruncation) {
  const Bytes file = ZipWriter().Add("one", kOne).Add("two", kTwo).FinishZip64();
  for (size_t length = 0; length < file.size(); ++length) {
    const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_EQ(RefusalOf(cut).status, SKEIN_DATA_LOSS) << "length " << length;
  }
}

}  // namespace
}  // namespace skein::test
