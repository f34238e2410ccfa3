// Tenants: the parties that share one model, by name. A stream belongs to one. The table finds them, and forgets those
// that nobody needs. admission.h bounds what a tenant has waiting; scheduler.h shares the steps between tenants.
#ifndef SKEIN_SCHEDULER_TENANT_H_
#define SKEIN_SCHEDULER_TENANT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"
#include "scheduler/sequence.h"

namespace skein {

// The host's settings of a tenant.
struct TenantPolicy {
  double weight = 1;               // of its share of the steps, against the weights of the others; above 0
  uint64_t max_queued_tokens = 0;  // that wait; 0: as admission.h has it
  uint32_t max_running = 0;        // streams that have had a share and are not done; 0: any number
};

// INVALID_ARGUMENT: a tenant cannot have this name, because it is too long.
absl::Status CheckTenantName(absl::string_view name);

// Threads: any. A setting may change while the tenant's streams run.
class Tenant {
 public:
  explicit Tenant(absl::string_view name) : name_(name) {}
  Tenant(const Tenant&) = delete;
  Tenant& operator=(const Tenant&) = delete;

  const std::string& name() const { return name_; }

  double weight() const { return queues_.weight.load(std::memory_order_relaxed); }
  uint64_t max_queued_tokens() const { return max_queued_tokens_.load(std::memory_order_relaxed); }
  uint32_t max_running() const { return queues_.max_running.load(std::memory_order_relaxed); }

  // The part that the scheduler knows.
  TenantQueues& queues() { return queues_; }

  void SetPolicy(const TenantPolicy& policy) noexcept;

 private:
  const std::string name_;
  std::atomic<uint64_t> max_queued_tokens_{TenantPolicy().max_queued_tokens};
  TenantQueues queues_;
};

// Threads: any.
class TenantTable : public std::enable_shared_from_this<TenantTable> {
 public:
  // Tenants hold a weak reference to their table.
  static std::shared_ptr<TenantTable> Create() { return std::shared_ptr<TenantTable>(new TenantTable); }
  TenantTable(const TenantTable&) = delete;
  TenantTable& operator=(const TenantTable&) = delete;

  // The tenant called `name`, made if there is none. It is forgotten when the last reference to it is gone, unless it
  // has a policy of its own.
  std::shared_ptr<Tenant> Get(absl::string_view name);

  // Gives a tenant a policy, and keeps the tenant until Reset.
  void SetPolicy(absl::string_view name, const TenantPolicy& policy);

  // Gives a tenant the default policy. It is forgotten once nobody refers to it.
  void ResetPolicy(absl::string_view name);

  // The tenant called `name`; nullptr if there is none.
  std::shared_ptr<Tenant> Find(absl::string_view name) const;

  // Tenants that are remembered.
  size_t size() const;

 private:
  TenantTable() = default;
  // Ends `tenant`, to which nobody refers.
  static void End(const std::weak_ptr<TenantTable>& table, Tenant* tenant) noexcept;

  // The table's knowledge of one name.
  struct Entry {
    std::weak_ptr<Tenant> tenant;
    std::shared_ptr<Tenant> kept;  // the same, if it has a policy of its own
  };

  using Entries = std::map<std::string, Entry, std::less<>>;

  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_TENANT_H_
