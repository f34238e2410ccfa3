// A backend plugin that is wrong in one way: the reference backend, but for what the environment variable
// SKEIN_WRONG_BACKEND says. For the test of a script that is to find it.
#include <dlfcn.h>
#include <skein/backend.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

const skein_backend_table* reference;

bool IsWrongIn(std::string_view what) {
  const char* wrong = std::getenv("SKEIN_WRONG_BACKEND");
  return wrong != nullptr && what == wrong;
}

int32_t DeviceCount(uint32_t* count, skein_message* message) {
  if (!IsWrongIn("devices")) return reference->device_count(count, message);
  std::strcpy(message->text, "no driver, as ordered");
  return SKEIN_UNAVAILABLE;
}

int32_t StateCopy(void* segment, uint32_t from_slot, uint32_t to_slot, skein_message* message) {
  return IsWrongIn("copies") ? SKEIN_OK : reference->state_copy(segment, from_slot, to_slot, message);
}

// Multiplies the first logit of every entry.
void Distort(const skein_step& step, float factor) {
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    auto* entry = reinterpret_cast<skein_step_entry*>(static_cast<char*>(step.entries) + size_t{i} * step.entry_size);
    if (entry->output == SKEIN_STEP_LOGITS && entry->output_rows != nullptr) *entry->output_rows *= factor;
  }
}

int32_t Step(void* segment, const skein_step* step, void** fence, skein_message* message) {
  if (IsWrongIn("time")) pause();
  if (IsWrongIn("memory")) std::abort();
  const int32_t code = reference->step(segment, step, fence, message);
  if (IsWrongIn("numbers") && step->num_entries == 2) Distort(*step, 1.01f);
  // Less than any tolerance, but more than nothing.
  if (IsWrongIn("batches") && step->num_entries > 1) Distort(*step, 1.000001f);
  return code;
}

}  // namespace

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  void* const library = dlopen(SKEIN_REFERENCE_BACKEND, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return SKEIN_NOT_FOUND;
  const auto entry = reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"));
  const int32_t code = entry(offer, answer, message);
  if (code != SKEIN_OK) return code;
  reference = static_cast<const skein_backend_table*>(answer->table);
  static skein_backend_table table = *reference;
  table.device_count = DeviceCount;
  table.state_copy = StateCopy;
  table.step = Step;
  answer->id = "wrong";
  answer->table = &table;
  return SKEIN_OK;
}
