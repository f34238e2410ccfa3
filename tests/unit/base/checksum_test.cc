#include "base/checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace skein {
namespace {

std::vector<uint8_t> Bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  return bytes;
}

// From the xxhsum program: the files of a later version are those of an earlier one.
TEST(ChecksumTest, ValuesAreThoseOfTheDefinition) {
  EXPECT_EQ(Checksum(nullptr, 0), 0x2d06800538d394c2u);
  EXPECT_EQ(ChecksumHex128("", 0), "99aa06d3014798d86001c324468d497f");
  const std::vector<uint8_t> bytes = Bytes(100'000);
  EXPECT_EQ(Checksum(bytes.data(), 100), 0xad1e77ff670a2548u);
  EXPECT_EQ(Checksum(bytes.data(), bytes.size()), 0x1d43ec753d462301u);
  EXPECT_EQ(ChecksumHex128(bytes.data(), bytes.size()), "18580bb0190de1db1d43ec753d462301");
}

TEST(ChecksumTest, PiecesGiveWhatTheWholeGives) {
  const std::vector<uint8_t> bytes = Bytes(100'000);
  for (const size_t piece : {1, 63, 256, 16'384}) {
    ChecksumStream stream;
    for (size_t at = 0; at < bytes.size(); at += piece) stream.Add(&bytes[at], std::min(piece, bytes.size() - at));
    EXPECT_EQ(stream.Finish(), Checksum(bytes.data(), bytes.size())) << piece;
  }
}

TEST(ChecksumTest, ThreadsComputeTheSame) {
  const std::vector<uint8_t> bytes = Bytes(100'000);
  std::vector<uint64_t> found(4);
  std::vector<std::thread> threads;
  for (uint64_t& one : found) threads.emplace_back([&] { one = Checksum(bytes.data(), bytes.size()); });
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t one : found) EXPECT_EQ(one, Checksum(bytes.data(), bytes.size()));
}

}  // namespace
}  // namespace skein
