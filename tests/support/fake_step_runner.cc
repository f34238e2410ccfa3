#include "tests/support/fake_step_runner.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "base/status.h"

namespace skein::test {
namespace {

constexpr uint32_t kSpoiltToken = 299;

absl::Status Ask(const FakeStepRunner::MoveHook& hook, FakeStepRunner::MoveMoment moment) {
  return hook ? hook(moment) : absl::OkStatus();
}

std::vector<uint32_t> HistoryOf(absl::Span<const float> values) {
  std::vector<uint32_t> history(static_cast<size_t>(values[0]));
  for (size_t i = 0; i < history.size(); ++i) history[i] = static_cast<uint32_t>(values[i + 1]);
  return history;
}

}  // namespace

uint32_t FakeStepRunner::Next(const std::vector<uint32_t>& history) {
  return (std::accumulate(history.begin(), history.end(), 7u) * 31u + static_cast<uint32_t>(history.size())) % 250u +
         1u;
}

absl::Status FakeStepRunner::CheckSlots(absl::Span<const skein_step_entry> entries) const {
  std::set<uint32_t> written;
  for (const skein_step_entry& entry : entries) {
    if (!written.insert(entry.write_slot).second) return absl::InternalError("two entries write one slot");
  }
  for (const skein_step_entry& entry : entries) {
    if (written.count(entry.read_slot) != 0) return absl::InternalError("a slot is read and written in one step");
  }
  for (const uint32_t slot : exported_) {
    if (written.count(slot) != 0) return absl::InternalError("a slot that is being exported is written");
  }
  for (const auto& [slot, import] : imported_) {
    if (written.count(slot) != 0) return absl::InternalError("a slot that is being imported is written");
  }
  for (const InFlight& before : in_flight_) {
    for (const skein_step_entry& entry : before.entries) {
      if (written.count(entry.read_slot) != 0)
        return absl::InternalError("a slot that a step in flight reads is written");
      if (written.count(entry.write_slot) != 0) return absl::InternalError("two steps in flight write one slot");
    }
  }
  return absl::OkStatus();
}

absl::Status FakeStepRunner::Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  if (in_flight_.size() == pipeline_.depth) return absl::InternalError("more steps are begun than the runner takes");
  absl::Status status = CheckSlots(entries);
  if (status.ok() && begin_hook_)
    status = begin_hook_({{tokens.begin(), tokens.end()}, {entries.begin(), entries.end()}});
  if (status.ok()) in_flight_.push_back({tokens, entries});
  return status;
}

absl::Status FakeStepRunner::Finish() noexcept {
  const InFlight oldest = in_flight_.front();
  in_flight_.pop_front();
  return Guarded([&] { return Run(oldest.tokens, oldest.entries); });
}

absl::Status FakeStepRunner::Run(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  FakeStep step = {{tokens.begin(), tokens.end()}, {entries.begin(), entries.end()}};
  for (const skein_step_entry& entry : entries) {
    if (entry.drawn_by != 0) step.tokens[entry.first_token] = drawn_.at(entry.drawn_by - 1);
  }
  drawn_.assign(entries.size(), kSpoiltToken);
  absl::Status status = hook_ ? Guarded([&] { return hook_(step); }) : absl::OkStatus();
  std::copy(step.entries.begin(), step.entries.end(), entries.begin());
  steps_.push_back(step);
  for (size_t i = 0; i < entries.size(); ++i) {
    skein_step_entry& entry = entries[i];
    if (!status.ok() || entry.status != SKEIN_OK) {
      states_[entry.write_slot] = {kSpoiltToken};
      continue;
    }
    std::vector<uint32_t> history;
    if (entry.read_slot != SKEIN_SLOT_INITIAL) {
      EndImport(entry.read_slot);
      history = states_[entry.read_slot];
    }
    const auto own = absl::MakeConstSpan(step.tokens).subspan(entry.first_token, entry.num_tokens);
    history.insert(history.end(), own.begin(), own.end());
    RunEntry(history, entry);
    if (entry.output == SKEIN_STEP_SAMPLE) drawn_[i] = *entry.output_tokens;
    states_[entry.write_slot] = std::move(history);
  }
  return status;
}

std::vector<float> FakeStepRunner::Hidden(const std::vector<uint32_t>& history) {
  std::vector<float> row(kHiddenSize);
  row[0] = static_cast<float>(history.size());
  row[1] = static_cast<float>(history.back());
  return row;
}

