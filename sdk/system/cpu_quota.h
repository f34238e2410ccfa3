// The number of processors that this process may use: those of its affinity, as far as the quotas of its control groups
// (cgroups) go. A container on a machine of 64 processors often has a quota of two, and sees all 64.
#ifndef SKEIN_SYSTEM_CPU_QUOTA_H_
#define SKEIN_SYSTEM_CPU_QUOTA_H_

#include <cstdint>
#include <optional>
#include <string>

namespace skein {

// The least quota of the control groups that this process is in, in processors, such as 1.5: time on processors per
// time that passes. Version 1 and 2 of cgroups, with all groups above up to the mount. nullopt: there is none, or the
// system does not say. `root` is put in front of every path, /proc included; "" for the system itself.
std::optional<double> CpuQuota(const std::string& root = "");

// The processors of the affinity of this process, or, if that is less, its quota rounded up. At least 1.
uint32_t NumUsableProcessors(const std::string& root = "");

}  // namespace skein

#endif  // SKEIN_SYSTEM_CPU_QUOTA_H_
