// When a job will have its first token and its last, as the load stands. A model of the steps to come:
//
// - A step has one token of each stream that decodes, and a chunk of prompts. As many streams decode as do now, or as
//   many as will once the prompts that wait are read, whichever is more.
// - A tenant's prompts are read by rank. Other tenants read meanwhile: what they have and what they bring, up to their
//   share by weight.
// - If the number of running jobs is bounded, a job waits for a place too. Running jobs leave when they have drawn all
//   that they may. Preemption is not counted on: a job of a higher priority may run earlier.
#ifndef SKEIN_SCHEDULER_FORECAST_H_
#define SKEIN_SCHEDULER_FORECAST_H_

#include <cstdint>

#include "scheduler/admitted.h"
#include "scheduler/pace.h"

namespace skein {

// Of one job, from now on.
struct JobForecast {
  double first_token_us = 0;
  double end_us = 0;
};

// As one tenant sees the load of a moment. Keeps references.
class Forecast {
 public:
  // The reading in front of a job is taken to last longer by this factor: another process may come and slow the machine
  // down while the job waits.
  static constexpr double kDoubt = 1.25;

  // `counts`: the tenant's, of `admitted`. `pace` is known. `with`: a job that is asked about, whether in the load or
  // not.
  Forecast(const Admitted& admitted, const AdmittedTenant& counts, const Pace& pace, const AdmittedJob& with,
           int64_t now_us);

  // Of a job of the tenant. `num_tokens`: that it and the tenant's jobs before it have left; `num_ahead`: those of them
  // that wait.
  JobForecast Of(const AdmittedJob& job, double num_tokens, uint32_t num_ahead) const;

  // The time until the tenant's jobs, the first `num_waiting` of those that wait included, have read `num_tokens` more.
  double ReadUs(double num_tokens, uint32_t num_waiting) const;
  // The same of all tenants together.
  double ReadAllUs(double num_tokens, uint32_t num_waiting) const;
  // The time in which the tenant is sure to get on: a step of its own in its turn among the tenants, and, where jobs
  // wait for places, until one more has ended.
  double TickUs() const;

 private:
  uint64_t ExpectedDecoding(const AdmittedJob& with) const;
  // The tokens that other tenants read while this one reads `num_tokens`.
  double TokensOfOthers(double num_tokens) const;
  // The time until the first `num_waiting` of the tenant's waiting jobs run.
  double PlaceUs(uint32_t num_waiting) const;
  // The time until `num_ends` jobs have ended, while `max_running` run: of the tenant's or, if that is nullptr, of all.
  double EndsUs(const AdmittedTenant* counts, uint64_t num_ends, uint32_t max_running) const;
  // The answer's tokens of a mean job, of the tenant or of all.
  double MeanDraws(const AdmittedTenant* counts) const;
  // The time of `num_draws` steps that come after `num_tokens_before` of the waiting tokens were read.
  double DrawUs(uint64_t num_draws, double num_tokens_before) const;

  const Admitted& admitted_;
  const AdmittedTenant& counts_;
  const Pace& pace_;
  const int64_t now_us_;
  const uint64_t num_decoding_;  // expected
  const uint64_t chunk_;
  const double full_step_us_;
  const double decode_step_us_;  // of one without prompts
  const double token_us_;        // of a prompt
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_FORECAST_H_
