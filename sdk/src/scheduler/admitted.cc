#include "scheduler/admitted.h"

#include <algorithm>
#include <tuple>

namespace skein {
namespace {

bool ComesFirst(const AdmittedJob* a, const AdmittedJob* b) {
  return std::tie(a->rank_us, a->id) < std::tie(b->rank_us, b->id);
}

// Room for one more, so that adding it cannot fail.
void MakeRoom(std::vector<AdmittedJob*>& jobs) {
  if (jobs.size() == jobs.capacity()) jobs.reserve(2 * jobs.size() + 8);
}

}  // namespace

AdmittedTenant& Admitted::CountsOf(const Tenant& tenant) {
  AdmittedTenant& counts = tenants_[&tenant];
  counts.tenant = &tenant;
  return counts;
}

const AdmittedTenant* Admitted::Find(const Tenant& tenant) const {
  const auto found = tenants_.find(&tenant);
  return found == tenants_.end() ? nullptr : &found->second;
}

void Admitted::Offer(const Tenant& tenant, uint64_t num_tokens, int64_t now_us) noexcept {
  const auto found = tenants_.find(&tenant);
  if (found != tenants_.end()) found->second.offered.Add(static_cast<double>(num_tokens), now_us);
}

void Admitted::Add(AdmittedJob& job) {
  AdmittedTenant& counts = CountsOf(*job.tenant);
  MakeRoom(jobs_);
  MakeRoom(counts.reading);
  if (counts.num_waiting + counts.num_running == 0) {
    counts.offered.Add(static_cast<double>(job.num_tokens), job.urgency.arrival_us);  // Offer did not know the tenant
  }
  job.id = ++num_added_;
  job.counts = &counts;
  job.index = jobs_.size();
  jobs_.push_back(&job);
  counts.reading.insert(std::upper_bound(counts.reading.begin(), counts.reading.end(), &job, ComesFirst), &job);
  counts.queued_tokens += job.num_tokens_left;
  queued_tokens_ += job.num_tokens_left;
  ++counts.num_waiting;
  ++num_waiting_;
}

void Admitted::Feed(AdmittedJob& job, uint64_t num_tokens) noexcept {
  AdmittedTenant& counts = *job.counts;
  if (!job.is_running) {
    job.is_running = true;
    --counts.num_waiting;
    --num_waiting_;
    ++counts.num_running;
    ++num_running_;
  }
  if (job.num_tokens_left == 0) return;
  num_tokens = std::min(num_tokens, job.num_tokens_left);
  counts.queued_tokens -= num_tokens;
  queued_tokens_ -= num_tokens;
  if (num_tokens == job.num_tokens_left) {
    LeaveQueue(job);
    num_decoding_ += job.num_answers;
  }
  job.num_tokens_left -= num_tokens;
}

void Admitted::LeaveQueue(AdmittedJob& job) noexcept {
  std::vector<AdmittedJob*>& reading = job.counts->reading;
  reading.erase(std::lower_bound(reading.begin(), reading.end(), &job, ComesFirst));
}

void Admitted::Skip(AdmittedJob& job, uint64_t num_tokens) noexcept {
  if (job.num_tokens_left == 0) return;
  num_tokens = std::min(num_tokens, job.num_tokens_left - 1);
  job.counts->queued_tokens -= num_tokens;
  queued_tokens_ -= num_tokens;
  job.num_tokens_left -= num_tokens;
}

void Admitted::Remove(AdmittedJob& job) noexcept {
  AdmittedTenant& counts = *job.counts;
  if (job.num_tokens_left > 0) {
    LeaveQueue(job);
    counts.queued_tokens -= job.num_tokens_left;
    queued_tokens_ -= job.num_tokens_left;
  } else {
    num_decoding_ -= job.num_answers;
  }
  --(job.is_running ? counts.num_running : counts.num_waiting);
  --(job.is_running ? num_running_ : num_waiting_);
  jobs_[job.index] = jobs_.back();
  jobs_[job.index]->index = job.index;
  jobs_.pop_back();
  Forget(*job.tenant);
}

void Admitted::Forget(const Tenant& tenant) noexcept {
  const auto found = tenants_.find(&tenant);
  if (found != tenants_.end() && found->second.num_waiting + found->second.num_running == 0) tenants_.erase(found);
}

}  // namespace skein
