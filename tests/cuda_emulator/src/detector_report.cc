// The messages of the detector.
#include <string>

#include "detector.h"
#include "error_log.h"
#include "executor.h"

namespace skein::emulator {
namespace {

std::string Name(Site site) {
  return site.file == nullptr ? "the start" : std::string(site.file) + ":" + std::to_string(site.line);
}

}  // namespace

void Detector::Report(ErrorKind kind, const std::string& message, const std::string& place) {
  TheErrorLog().Add({kind, operation_name(), message}, operation_name() + place);
}

std::string Detector::Describe(uint32_t segment) const {
  const uint32_t first = operations_.back().first_segment;
  if (segment < first) return *OperationOf(segment).name + ", earlier";
  const Segment& s = segments_[segment - first];
  if (!in_kernel_ || segment == first) return operation_name();
  return "thread " + std::to_string(s.thread) + " of block " + std::to_string(s.block) + " after " + Name(s.site) +
         (s.flags & kAsyncSegment ? " by a copy not waited for" : "") + (s.flags & kAtomicSegment ? ", atomic" : "");
}

std::string Detector::DescribeAddress(uintptr_t address) const {
  if (!arena_.Contains(address)) return "shared memory";
  const Allocation* below = arena_.Below(address);
  if (below == nullptr) return "device memory below every allocation";
  return "byte " + std::to_string(address - below->address) + " of allocation " + std::to_string(below->number) +
         " of " + std::to_string(below->num_bytes) + " bytes";
}

void Detector::ReportRace(const Current& current, uint32_t other, bool other_wrote) {
  const std::string message = std::string(current.access == Access::kRead ? "read" : "write") + " of " +
                              std::to_string(current.num_bytes) + " bytes at " + DescribeAddress(current.address) +
                              " by " + Describe(current.segment) + "; not ordered with the " +
                              (other_wrote ? "write" : "read") + " by " + Describe(other);
  const uint32_t first = operations_.back().first_segment;
  const Site here = segments_[current.segment - first].site;
  const Site there = other < first ? Site{} : segments_[other - first].site;
  Report(ErrorKind::kRace, message, "race " + Name(here) + Name(there));
}

// Arguments of a kernel are copied by the host's compiler, in pieces that promise nothing.
void Detector::OnMisaligned(uintptr_t address, size_t num_bytes) {
  if (!arena_.Contains(address) && FindShared(address) == nullptr) return;
  Report(ErrorKind::kMisuse,
         "access of " + std::to_string(num_bytes) + " bytes at " + DescribeAddress(address) +
             ", which is no multiple of its size, by " + Describe(SegmentOf(*running_thread, Access::kRead)),
         "alignment");
}

void Detector::ReportUnwritten(const Current& current) {
  Report(ErrorKind::kUninitialised,
         "read of " + std::to_string(current.num_bytes) + " bytes at " + DescribeAddress(current.address) +
             " that nobody wrote, by " + Describe(current.segment),
         "unwritten " + Name(segments_[current.segment - operations_.back().first_segment].site));
}

}  // namespace skein::emulator
