#include "plugin/device_list.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/short_text.h"
#include "base/status.h"
#include "base/utf8.h"
#include "plugin/message.h"

namespace skein {
namespace {

// More than any machine has. A backend that counts more has filled the number by mistake.
constexpr uint32_t kMostDevices = 256;

// Whether the option `device` can name it.
absl::Status CheckName(const skein_backend_device& info) {
  const size_t length = strnlen(info.name, sizeof(info.name));
  if (length == sizeof(info.name)) {
    return absl::InvalidArgumentError(absl::StrCat("its name has no end within ", sizeof(info.name), " bytes"));
  }
  const absl::string_view name(info.name, length);
  if (name.empty()) return absl::InvalidArgumentError("its name is empty");
  if (ShortText(name, name.size()) != name) {
    return absl::InvalidArgumentError(
        absl::StrCat("its name \"", EscapeText(name), "\" is not UTF-8 without control characters"));
  }
  if (name.find_first_of(",=") == absl::string_view::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its name \"", name, "\" has a ',' or '=', which part names in the option device"));
}

class Lister {
 public:
  void Add(const Plugin<skein_backend_table>& plugin) {
    const absl::StatusOr<uint32_t> count = Count(plugin);
    if (!count.ok()) return AddProblem(plugin, count.status());
    for (uint32_t i = 0; i < *count; ++i) {
      DeviceDescription device = {plugin, i, {}};
      const absl::Status described = Describe(&device);
      if (!described.ok()) return AddProblem(plugin, described);
      const absl::Status fits = Annotate(CheckDevice(device), Where(device));
      EndText(device.info.description);
      if (fits.ok()) {
        list_.devices.push_back(std::move(device));
      } else {
        AddProblem(plugin, fits);
      }
    }
  }

  DeviceList Finish() {
    std::stable_sort(list_.devices.begin(), list_.devices.end(),
                     [](const DeviceDescription& a, const DeviceDescription& b) { return a.info.rank > b.info.rank; });
    return std::move(list_);
  }

 private:
  static std::string Where(const DeviceDescription& device) {
    return absl::StrCat(device.plugin.id, ": device ", device.index);
  }

  static absl::StatusOr<uint32_t> Count(const Plugin<skein_backend_table>& plugin) {
    skein_message message = {};
    uint32_t count = 0;
    SKEIN_RETURN_IF_ERROR(
        FromPlugin(plugin.table->device_count(&count, &message), message, absl::StrCat(plugin.id, ": device_count")));
    if (count <= kMostDevices) return count;
    return absl::InternalError(
        absl::StrCat(plugin.id, ": device_count: found ", count, " devices; expected at most ", kMostDevices));
  }

  static absl::Status Describe(DeviceDescription* device) {
    skein_message message = {};
    device->info.struct_size = sizeof(device->info);
    return FromPlugin(device->plugin.table->device_info(device->index, &device->info, &message), message,
                      Where(*device));
  }

  absl::Status CheckDevice(const DeviceDescription& device) const {
    SKEIN_RETURN_IF_ERROR(CheckName(device.info));
    for (const DeviceDescription& other : list_.devices) {
      if (std::strcmp(other.info.name, device.info.name) != 0) continue;
      return absl::AlreadyExistsError(absl::StrCat("its name \"", device.info.name, "\" is taken by device ",
                                                   other.index, " of plugin \"", other.plugin.id, "\""));
    }
    return absl::OkStatus();
  }

  void AddProblem(const Plugin<skein_backend_table>& plugin, const absl::Status& status) {
    list_.problems.push_back(
        {plugin.id, std::string(status.message()), absl::IsResourceExhausted(status), absl::IsUnavailable(status)});
  }

  DeviceList list_;
};

}  // namespace

DeviceList ListDevices(absl::Span<const Plugin<skein_backend_table>> backends) {
  Lister lister;
  for (const bool is_own : {true, false}) {
    for (const Plugin<skein_backend_table>& plugin : backends) {
      if (plugin.is_own == is_own) lister.Add(plugin);
    }
  }
  return lister.Finish();
}

}  // namespace skein
