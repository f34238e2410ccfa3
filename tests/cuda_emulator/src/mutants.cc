#include "cuda_emulator/mutants.h"

#include <algorithm>
#include <utility>

namespace skein::emulator {
namespace {

using Run = std::function<bool()>;

std::string NameOf(const BarrierSite& site) { return site.file + ":" + std::to_string(site.line); }

// The symptom that a run shows; empty: none.
std::string Symptom(const Run& run, const Options& devices, const std::function<void()>& break_kernels) {
  Configure(devices);
  TakeErrors();
  break_kernels();
  const bool is_right = run();
  const std::vector<Error> errors = TakeErrors();
  if (!errors.empty()) return errors[0].kernel + ": " + errors[0].message;
  return is_right ? "" : "a wrong result";
}

bool IsKept(const BarrierSite& site, const MutantOptions& options) {
  if (std::find(options.kept_kinds.begin(), options.kept_kinds.end(), site.kind) != options.kept_kinds.end()) {
    return true;
  }
  return std::any_of(options.kept_barriers.begin(), options.kept_barriers.end(),
                     [&](const std::string& end) { return NameOf(site).ends_with(end); });
}

void TryMutant(const Run& run, const MutantOptions& options, const std::string& name,
               const std::function<void()>& break_kernels, MutantReport& report) {
  for (int i = 0; i < options.num_seeds; ++i) {
    Options devices = options.devices;
    devices.seed += static_cast<uint64_t>(i);
    const std::string symptom = Symptom(run, devices, break_kernels);
    if (symptom.empty()) continue;
    report.caught.push_back(name + ": " + symptom);
    return;
  }
  report.survivors.push_back(name);
}

std::string NameOf(const IndexMutant& mutant) {
  switch (mutant.fault) {
    case IndexFault::kThread:
      return "a thread's index off by " + std::to_string(mutant.by);
    case IndexFault::kBlock:
      return "a block's index off by " + std::to_string(mutant.by);
    case IndexFault::kExtraBlock:
      return "a block too many";
    default:
      return "no fault";
  }
}

// Every barrier that a run goes through, having run without a fault for every seed.
std::vector<BarrierSite> SitesOfCleanRuns(const Run& run, const MutantOptions& options, MutantReport& report) {
  std::vector<BarrierSite> sites;
  for (int i = 0; i < options.num_seeds; ++i) {
    for (const Schedule schedule : {Schedule::kRunAhead, Schedule::kInStep}) {
      Options devices = options.devices;
      devices.seed += static_cast<uint64_t>(i);
      devices.schedule = schedule;
      const std::string symptom = Symptom(run, devices, [] {});
      if (!symptom.empty()) report.complaints.push_back("seed " + std::to_string(devices.seed) + ": " + symptom);
      for (BarrierSite& site : BarrierSites()) {
        if (std::find(sites.begin(), sites.end(), site) == sites.end()) sites.push_back(std::move(site));
      }
    }
  }
  return sites;
}

}  // namespace

MutantReport ForEachMutant(const Run& run, const MutantOptions& options) {
  MutantReport report;
  for (const BarrierSite& site : SitesOfCleanRuns(run, options, report)) {
    if (IsKept(site, options)) continue;
    TryMutant(
        run, options, site.kind + " at " + NameOf(site) + " left out", [&] { DisableBarrier(site); }, report);
  }
  for (const IndexMutant& mutant : options.index_mutants) {
    TryMutant(
        run, options, NameOf(mutant), [&] { ShiftIndex(mutant.fault, mutant.by); }, report);
  }
  Configure(options.devices);
  TakeErrors();
  return report;
}

}  // namespace skein::emulator
