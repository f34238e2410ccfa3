// The devices that the loaded backends offer, and what is wrong with the others.
#ifndef SKEIN_PLUGIN_DEVICE_LIST_H_
#define SKEIN_PLUGIN_DEVICE_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/backend.h"

namespace skein {

// A device that some loaded backend offers. Its texts are UTF-8 and end in their arrays.
struct DeviceDescription {
  Plugin<skein_backend_table> plugin;
  uint32_t index;  // in the plugin
  skein_backend_device info;
};

// A device that cannot be used, or a backend that cannot list its devices.
struct DeviceProblem {
  std::string plugin_id;
  std::string reason;              // begins with the plugin's id
  bool ran_out_of_memory = false;  // so that it may go well the next time
  bool is_absence = false;         // the machine lacks what the backend is for, which is no defect
};

struct DeviceList {
  std::vector<DeviceDescription> devices;  // the preferred first; no two have one name
  std::vector<DeviceProblem> problems;
};

// Asks all of `backends`. If one fails, the devices that it listed before count. A device is left out if its name
// cannot be written in the option `device`, or if another device has it: a name belongs to a backend beside libskein,
// else to the one that was loaded first, whatever rank others give themselves.
DeviceList ListDevices(absl::Span<const Plugin<skein_backend_table>> backends);

}  // namespace skein

#endif  // SKEIN_PLUGIN_DEVICE_LIST_H_