std::vector<float> FakeStepRunner::Logits(const std::vector<uint32_t>& history) const {
  const uint32_t next = script_(history);
  if (next == kNotFinite) return std::vector<float>(kVocabSize, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> row(kVocabSize);
  row[next] = 10.0f;
  return row;
}

void FakeStepRunner::RunEntry(const std::vector<uint32_t>& history, skein_step_entry& entry) {
  if (entry.output == SKEIN_STEP_SAMPLE) *entry.output_tokens = script_(history);
  if (entry.output != SKEIN_STEP_LOGITS && entry.output != SKEIN_STEP_HIDDEN) return;
  float* row = entry.output_rows;
  for (uint32_t token = entry.output_start; token < entry.num_tokens; ++token) {
    const std::vector<uint32_t> so_far(history.begin(), history.end() - (entry.num_tokens - 1 - token));
    const std::vector<float> values = entry.output == SKEIN_STEP_HIDDEN ? Hidden(so_far) : Logits(so_far);
    row = std::copy(values.begin(), values.end(), row);
  }
}

absl::Status FakeStepRunner::ExportState(uint32_t slot, absl::Span<float> values) {
  EndImport(slot);
  const std::vector<uint32_t>& history = states_[slot];
  std::fill(values.begin(), values.end(), 0.0f);
  values[0] = static_cast<float>(history.size());
  std::copy(history.begin(), history.end(), values.begin() + 1);
  return absl::OkStatus();
}

class FakeStepRunner::Export final : public StateMove {
 public:
  Export(FakeStepRunner& runner, uint32_t slot, absl::Span<float> values)
      : runner_(runner), slot_(slot), values_(values), num_looks_(runner.export_looks_) {
    runner_.exported_.insert(slot_);
  }
  ~Export() override { Wait().IgnoreError(); }

  bool is_done() const noexcept override { return num_looks_ == 0 || --num_looks_ == 0; }
  absl::Status Wait() noexcept override {
    if (is_waited_for_) return absl::OkStatus();
    is_waited_for_ = true;
    runner_.exported_.erase(runner_.exported_.find(slot_));
    return Guarded([this] {
      absl::Status status = Ask(runner_.export_hook_, MoveMoment::kEnd);
      // Whoever takes the values of an export that failed takes garbage.
      if (!status.ok()) std::fill(values_.begin(), values_.end(), std::numeric_limits<float>::quiet_NaN());
      return status.ok() ? runner_.ExportState(slot_, values_) : status;
    });
  }

 private:
  FakeStepRunner& runner_;
  const uint32_t slot_;
  const absl::Span<float> values_;
  mutable uint32_t num_looks_;
  bool is_waited_for_ = false;
};

absl::StatusOr<std::unique_ptr<StateMove>> FakeStepRunner::BeginExport(uint32_t slot, absl::Span<float> values) {
  if (!pipeline_.exports_beside_steps) return absl::InternalError("states are exported between steps");
  for (const InFlight& step : in_flight_) {
    for (const skein_step_entry& entry : step.entries) {
      if (entry.write_slot == slot) return absl::InternalError("a slot that a step in flight writes is exported");
    }
  }
  absl::Status status = Ask(export_hook_, MoveMoment::kBegin);
  if (!status.ok()) return status;
  ++num_exports_begun_;
  return std::make_unique<Export>(*this, slot, values);
}

absl::Status FakeStepRunner::ImportState(uint32_t slot, absl::Span<const float> values) {
  if (exported_.count(slot) != 0) return absl::InternalError("a slot that is being exported is written");
  if (imported_.count(slot) != 0) return absl::InternalError("a slot that is being imported is written");
  states_[slot] = HistoryOf(values);
  return absl::OkStatus();
}

class FakeStepRunner::Import final : public StateMove {
 public:
  Import(FakeStepRunner& runner, uint32_t slot, absl::Span<const float> values)
      : runner_(runner), slot_(slot), values_(values), num_looks_(runner.import_looks_) {
    runner_.imported_[slot_] = this;
  }
  ~Import() override { Wait().IgnoreError(); }

  bool is_done() const noexcept override { return has_ended_ || num_looks_ == 0 || --num_looks_ == 0; }
  absl::Status Wait() noexcept override {
    End();
    if (!std::exchange(is_waited_for_, true)) runner_.imported_.erase(slot_);
    return status_;
  }
  void End() noexcept {
    if (std::exchange(has_ended_, true)) return;
    status_ = Guarded([this] { return Ask(runner_.import_hook_, MoveMoment::kEnd); });
    runner_.states_[slot_] = status_.ok() ? HistoryOf(values_) : std::vector<uint32_t>{kSpoiltToken};
  }

 private:
  FakeStepRunner& runner_;
  const uint32_t slot_;
  const absl::Span<const float> values_;
  mutable uint32_t num_looks_;
  bool has_ended_ = false;
  bool is_waited_for_ = false;
  absl::Status status_;
};

void FakeStepRunner::EndImport(uint32_t slot) {
  const auto found = imported_.find(slot);
  if (found != imported_.end()) found->second->End();
}

absl::StatusOr<std::unique_ptr<StateMove>> FakeStepRunner::BeginImport(uint32_t slot, absl::Span<const float> values) {
  if (!pipeline_.imports_beside_steps) return absl::InternalError("states are imported between steps");
  if (exported_.count(slot) != 0 || imported_.count(slot) != 0)
    return absl::InternalError("a slot whose state is on its way is imported");
  for (const InFlight& step : in_flight_) {
    for (const skein_step_entry& entry : step.entries) {
      if (entry.write_slot == slot || entry.read_slot == slot)
        return absl::InternalError("a slot that a step in flight uses is imported");
    }
  }
  absl::Status status = Ask(import_hook_, MoveMoment::kBegin);
  if (!status.ok()) return status;
  ++num_imports_begun_;
  return std::make_unique<Import>(*this, slot, values);
}

}  // namespace skein::test
