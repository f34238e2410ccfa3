#include "system/cpu_quota.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string_view>
#include <thread>
#include <vector>

#include "system/descriptor.h"

namespace skein {
namespace {

enum class Version { kV1, kV2 };

// A hierarchy of groups that has quotas, as it is mounted.
struct Hierarchy {
  Version version;
  std::string root;         // the group that is mounted
  std::string mount_point;  // where
};

// The whole text; "" if there is none. Files of /proc do not tell their size.
std::string ReadText(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char piece[4096];
  while (true) {
    const ssize_t size = read(file.number(), piece, sizeof(piece));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(piece, static_cast<size_t>(size));
  }
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool Contains(const std::vector<std::string_view>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A path of mountinfo, which has spaces and the like as \ and three octal digits.
std::string Unescape(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      path.push_back(static_cast<char>(code));
      i += 3;
    } else {
      path.push_back(text[i]);
    }
  }
  return path;
}

// A line of mountinfo: "36 35 98:0 ROOT MOUNT_POINT rw shared:1 - TYPE SOURCE OPTIONS", as proc(5) has it.
std::optional<Hierarchy> ParseMount(std::string_view line) {
  const size_t separator = line.find(" - ");
  if (separator == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> place = Split(line.substr(0, separator), ' ');
  const std::vector<std::string_view> type = Split(line.substr(separator + 3), ' ');
  if (place.size() < 5 || type.size() < 3) return std::nullopt;
  const bool is_v1 = type[0] == "cgroup" && Contains(Split(type[2], ','), "cpu");
  if (!is_v1 && type[0] != "cgroup2") return std::nullopt;
  return Hierarchy{is_v1 ? Version::kV1 : Version::kV2, Unescape(place[3]), Unescape(place[4])};
}

// The group of this process, from the lines "NUMBER:CONTROLLERS:PATH" of /proc/self/cgroup. Version 2 is number 0.
std::optional<std::string> GroupOf(Version version, std::string_view groups) {
  for (const std::string_view line : Split(groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool fits = version == Version::kV2 ? line.substr(0, first) == "0" && controllers.empty()
                                              : Contains(Split(controllers, ','), "cpu");
    if (fits) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// The path of the group below the mount point, such as "/a/b"; "" for the mount point itself. A group that lies outside
// what is mounted, as some containers show it, has no path there. Then the mounted group is looked at.
std::string PathBelow(const std::string& mounted, const std::string& group) {
  const std::string root = mounted == "/" ? "" : mounted;
  if (!group.starts_with(root)) return "";
  std::string path = group.substr(root.size());
  if (!path.starts_with('/') || path.find("/..") != std::string::npos) return "";
  while (path.ends_with('/')) path.pop_back();
  return path;
}

std::optional<double> Number(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The quota of one group. Version 2: "QUOTA PERIOD" or "max PERIOD", in microseconds. Version 1: two files; -1 is none.
std::optional<double> QuotaOf(Version version, const std::string& group_folder) {
  std::optional<double> quota;
  std::optional<double> period;
  if (version == Version::kV2) {
    const std::string text = ReadText(group_folder + "/cpu.max");
    const std::vector<std::string_view> parts = Split(text, ' ');
    quota = Number(parts[0]);
    if (parts.size() > 1) period = Number(parts[1]);
  } else {
    quota = Number(ReadText(group_folder + "/cpu.cfs_quota_us"));
    period = Number(ReadText(group_folder + "/cpu.cfs_period_us"));
  }
  if (quota.value_or(0) <= 0 || period.value_or(0) <= 0) return std::nullopt;
  return *quota / *period;
}

uint32_t NumProcessorsOfAffinity() {
  cpu_set_t processors;
  if (sched_getaffinity(getpid(), sizeof(processors), &processors) == 0) {
    return static_cast<uint32_t>(CPU_COUNT(&processors));
  }
  return std::thread::hardware_concurrency();  // more processors than a cpu_set_t has
}

}  // namespace

std::optional<double> CpuQuota(const std::string& root) {
  const std::string groups = ReadText(root + "/proc/self/cgroup");
  std::optional<double> least;
  const std::string mounts = ReadText(root + "/proc/self/mountinfo");
  for (const std::string_view line : Split(mounts, '\n')) {
    const std::optional<Hierarchy> hierarchy = ParseMount(line);
    if (!hierarchy) continue;
    const std::optional<std::string> group = GroupOf(hierarchy->version, groups);
    if (!group) continue;
    const std::string mount_point = root + hierarchy->mount_point;
    std::string folder = mount_point;
    folder.append(PathBelow(hierarchy->root, *group));
    while (true) {
      const std::optional<double> quota = QuotaOf(hierarchy->version, folder);
      if (quota && *quota < least.value_or(HUGE_VAL)) least = quota;
      if (folder.size() == mount_point.size()) break;
      folder.resize(folder.rfind('/'));
    }
  }
  return least;
}

uint32_t NumUsableProcessors(const std::string& root) {
  const double processors = std::max<uint32_t>(NumProcessorsOfAffinity(), 1);
  const double quota = std::ceil(CpuQuota(root).value_or(processors));
  return static_cast<uint32_t>(std::clamp(quota, 1.0, processors));
}

}  // namespace skein
