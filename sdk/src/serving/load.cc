#include "serving/load.h"

#include <memory>

#include "base/status.h"
#include "engine/engine.h"
#include "runtime/option_keys.h"
#include "scheduler/admission.h"
#include "scheduler/tenant.h"

namespace skein {
namespace {

void Fill(const QueueLoad& queue, skein_load& load) {
  load.queued_tokens = queue.queued_tokens;
  load.max_queued_tokens = queue.max_queued_tokens;
  load.num_waiting = queue.num_waiting;
  load.num_running = queue.num_running;
}

}  // namespace

absl::Status SetTenant(const Model& model, const char* name, const Options* policy) {
  SKEIN_RETURN_IF_ERROR(CheckTenantName(name));
  TenantTable& tenants = model.engine()->tenants();
  if (policy == nullptr) {
    tenants.ResetPolicy(name);
  } else {
    tenants.SetPolicy(name, {.weight = (*policy)[tenant_options::kWeight],
                             .max_queued_tokens = static_cast<uint64_t>((*policy)[tenant_options::kMaxQueuedTokens]),
                             .max_running = static_cast<uint32_t>((*policy)[tenant_options::kMaxRunning])});
  }
  return absl::OkStatus();
}

absl::StatusOr<skein_load> LoadOf(const Model& model, const char* name) {
  const Engine& engine = *model.engine();
  const Admission& admission = engine.admission();
  skein_load load = {};
  load.num_tenants = static_cast<uint32_t>(engine.tenants().size());
  load.num_streams = model.num_streams();
  load.max_streams = model.max_streams();
  load.max_batch_tokens = engine.limits().step.max_tokens;
  load.prompt_tokens_per_s = admission.PromptTokensPerSecond();
  if (name == nullptr) {
    Fill(admission.Load(), load);
    return load;
  }
  SKEIN_RETURN_IF_ERROR(CheckTenantName(name));
  std::shared_ptr<const Tenant> tenant = engine.tenants().Find(name);
  if (tenant == nullptr) tenant = std::make_shared<const Tenant>(name);
  Fill(admission.LoadOf(*tenant), load);
  load.weight = tenant->weight();
  load.max_running = tenant->max_running();
  return load;
}

}  // namespace skein
