// States on disk: state_disk FOLDER [STATES]. Prints one table: for states of the sizes of three models, the rates of
// writing and reading STATES states one after the other (256 if it is left out), and the times to read one at random,
// while the system has the file in memory and after it was told to forget it (posix_fadvise).
//
// FOLDER should lie on the disk that is meant. Writing goes to the system's memory, and the disk may follow later.
#include "state/state_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/times.h"

namespace {

using skein::DiskBlock;
using skein::StateDisk;
using skein::bench::Clock;
using skein::bench::Quantile;
using skein::bench::SecondsSince;

struct Shape {
  const char* name;
  uint64_t num_layers;
  uint64_t d_model;

  // RWKV-7 with heads of 64, float32.
  uint64_t StateBytes() const { return num_layers * 66 * d_model * 4; }
};
constexpr Shape kShapes[] = {{"6x256", 6, 256}, {"0.1B", 12, 768}, {"0.4B", 24, 1024}};

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "state_disk: %s\n", status.ToString().c_str());
  std::exit(1);
}

// Writes all files of the folder to the disk, and has the system forget them.
void Forget(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    fsync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
  }
}

// The states of one shape on disk.
class States {
 public:
  States(const std::string& folder, uint64_t state_bytes, uint64_t num_states) : folder_(folder), state_(state_bytes) {
    for (size_t i = 0; i < state_.size(); ++i) state_[i] = static_cast<uint8_t>(i * 2654435761u >> 11);
    auto disk = StateDisk::Open({folder, "bench", state_bytes, uint64_t{1} << 40, false});
    Check(disk.status());
    disk_ = *std::move(disk);
    for (uint64_t i = 0; i < num_states; ++i) {
      auto block = disk_->Reserve();
      Check(block.status());
      blocks_.push_back(*std::move(block));
    }
  }

  double SecondsToWrite() {
    const Clock::time_point start = Clock::now();
    for (DiskBlock& block : blocks_) Check(disk_->Write(block, state_));
    return SecondsSince(start);
  }
  double SecondsToRead() {
    const Clock::time_point start = Clock::now();
    for (const DiskBlock& block : blocks_) Check(disk_->Read(block, absl::MakeSpan(state_)));
    return SecondsSince(start);
  }
  // Milliseconds of each of `num_reads` reads of states at random, each of another one.
  std::vector<double> TimesToRead(size_t num_reads) {
    std::vector<size_t> order(blocks_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    order.resize(std::min(order.size(), num_reads));
    std::vector<double> times;
    for (const size_t i : order) {
      const Clock::time_point start = Clock::now();
      Check(disk_->Read(blocks_[i], absl::MakeSpan(state_)));
      times.push_back(SecondsSince(start) * 1e3);
    }
    return times;
  }
  void ForgetFiles() const { Forget(folder_); }

 private:
  const std::string folder_;
  std::vector<uint8_t> state_;
  std::shared_ptr<StateDisk> disk_;
  std::vector<DiskBlock> blocks_;
  std::mt19937 random_{1};
};

void PrintRow(const std::string& folder, const Shape& shape, uint64_t num_states) {
  States states(folder, shape.StateBytes(), num_states);
  const double mib = static_cast<double>(num_states * shape.StateBytes()) / (1 << 20);
  states.SecondsToWrite();  // makes the file
  const double write = mib / states.SecondsToWrite();
  const double read = mib / states.SecondsToRead();
  const std::vector<double> warm = states.TimesToRead(num_states);
  states.ForgetFiles();
  const std::vector<double> cold = states.TimesToRead(num_states);
  std::printf("%-6s %10.2f %12.0f %12.0f %10.2f %10.2f %10.2f %10.2f\n", shape.name,
              static_cast<double>(shape.StateBytes()) / (1 << 20), write, read, Quantile(warm, 0.5),
              Quantile(warm, 0.99), Quantile(cold, 0.5), Quantile(cold, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: state_disk FOLDER [STATES]\n");
    return 2;
  }
  const uint64_t num_states = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 256;
  if (num_states == 0) {
    std::fprintf(stderr, "state_disk: expected a number of states, found '%s'\n", argv[2]);
    return 2;
  }
  std::printf("%-6s %10s %12s %12s %10s %10s %10s %10s\n", "model", "MiB", "write MiB/s", "read MiB/s", "warm p50",
              "warm p99", "cold p50", "cold p99 ms");
  for (const Shape& shape : kShapes) PrintRow(argv[1], shape, num_states);
  return 0;
}
