// The jobs that were admitted and have not ended: what each still has to do, and the sums by tenant. admission.h
// decides who gets in.
#ifndef SKEIN_SCHEDULER_ADMITTED_H_
#define SKEIN_SCHEDULER_ADMITTED_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "scheduler/arrival_rate.h"
#include "scheduler/sequence.h"
#include "scheduler/tenant.h"

namespace skein {

struct AdmittedTenant;

// A job, on behalf of which its ticket acts.
struct AdmittedJob {
  // Constant once it is admitted.
  std::shared_ptr<Tenant> tenant;
  AdmittedTenant* counts = nullptr;
  uint64_t id = 0;
  Urgency urgency;
  int64_t rank_us = 0;  // as the scheduler ranks it: a tenant's prompts are read in this order, then by id
  int64_t deadline_us = kNoDeadline;  // of the last token
  uint64_t num_tokens = 0;            // known when it came
  uint64_t num_answer_tokens = 0;     // at most, of each answer; 0: an eval
  uint32_t num_answers = 1;

  uint64_t num_tokens_left = 0;        // known and not fed
  bool is_running = false;             // had a share
  size_t index = 0;                    // in the list of all
  std::atomic<uint64_t> num_drawn{0};  // of all answers

  uint64_t num_draws_left() const {
    const uint64_t num_done = num_drawn.load(std::memory_order_relaxed) / num_answers;
    return num_answer_tokens > num_done ? num_answer_tokens - num_done : 0;
  }
};

struct AdmittedTenant {
  const Tenant* tenant = nullptr;
  std::vector<AdmittedJob*> reading;  // with tokens left, by rank
  uint64_t queued_tokens = 0;         // that these have left
  uint32_t num_waiting = 0;           // jobs without a share so far
  uint32_t num_running = 0;           // the others
  ArrivalRate offered;                // known tokens of its demands, admitted or not
};

// Threads: one at a time.
class Admitted {
 public:
  // The counts of a tenant; nullptr if it has no job.
  const AdmittedTenant* Find(const Tenant& tenant) const;
  // The same, made if there are none, for as long as the caller has them under its lock or the tenant has a job. Forget
  // drops those of a tenant that got none.
  AdmittedTenant& CountsOf(const Tenant& tenant);
  void Forget(const Tenant& tenant) noexcept;

  // A demand of `num_tokens` tokens has come, whatever becomes of it.
  void Offer(const Tenant& tenant, uint64_t num_tokens, int64_t now_us) noexcept;

  // `job` joins; its tokens wait. On std::bad_alloc nothing has changed.
  void Add(AdmittedJob& job);
  // A share of a job was fed.
  void Feed(AdmittedJob& job, uint64_t num_tokens) noexcept;
  // So many of its tokens need not be fed; one at least stays.
  void Skip(AdmittedJob& job, uint64_t num_tokens) noexcept;
  void Remove(AdmittedJob& job) noexcept;

  const std::vector<AdmittedJob*>& jobs() const { return jobs_; }
  const std::map<const Tenant*, AdmittedTenant>& tenants() const { return tenants_; }
  uint64_t queued_tokens() const { return queued_tokens_; }
  uint32_t num_waiting() const { return num_waiting_; }
  uint32_t num_running() const { return num_running_; }
  // Answers that running jobs draw.
  uint32_t num_decoding() const { return num_decoding_; }

 private:
  void LeaveQueue(AdmittedJob& job) noexcept;

  std::map<const Tenant*, AdmittedTenant> tenants_;
  std::vector<AdmittedJob*> jobs_;
  uint64_t num_added_ = 0;
  uint64_t queued_tokens_ = 0;
  uint32_t num_waiting_ = 0;
  uint32_t num_running_ = 0;
  uint32_t num_decoding_ = 0;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_ADMITTED_H_
