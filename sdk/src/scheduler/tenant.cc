#include "scheduler/tenant.h"

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

constexpr size_t kMaxNameBytes = 255;

}  // namespace

absl::Status CheckTenantName(absl::string_view name) {
  if (name.size() <= kMaxNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tenant: a name of ", name.size(), " bytes; expected at most ", kMaxNameBytes));
}

void Tenant::SetPolicy(const TenantPolicy& policy) noexcept {
  queues_.weight.store(policy.weight, std::memory_order_relaxed);
  max_queued_tokens_.store(policy.max_queued_tokens, std::memory_order_relaxed);
  queues_.max_running.store(policy.max_running, std::memory_order_relaxed);
}

// No reference to a tenant is dropped under the lock, which the end of a tenant takes.

std::shared_ptr<Tenant> TenantTable::Find(absl::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.tenant.lock();
}

std::shared_ptr<Tenant> TenantTable::Get(absl::string_view name) {
  if (std::shared_ptr<Tenant> alive = Find(name)) return alive;
  std::shared_ptr<Tenant> made(new Tenant(name), [table = weak_from_this()](Tenant* tenant) { End(table, tenant); });
  Entries one;
  one.emplace(made->name(), Entry{made, nullptr});
  const MutexLock lock(mutex_);
  const auto placed = entries_.insert(one.extract(one.begin()));
  if (placed.inserted) return made;
  // Another thread was faster, or the last tenant of this name is about to end.
  if (std::shared_ptr<Tenant> alive = placed.position->second.tenant.lock()) return alive;
  placed.position->second.tenant = made;
  return made;
}

void TenantTable::End(const std::weak_ptr<TenantTable>& table, Tenant* tenant) noexcept {
  const std::unique_ptr<Tenant> owned(tenant);
  const std::shared_ptr<TenantTable> alive = table.lock();
  if (alive == nullptr) return;
  const MutexLock lock(alive->mutex_);
  const auto found = alive->entries_.find(tenant->name());
  // Another tenant may have got the name meanwhile.
  if (found != alive->entries_.end() && found->second.tenant.expired()) alive->entries_.erase(found);
}

void TenantTable::SetPolicy(absl::string_view name, const TenantPolicy& policy) {
  const std::shared_ptr<Tenant> tenant = Get(name);
  tenant->SetPolicy(policy);
  const MutexLock lock(mutex_);
  entries_.find(name)->second.kept = tenant;
}

void TenantTable::ResetPolicy(absl::string_view name) {
  const std::shared_ptr<Tenant> tenant = Find(name);
  if (tenant == nullptr) return;
  tenant->SetPolicy({});
  std::shared_ptr<Tenant> kept;
  const MutexLock lock(mutex_);
  entries_.find(name)->second.kept.swap(kept);
}

size_t TenantTable::size() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace skein
