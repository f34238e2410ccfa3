#include "scheduler/forecast.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace skein {

Forecast::Forecast(const Admitted& admitted, const AdmittedTenant& counts, const Pace& pace, const AdmittedJob& with,
                   int64_t now_us)
    : admitted_(admitted),
      counts_(counts),
      pace_(pace),
      now_us_(now_us),
      num_decoding_(ExpectedDecoding(with)),
      chunk_(pace.ChunkBeside(num_decoding_)),
      full_step_us_(pace.StepUs(num_decoding_, chunk_)),
      decode_step_us_(pace.StepUs(num_decoding_, 0)),
      token_us_(full_step_us_ / static_cast<double>(chunk_)) {}

// By the time that all waiting prompts are read, some of the streams that decode now are done, and those of the prompts
// that were read last decode.
uint64_t Forecast::ExpectedDecoding(const AdmittedJob& with) const {
  const uint64_t num_now = admitted_.num_decoding();
  const uint64_t chunk = pace_.ChunkBeside(num_now);
  const auto num_tokens = static_cast<double>(admitted_.queued_tokens() + with.num_tokens);
  const double num_steps = std::max(1.0, num_tokens / static_cast<double>(chunk));
  double num_then = with.num_answers * std::min(1.0, static_cast<double>(with.num_answer_tokens) / num_steps);
  for (const AdmittedJob* job : admitted_.jobs()) {
    const auto num_draws = static_cast<double>(job->num_draws_left());
    if (job->num_tokens_left > 0) {
      num_then += job->num_answers * std::min(1.0, num_draws / num_steps);
    } else if (num_draws > num_steps) {
      num_then += job->num_answers;
    }
  }
  const uint64_t expected = std::max(num_now, static_cast<uint64_t>(std::ceil(num_then)));
  const uint32_t max_running = pace_.limits.max_running;
  return max_running == 0 ? expected : std::min<uint64_t>(expected, max_running);
}

double Forecast::TokensOfOthers(double num_tokens) const {
  double all_weights = 0;
  for (const auto& [tenant, counts] : admitted_.tenants()) all_weights += tenant->weight();
  const double weight = counts_.tenant->weight();
  const double most_us = num_tokens * token_us_ * all_weights / weight;
  double sum = 0;
  for (const auto& [tenant, counts] : admitted_.tenants()) {
    if (&counts == &counts_) continue;
    const double has = static_cast<double>(counts.queued_tokens) + counts.offered.PerUs(now_us_) * most_us;
    sum += std::min(has, num_tokens * tenant->weight() / weight);
  }
  return sum;
}

double Forecast::ReadUs(double num_tokens, uint32_t num_waiting) const {
  return PlaceUs(num_waiting) + (num_tokens + TokensOfOthers(num_tokens)) * token_us_;
}

double Forecast::ReadAllUs(double num_tokens, uint32_t num_waiting) const {
  const uint64_t num_jobs = uint64_t{num_waiting} + admitted_.num_running();
  const uint32_t most = pace_.limits.max_running;
  const double place_us = most > 0 && num_jobs > most ? EndsUs(nullptr, num_jobs - most, most) : 0;
  return place_us + num_tokens * token_us_;
}

double Forecast::PlaceUs(uint32_t num_waiting) const {
  if (num_waiting == 0) return 0;
  double us = 0;
  if (const uint32_t most = pace_.limits.max_running; most > 0) {
    double before = num_waiting;
    for (const auto& [tenant, counts] : admitted_.tenants()) {
      if (&counts == &counts_) continue;
      before += std::min<double>(counts.num_waiting, num_waiting * tenant->weight() / counts_.tenant->weight());
    }
    const uint64_t num_jobs = static_cast<uint64_t>(before) + admitted_.num_running();
    if (num_jobs > most) us = EndsUs(nullptr, num_jobs - most, most);
  }
  if (const uint32_t most = counts_.tenant->max_running(); most > 0) {
    const uint64_t num_jobs = uint64_t{num_waiting} + counts_.num_running;
    if (num_jobs > most) us = std::max(us, EndsUs(&counts_, num_jobs - most, most));
  }
  return us;
}

double Forecast::MeanDraws(const AdmittedTenant* counts) const {
  double draws = 0;
  uint64_t num_jobs = 0;
  for (const AdmittedJob* job : admitted_.jobs()) {
    if (counts != nullptr && job->counts != counts) continue;
    draws += static_cast<double>(job->num_answer_tokens);
    ++num_jobs;
  }
  return num_jobs > 0 ? draws / static_cast<double>(num_jobs) : 0;
}

double Forecast::EndsUs(const AdmittedTenant* counts, uint64_t num_ends, uint32_t max_running) const {
  std::vector<double> lefts;  // steps that running jobs need
  for (const AdmittedJob* job : admitted_.jobs()) {
    if (!job->is_running || (counts != nullptr && job->counts != counts)) continue;
    lefts.push_back(static_cast<double>(job->num_draws_left()) +
                    static_cast<double>(job->num_tokens_left) / static_cast<double>(chunk_));
  }
  const double mean_draws = MeanDraws(counts);
  if (lefts.size() < max_running) lefts.resize(max_running, mean_draws);  // waiting jobs take the free places
  std::sort(lefts.begin(), lefts.end());
  // Behind the jobs that run come others, one for each that ends.
  const uint64_t num_rounds = (num_ends - 1) / lefts.size();
  return (lefts[(num_ends - 1) % lefts.size()] + static_cast<double>(num_rounds) * mean_draws) * decode_step_us_;
}

double Forecast::TickUs() const {
  double weights = counts_.tenant->weight();
  for (const auto& [tenant, counts] : admitted_.tenants()) {
    if (&counts != &counts_ && counts.queued_tokens > 0) weights += tenant->weight();
  }
  double us = full_step_us_ * weights / counts_.tenant->weight();
  if (const uint32_t most = pace_.limits.max_running; most > 0) us += MeanDraws(nullptr) * full_step_us_ / most;
  if (const uint32_t most = counts_.tenant->max_running(); most > 0) us += MeanDraws(&counts_) * full_step_us_ / most;
  return us;
}

double Forecast::DrawUs(uint64_t num_draws, double num_tokens_before) const {
  double per_us = 0;
  for (const auto& [tenant, counts] : admitted_.tenants()) per_us += counts.offered.PerUs(now_us_);
  const double busy = std::min(1.0, per_us * token_us_);
  const double left = std::max(0.0, static_cast<double>(admitted_.queued_tokens()) - num_tokens_before);
  const auto num_steps = static_cast<double>(num_draws);
  const double num_full = std::min(num_steps, left / static_cast<double>(chunk_) + busy * num_steps);
  return num_full * full_step_us_ + (num_steps - num_full) * decode_step_us_;
}

JobForecast Forecast::Of(const AdmittedJob& job, double num_tokens, uint32_t num_ahead) const {
  JobForecast forecast;
  const auto own = static_cast<double>(job.num_tokens_left);
  const double before_us = (num_tokens - own + TokensOfOthers(num_tokens)) * token_us_;
  // The job comes in the middle of a step.
  forecast.first_token_us =
      full_step_us_ + PlaceUs(num_ahead + (job.is_running ? 0 : 1)) + kDoubt * before_us + own * token_us_;
  const uint64_t num_draws = job.num_answer_tokens > 0 ? job.num_answer_tokens - 1 : 0;
  forecast.end_us = forecast.first_token_us + DrawUs(num_draws, num_tokens + TokensOfOthers(num_tokens));
  return forecast;
}

}  // namespace skein
