#include "sites.h"

#include <algorithm>

namespace skein::emulator {

bool Sites::Enter(const char* kind, Site site) {
  if (site.file == last_.file && site.line == last_.line) return last_enabled_;
  const auto [entry, is_new] = entries_.try_emplace({site.file, site.line}, Entry{kind, true});
  if (is_new) {
    const BarrierSite barrier = {kind, site.file, site.line};
    entry->second.enabled = std::find(disabled_.begin(), disabled_.end(), barrier) == disabled_.end();
  }
  last_ = site;
  last_enabled_ = entry->second.enabled;
  return last_enabled_;
}

std::vector<BarrierSite> Sites::List() const {
  std::vector<BarrierSite> list;
  for (const auto& [place, entry] : entries_) {
    BarrierSite site = {entry.kind, place.first, place.second};
    // A header's line has a literal in each source that includes it.
    if (std::find(list.begin(), list.end(), site) == list.end()) list.push_back(std::move(site));
  }
  return list;
}

void Sites::Forget() {
  entries_.clear();
  last_ = {};
}

void Sites::Disable(const BarrierSite& site) {
  disabled_.push_back(site);
  Forget();
}

void Sites::EnableAll() {
  disabled_.clear();
  Forget();
}

}  // namespace skein::emulator
