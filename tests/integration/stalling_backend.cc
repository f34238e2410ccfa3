// A device "stalling": the reference device, whose step does not come back for a minute.
#include <dlfcn.h>
#include <skein/backend.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace {

skein_backend_table table;

int32_t Stall(void*, const skein_step*, void**, skein_message*) {
  std::this_thread::sleep_for(std::chrono::minutes(1));
  return SKEIN_INTERNAL;
}

}  // namespace

extern "C" SKEIN_API int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                                skein_message* message) {
  void* reference = dlopen(SKEIN_REFERENCE_BACKEND, RTLD_NOW | RTLD_LOCAL);
  if (reference == nullptr) return SKEIN_NOT_FOUND;
  const auto entry = reinterpret_cast<skein_plugin_entry_fn>(dlsym(reference, "skein_plugin_entry"));
  const int32_t code = entry(offer, answer, message);
  if (code != SKEIN_OK) return code;
  const auto* original = static_cast<const skein_backend_table*>(answer->table);
  std::memcpy(&table, original, std::min<size_t>(original->struct_size, sizeof(table)));
  table.step = Stall;
  answer->table = &table;
  answer->id = "stalling";
  return SKEIN_OK;
}
