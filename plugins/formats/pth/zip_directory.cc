#include "formats/pth/zip_directory.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include "formats/pth/inflate.h"
#include "support/byte_reader.h"
#include "support/checkpoint.h"

// Names and layouts follow PKWARE's APPNOTE.TXT, section 4.3.
namespace skein::formats {
namespace {

using plugin::ByteReader;
using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr uint32_t kLocalHeaderSignature = 0x04034b50;
constexpr uint32_t kCentralHeaderSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
constexpr uint64_t kEndBytes = 22;  // without the comment
constexpr uint64_t kMaxCommentBytes = 0xffff;
constexpr uint64_t kZip64EndBytes = 56;
constexpr uint64_t kZip64LocatorBytes = 20;

constexpr uint16_t kZip64ExtraId = 1;
constexpr uint32_t kInZip64 = 0xffffffff;      // a 32-bit field whose value is in the ZIP64 record
constexpr uint16_t kCountInZip64 = 0xffff;     // the same for a 16-bit one
constexpr uint16_t kFlagSizesFollow = 1 << 3;  // sizes and checksum follow the data; the local header may have zeros
constexpr uint16_t kFlagUtf8Name = 1 << 11;
constexpr uint16_t kFlagsHowDeflated = 3 << 1;
constexpr uint16_t kMethodStored = 0;
constexpr uint16_t kMethodDeflated = 8;

struct DirectoryPlace {
  uint64_t offset;
  uint64_t bytes;
  uint64_t num_entries;
};

template <typename T>
void Expect(std::string_view what, T expected, T found) {
  if (found != expected) {
    FailCorrupt("zip: " + std::string(what) + ": expected " + std::to_string(expected) + ", found " +
                std::to_string(found));
  }
}

uint32_t SignatureAt(std::span<const uint8_t> file, uint64_t offset) {
  uint32_t signature = 0;
  std::memcpy(&signature, file.data() + offset, sizeof(signature));
  return signature;
}

// The end record is the last thing in the file, but for a comment whose length it states.
uint64_t FindEndRecord(std::span<const uint8_t> file) {
  if (file.size() < kEndBytes) {
    FailCorrupt("zip: expected at least " + std::to_string(kEndBytes) + " bytes, found " + std::to_string(file.size()));
  }
  const uint64_t max_comment = std::min(kMaxCommentBytes, file.size() - kEndBytes);
  for (uint64_t comment = 0; comment <= max_comment; ++comment) {
    const uint64_t offset = file.size() - kEndBytes - comment;
    if (SignatureAt(file, offset) != kEndSignature) continue;
    uint16_t stated = 0;
    std::memcpy(&stated, file.data() + offset + kEndBytes - sizeof(stated), sizeof(stated));
    if (stated == comment) return offset;
  }
  FailCorrupt("zip: expected an end of central directory record in the last bytes, found none: the file is truncated");
}

// Where the directory lies according to the ZIP64 end record, which ends where its locator begins.
DirectoryPlace ReadZip64End(std::span<const uint8_t> file, uint64_t locator_offset) {
  ByteReader locator(file.subspan(locator_offset, kZip64LocatorBytes), "zip64 locator");
  locator.Read<uint32_t>("signature");
  Expect<uint32_t>("zip64 locator: disk number", 0, locator.Read<uint32_t>("disk number"));
  const auto end_offset = locator.Read<uint64_t>("end record offset");
  Expect<uint32_t>("zip64 locator: number of disks", 1, locator.Read<uint32_t>("number of disks"));
  if (end_offset > locator_offset || locator_offset - end_offset < kZip64EndBytes) {
    FailCorrupt("zip: expected the zip64 end record before its locator at " + std::to_string(locator_offset) +
                ", found offset " + std::to_string(end_offset));
  }
  ByteReader record(file.subspan(end_offset, locator_offset - end_offset), "zip64 end record");
  Expect("zip64 end record: signature", kZip64EndSignature, record.Read<uint32_t>("signature"));
  const auto record_bytes = record.Read<uint64_t>("size");
  Expect("zip64 end record: size", record.remaining(), record_bytes);
  record.Take(4, "versions");
  Expect<uint32_t>("zip64 end record: disk number", 0, record.Read<uint32_t>("disk number"));
  Expect<uint32_t>("zip64 end record: disk of the directory", 0, record.Read<uint32_t>("disk of the directory"));
  const auto entries_here = record.Read<uint64_t>("entries on this disk");
  DirectoryPlace place{};
  place.num_entries = record.Read<uint64_t>("entries");
  place.bytes = record.Read<uint64_t>("directory size");
  place.offset = record.Read<uint64_t>("directory offset");
  Expect("zip64 end record: entries on this disk", place.num_entries, entries_here);
  if (place.offset > end_offset || end_offset - place.offset != place.bytes) {
    FailCorrupt("zip: expected a directory that ends at " + std::to_string(end_offset) + ", found offset " +
                std::to_string(place.offset) + " and size " + std::to_string(place.bytes));
  }
  return place;
}

DirectoryPlace FindDirectory(std::span<const uint8_t> file) {
  const uint64_t end_offset = FindEndRecord(file);
  ByteReader record(file.subspan(end_offset, kEndBytes), "zip end record");
  record.Read<uint32_t>("signature");
  Expect<uint16_t>("end record: disk number", 0, record.Read<uint16_t>("disk number"));
  Expect<uint16_t>("end record: disk of the directory", 0, record.Read<uint16_t>("disk of the directory"));
  const auto entries_here = record.Read<uint16_t>("entries on this disk");
  const auto num_entries = record.Read<uint16_t>("entries");
  const auto bytes = record.Read<uint32_t>("directory size");
  const auto offset = record.Read<uint32_t>("directory offset");
  Expect("end record: entries on this disk", num_entries, entries_here);

  if (end_offset >= kZip64LocatorBytes &&
      SignatureAt(file, end_offset - kZip64LocatorBytes) == kZip64LocatorSignature) {
    const DirectoryPlace place = ReadZip64End(file, end_offset - kZip64LocatorBytes);
    if (num_entries != kCountInZip64) Expect<uint64_t>("end record: entries", place.num_entries, num_entries);
    if (bytes != kInZip64) Expect<uint64_t>("end record: directory size", place.bytes, bytes);
    if (offset != kInZip64) Expect<uint64_t>("end record: directory offset", place.offset, offset);
    return place;
  }
  if (offset > end_offset || end_offset - offset != bytes) {
    FailCorrupt("zip: expected a directory that ends at " + std::to_string(end_offset) + ", found offset " +
                std::to_string(offset) + " and size " + std::to_string(bytes));
  }
  return {.offset = offset, .bytes = bytes, .num_entries = num_entries};
}

// One record of the central directory.
struct CentralHeader {
  std::string_view name;
  uint16_t flags = 0;
  uint16_t method = kMethodStored;
  uint32_t crc32 = 0;
  uint64_t stored_bytes = 0;  // in the file
  uint64_t plain_bytes = 0;   // of the contents
  uint64_t local_offset = 0;
};

void CheckMethod(const CentralHeader& header) {
  const std::string where = "zip: entry " + Quote(header.name) + ": ";
  const bool is_deflated = header.method == kMethodDeflated;
  const int allowed_flags = kFlagSizesFollow | kFlagUtf8Name | (is_deflated ? kFlagsHowDeflated : 0);
  if ((header.flags & ~allowed_flags) != 0) {
    FailUnsupported(where + "expected flags of " + std::to_string(allowed_flags) + " at most, found " +
                    std::to_string(header.flags) + ": encrypted or patched entries are not read");
  }
  if (header.method != kMethodStored && !is_deflated) {
    FailUnsupported(where + "expected a stored or deflated entry (method 0 or 8), found method " +
                    std::to_string(header.method));
  }
}

void CheckSizes(const CentralHeader& header) {
  const std::string where = "zip: entry " + Quote(header.name) + ": ";
  const std::string found =
      ", found " + std::to_string(header.stored_bytes) + " stored and " + std::to_string(header.plain_bytes) + " plain";
  if (header.method == kMethodStored && header.plain_bytes != header.stored_bytes) {
    FailCorrupt(where + "expected equal sizes of a stored entry" + found);
  }
  // A small file that claims to hold a large one could take any amount of memory.
  if (header.method == kMethodDeflated && header.plain_bytes / kMaxDeflation > header.stored_bytes) {
    FailCorrupt(where + "expected sizes that deflate can reach" + found);
  }
}

CentralHeader ReadCentralHeader(ByteReader& reader) {
  CentralHeader header;
  Expect("directory: signature", kCentralHeaderSignature, reader.Read<uint32_t>("signature"));
  reader.Take(4, "versions");
  header.flags = reader.Read<uint16_t>("flags");
  header.method = reader.Read<uint16_t>("method");
  reader.Take(4, "time");
  header.crc32 = reader.Read<uint32_t>("CRC-32");
  const auto stored_bytes = reader.Read<uint32_t>("compressed size");
  const auto plain_bytes = reader.Read<uint32_t>("size");
  const auto name_bytes = reader.Read<uint16_t>("name length");
  const auto extra_bytes = reader.Read<uint16_t>("extra field length");
  const auto comment_bytes = reader.Read<uint16_t>("comment length");
  const auto disk = reader.Read<uint16_t>("disk number");
  reader.Take(6, "attributes");
  const auto local_offset = reader.Read<uint32_t>("local header offset");
  header.name = reader.TakeText(name_bytes, "name");
  ByteReader extra(reader.Take(extra_bytes, "extra field"), "zip extra field");
  reader.Take(comment_bytes, "comment");

  CheckMethod(header);
  Expect<uint16_t>("entry " + Quote(header.name) + ": disk number", 0, disk);

  header.stored_bytes = stored_bytes;
  header.local_offset = local_offset;
  header.plain_bytes = plain_bytes;
  // The ZIP64 extra field holds, in this order, those of the three numbers that did not fit.
  while (extra.remaining() > 0) {
    const auto id = extra.Read<uint16_t>("id");
    const auto field_bytes = extra.Read<uint16_t>("size");
    ByteReader field(extra.Take(field_bytes, "data"), "zip64 extra field");
    if (id != kZip64ExtraId) continue;
    if (plain_bytes == kInZip64) header.plain_bytes = field.Read<uint64_t>("size");
    if (stored_bytes == kInZip64) header.stored_bytes = field.Read<uint64_t>("compressed size");
    if (local_offset == kInZip64) header.local_offset = field.Read<uint64_t>("local header offset");
  }
  CheckSizes(header);
  return header;
}

// Checks the local header against the directory and gives the bytes behind it. `data_end` is where the directory
// begins.
std::span<const uint8_t> LocateBytes(std::span<const uint8_t> file, const CentralHeader& header, uint64_t data_end) {
  const std::string entry = "entry " + Quote(header.name) + ": ";
  if (header.local_offset > data_end) {
    FailCorrupt("zip: " + entry + "expected a local header before " + std::to_string(data_end) + ", found offset " +
                std::to_string(header.local_offset));
  }
  ByteReader reader(file.subspan(header.local_offset, data_end - header.local_offset), "zip local header");
  Expect(entry + "local signature", kLocalHeaderSignature, reader.Read<uint32_t>("signature"));
  reader.Take(2, "version");
  Expect(entry + "local flags", header.flags, reader.Read<uint16_t>("flags"));
  Expect(entry + "local method", header.method, reader.Read<uint16_t>("method"));
  reader.Take(4, "time");
  const auto crc32 = reader.Read<uint32_t>("CRC-32");
  const auto stored_bytes = reader.Read<uint32_t>("compressed size");
  const auto plain_bytes = reader.Read<uint32_t>("size");
  const auto name_bytes = reader.Read<uint16_t>("name length");
  const auto extra_bytes = reader.Read<uint16_t>("extra field length");
  const std::string_view name = reader.TakeText(name_bytes, "name");
  reader.Take(extra_bytes, "extra field");

  const bool may_be_zero = (header.flags & kFlagSizesFollow) != 0;
  if (!may_be_zero || crc32 != 0) Expect(entry + "local CRC-32", header.crc32, crc32);
  for (const auto& [expected, found] :
       {std::pair(header.stored_bytes, stored_bytes), std::pair(header.plain_bytes, plain_bytes)}) {
    if (found == kInZip64 || (may_be_zero && found == 0)) continue;
    Expect<uint64_t>(entry + "local size", expected, found);
  }
  if (name != header.name) FailCorrupt("zip: " + entry + "found the local name " + Quote(name));
  return reader.Take(header.stored_bytes, "data of " + entry);
}

// Entries that share bytes would let a small file claim to be a large one.
void CheckDisjoint(std::vector<ZipEntry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.bytes.data() < b.bytes.data(); });
  for (size_t i = 1; i < entries.size(); ++i) {
    const ZipEntry& before = entries[i - 1];
    if (entries[i].bytes.data() < before.bytes.data() + before.bytes.size()) {
      FailCorrupt("zip: entries " + Quote(before.name) + " and " + Quote(entries[i].name) + " overlap");
    }
  }
}

}  // namespace

std::vector<ZipEntry> ReadZipDirectory(std::span<const uint8_t> file) {
  const DirectoryPlace place = FindDirectory(file);
  ByteReader reader(file.subspan(place.offset, place.bytes), "zip directory");
  std::vector<ZipEntry> entries;
  std::unordered_set<std::string_view> names;
  while (reader.remaining() > 0) {
    const CentralHeader header = ReadCentralHeader(reader);
    const std::span<const uint8_t> bytes = LocateBytes(file, header, place.offset);
    if (!names.insert(header.name).second) FailCorrupt("zip: entry " + Quote(header.name) + " occurs twice");
    const bool has_checksum = header.crc32 != 0 || header.plain_bytes == 0;
    entries.push_back({.name = header.name,
                       .bytes = bytes,
                       .is_deflated = header.method == kMethodDeflated,
                       .plain_bytes = header.plain_bytes,
                       .crc32 = has_checksum ? std::optional<uint32_t>(header.crc32) : std::nullopt});
  }
  Expect<uint64_t>("directory: entries", place.num_entries, entries.size());
  CheckDisjoint(entries);
  return entries;
}

}  // namespace skein::formats
