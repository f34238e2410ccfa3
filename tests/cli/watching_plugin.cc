// The emulated cuda backend behind a plugin that watches its steps: it writes a file that SKEIN_DRAWS names when a step
// is to draw a token. If SKEIN_HIDE_DRAWS is set, its device does not offer draws.
#include <dlfcn.h>
#include <skein/backend.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace {

const skein_backend_table* watched;

int32_t DeviceInfo(uint32_t index, skein_backend_device* info, skein_message* message) {
  const int32_t code = watched->device_info(index, info, message);
  if (code != SKEIN_OK) return code;
  // A machine may have a GPU of the other name.
  std::snprintf(info->name, sizeof(info->name), "watched:%u", index);
  if (std::getenv("SKEIN_HIDE_DRAWS") != nullptr) info->features &= ~SKEIN_FEATURE_SAMPLE;
  return SKEIN_OK;
}

int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
  for (uint32_t i = 0; i < step->num_entries; ++i) {
    const auto* entry = reinterpret_cast<const skein_step_entry*>(reinterpret_cast<const char*>(step->entries) +
                                                                  size_t{i} * step->entry_size);
    const char* file = std::getenv("SKEIN_DRAWS");
    if (entry->output == SKEIN_STEP_SAMPLE && file != nullptr) std::ofstream(file) << "draws\n";
  }
  return watched->step(segment, step, fence, message);
}

}  // namespace

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  void* const library = dlopen(SKEIN_WATCHED_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return SKEIN_NOT_FOUND;
  const auto entry = reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"));
  const int32_t code = entry(offer, answer, message);
  if (code != SKEIN_OK) return code;
  watched = static_cast<const skein_backend_table*>(answer->table);
  static skein_backend_table table = *watched;
  table.device_info = DeviceInfo;
  table.step = Step;
  answer->id = "watching";
  answer->table = &table;
  return SKEIN_OK;
}
