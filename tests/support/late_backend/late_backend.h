// A test's command over the late backend, a plugin that this process has loaded or will load.
#ifndef SKEIN_TESTS_SUPPORT_LATE_BACKEND_LATE_BACKEND_H_
#define SKEIN_TESTS_SUPPORT_LATE_BACKEND_LATE_BACKEND_H_

#include <dlfcn.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "tests/support/late_backend/control.h"

namespace skein::late {

// While it lives, the test commands the backend. Afterwards the backend has no faults any more. One at a time.
class Command {
 public:
  // `path` is that of the plugin: the loader gives every user of one file the same copy.
  explicit Command(const char* path) : table_(Load(path)) {}
  ~Command() {
    Obey({});
    Declare({});
    for (uint32_t device = 0; device < kNumDevices; ++device) {
      LetGo(device);
      LetExportsGo(device);
      LetImportsGo(device);
    }
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  void Obey(const Order& order) const { table_.obey(&order); }
  void Declare(const Offer& offer) const { table_.offer(&offer); }
  void Hold(uint32_t device) const { table_.hold(device, 1); }
  void LetGo(uint32_t device) const { table_.hold(device, 0); }
  void HoldExports(uint32_t device) const { table_.hold_exports(device, 1); }
  void LetExportsGo(uint32_t device) const { table_.hold_exports(device, 0); }
  void HoldImports(uint32_t device) const { table_.hold_imports(device, 1); }
  void LetImportsGo(uint32_t device) const { table_.hold_imports(device, 0); }
  void Lose(uint32_t device) const { table_.lose(device); }
  Counts counts() const { return table_.counts(); }

  // Waits until `num_steps` steps are held; false if that takes longer than 20 s.
  bool WaitUntilHeld(uint64_t num_steps) const {
    return WaitFor([num_steps](const Counts& counts) { return counts.num_held == num_steps; });
  }
  // Waits until the backend counts what `is_reached` asks for; false as above.
  template <typename IsReached>
  bool WaitFor(const IsReached& is_reached) const {
    for (int i = 0; i < 20000 && !is_reached(counts()); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return is_reached(counts());
  }

 private:
  static const Table& Load(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<skein_plugin_entry_fn>(dlsym(library, "skein_plugin_entry"));
    skein_plugin_offer offer = {};
    offer.struct_size = sizeof(offer);
    offer.abi_min = offer.abi_max = SKEIN_PLUGIN_ABI;
    skein_plugin_answer answer = {};
    answer.struct_size = sizeof(answer);
    skein_message message = {};
    if (entry(&offer, &answer, &message) != SKEIN_OK) throw std::runtime_error(message.text);
    return *static_cast<const Table*>(answer.table);
  }

  const Table& table_;
};

}  // namespace skein::late

#endif  // SKEIN_TESTS_SUPPORT_LATE_BACKEND_LATE_BACKEND_H_
