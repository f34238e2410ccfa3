#include "cuda/switches.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kit/named_choice.h"

namespace skein::cuda {
namespace {

constexpr const char* kVariable = "SKEIN_CUDA";

struct Switch {
  std::string_view name;
  bool Switches::*is_on;
};
constexpr std::array<Switch, 14> kSwitches = {{{"graphs", &Switches::graphs},
                                               {"dependent_launch", &Switches::dependent_launch},
                                               {"library", &Switches::library},
                                               {"library_graphs", &Switches::library_graphs},
                                               {"timed_products", &Switches::timed_products},
                                               {"sparse", &Switches::sparse},
                                               {"nibble_products", &Switches::nibble_products},
                                               {"split_sums", &Switches::split_sums},
                                               {"split_logits", &Switches::split_logits},
                                               {"rounded_rows", &Switches::rounded_rows},
                                               {"wide_tiles", &Switches::wide_tiles},
                                               {"chunked_wkv", &Switches::chunked_wkv},
                                               {"persistent", &Switches::persistent},
                                               {"async_states", &Switches::async_states}}};

}  // namespace

Switches ReadSwitches() {
  const kit::NamedChoices chosen(kVariable);
  Switches switches;
  for (const Switch& each : kSwitches) switches.*each.is_on = chosen.Has(each.name);
  return switches;
}

std::string SwitchWarning() {
  std::array<std::string_view, kSwitches.size()> names;
  std::transform(kSwitches.begin(), kSwitches.end(), names.begin(), [](const Switch& each) { return each.name; });
  return kit::NamedChoices(kVariable).WarningOf(names);
}

}  // namespace skein::cuda
