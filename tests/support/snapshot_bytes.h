// Takes snapshots apart and puts them together again with right checksums, to make bytes that no writer of ours makes.
// The layout is that of sdk/src/state/snapshot.h.
#ifndef SKEIN_TESTS_SUPPORT_SNAPSHOT_BYTES_H_
#define SKEIN_TESTS_SUPPORT_SNAPSHOT_BYTES_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "skein/backend.h"
#include "skein/v1/snapshot.pb.h"

namespace skein::test {

// Two layers of att_shift[2], ffn_shift[2], wkv[1][2][2].
inline skein_backend_model SmallStateModel() {
  skein_backend_model model = {};
  model.generation = 5;
  model.variant = 2;
  model.num_layers = 2;
  model.d_model = 2;
  model.d_att = 2;
  model.num_heads = 1;
  model.head_size = 2;
  model.vocab_size = 50;
  return model;
}

// v4-odd of tests/data.
inline skein_backend_model V4OddModel() {
  skein_backend_model model = {};
  model.generation = 4;
  model.num_layers = 3;
  model.d_model = 48;
  model.d_att = 80;
  model.vocab_size = 53;
  return model;
}

struct SnapshotParts {
  v1::Snapshot header;
  std::vector<std::vector<uint8_t>> sections;  // of the header, in its order
  bool keeps_sizes = false;                    // the header's sizes of sections stay as they are

  v1::Section& Add(const std::string& name, std::vector<uint8_t> bytes) {
    sections.push_back(std::move(bytes));
    header.add_sections()->set_name(name);
    return *header.mutable_sections(header.sections_size() - 1);
  }
};

constexpr size_t kSnapshotPreambleBytes = 64;

inline void PadTo64(std::vector<uint8_t>& bytes) { bytes.resize((bytes.size() + 63) / 64 * 64); }

inline uint64_t NumberAt(const std::vector<uint8_t>& bytes, size_t offset) {
  uint64_t number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof(number));
  return number;
}

inline void PutNumber(std::vector<uint8_t>& bytes, size_t offset, uint64_t number) {
  std::memcpy(bytes.data() + offset, &number, sizeof(number));
}

// `bytes` may be damaged: missing parts of sections are left out, and a header that cannot be parsed is empty.
inline SnapshotParts TakeApart(const std::vector<uint8_t>& bytes) {
  SnapshotParts parts;
  if (bytes.size() < kSnapshotPreambleBytes) return parts;
  const size_t header_bytes = std::min<uint64_t>(NumberAt(bytes, 24), bytes.size() - kSnapshotPreambleBytes);
  parts.header.ParsePartialFromArray(bytes.data() + kSnapshotPreambleBytes, static_cast<int>(header_bytes));
  size_t offset = (kSnapshotPreambleBytes + header_bytes + 63) / 64 * 64;
  for (const v1::Section& section : parts.header.sections()) {
    offset = std::min(offset, bytes.size());
    const size_t size = std::min<uint64_t>(section.size_bytes(), bytes.size() - offset);
    const auto* begin = bytes.data() + offset;
    parts.sections.emplace_back(begin, begin + size);
    offset += (size + 63) / 64 * 64;
  }
  return parts;
}

inline std::vector<uint8_t> PutTogether(SnapshotParts parts) {
  for (size_t i = 0; i < parts.sections.size(); ++i) {
    v1::Section& section = *parts.header.mutable_sections(static_cast<int>(i));
    if (!parts.keeps_sizes) section.set_size_bytes(parts.sections[i].size());
    section.set_checksum(Checksum(parts.sections[i].data(), parts.sections[i].size()));
  }
  const std::string header = parts.header.SerializePartialAsString();
  std::vector<uint8_t> bytes(kSnapshotPreambleBytes + header.size());
  std::memcpy(bytes.data() + kSnapshotPreambleBytes, header.data(), header.size());
  PadTo64(bytes);
  const uint64_t sections_offset = bytes.size();
  for (const std::vector<uint8_t>& section : parts.sections) {
    bytes.insert(bytes.end(), section.begin(), section.end());
    PadTo64(bytes);
  }
  const uint32_t version = 2;
  std::memcpy(bytes.data(), "SKEINSNP", 8);
  std::memcpy(bytes.data() + 8, &version, sizeof(version));
  PutNumber(bytes, 16, bytes.size());
  PutNumber(bytes, 24, header.size());
  PutNumber(bytes, 32, Checksum(header.data(), header.size()));
  PutNumber(bytes, 40, sections_offset);
  PutNumber(bytes, 56, Checksum(bytes.data(), 56));
  return bytes;
}

// Makes both checksums of a snapshot of version 1 right: sdk/src/state/snapshot_v1.h.
inline void MendChecksumsV1(std::vector<uint8_t>& bytes) {
  constexpr size_t kHeaderBytes = 112;
  constexpr size_t kStateChecksumAt = 96;
  constexpr size_t kHeaderChecksumAt = 104;
  if (bytes.size() < kHeaderBytes) return;
  PutNumber(bytes, kStateChecksumAt, Checksum(bytes.data() + kHeaderBytes, bytes.size() - kHeaderBytes));
  PutNumber(bytes, kHeaderChecksumAt, Checksum(bytes.data(), kHeaderChecksumAt));
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_SNAPSHOT_BYTES_H_
