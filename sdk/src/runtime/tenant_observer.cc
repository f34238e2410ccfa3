#include "runtime/tenant_observer.h"

#include <limits>

#include "base/short_text.h"

namespace skein {

TenantObserver& TenantObservers::Of(absl::string_view name) {
  const std::string shown = ShortText(name, std::numeric_limits<int16_t>::max());
  const MutexLock lock(mutex_);
  const auto known = observers_.find(shown);
  if (known != observers_.end()) return known->second;
  if (observers_.size() < kMaxTenants) return observers_.try_emplace(shown, name, shown).first->second;
  has_others_ = true;
  return others_;
}

std::vector<const TenantObserver*> TenantObservers::Values() const {
  const MutexLock lock(mutex_);
  std::vector<const TenantObserver*> values;
  for (const auto& [shown, observer] : observers_) values.push_back(&observer);
  return values;
}

const TenantObserver* TenantObservers::others() const {
  const MutexLock lock(mutex_);
  return has_others_ ? &others_ : nullptr;
}

}  // namespace skein
