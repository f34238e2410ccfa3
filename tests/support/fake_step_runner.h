// A model without weights, for tests of the code that runs models. Its state is the list of the tokens that it has
// read, and its next token is a function of them. It fails, stalls and throws on command. A step is done when it is
// finished, so that a test sees what begins while others are in flight.
#ifndef SKEIN_TESTS_SUPPORT_FAKE_STEP_RUNNER_H_
#define SKEIN_TESTS_SUPPORT_FAKE_STEP_RUNNER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/step_runner.h"

namespace skein::test {

// The order for one step.
struct FakeStep {
  std::vector<uint32_t> tokens;
  std::vector<skein_step_entry> entries;
};

// Threads: one at a time, as every step runner.
class FakeStepRunner final : public StepRunner {
 public:
  static constexpr uint32_t kVocabSize = 300;
  static constexpr uint32_t kHiddenSize = 64;

  // A script's answer for logits that are NaN.
  static constexpr uint32_t kNotFinite = 0xFFFFFFFF;

  // The hidden row behind a history: the number of its tokens, the last one, and zeros.
  static std::vector<float> Hidden(const std::vector<uint32_t>& history);

  // The token that follows a history. A script may replace this function.
  static uint32_t Next(const std::vector<uint32_t>& history);
  using Script = std::function<uint32_t(const std::vector<uint32_t>& history)>;
  void set_script(Script script) { script_ = std::move(script); }

  // Called before every step is done. An error or std::bad_alloc fails the step as a whole, and its slots are then
  // spoilt. The hook may set the status of entries, which fails these entries alone.
  using Hook = std::function<absl::Status(FakeStep& step)>;
  void set_hook(Hook hook) { hook_ = std::move(hook); }

  // Called when a step begins. If it fails or throws, the step does not.
  using BeginHook = std::function<absl::Status(const FakeStep& step)>;
  void set_begin_hook(BeginHook hook) { begin_hook_ = std::move(hook); }

  // Before the runner is handed on.
  void set_pipeline(StepPipeline pipeline) { pipeline_ = pipeline; }

  // An export that was begun is done when it was asked so often whether it is. It reads its slot when it was waited
  // for.
  void set_export_looks(uint32_t num_looks) { export_looks_ = num_looks; }
  // Called when an export begins, and when it ends. If it fails, so does the export.
  enum class MoveMoment { kBegin, kEnd };
  using MoveHook = std::function<absl::Status(MoveMoment moment)>;
  void set_export_hook(MoveHook hook) { export_hook_ = std::move(hook); }
  // Exports that have begun, and those that were not waited for.
  uint32_t num_exports_begun() const { return num_exports_begun_; }
  size_t num_exports_open() const { return exported_.size(); }
  // The same of imports. One reads the values when it was waited for, or when a step or an export wants the slot
  // before. A slot whose import fails has garbage.
  void set_import_looks(uint32_t num_looks) { import_looks_ = num_looks; }
  void set_import_hook(MoveHook hook) { import_hook_ = std::move(hook); }
  uint32_t num_imports_begun() const { return num_imports_begun_; }
  size_t num_imports_open() const { return imported_.size(); }

  // The steps that are done, oldest first, with what the devices saw.
  const std::vector<FakeStep>& steps() const { return steps_; }
  size_t num_in_flight() const { return in_flight_.size(); }

  StepPipeline pipeline() const override { return pipeline_; }
  absl::Status Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) override;
  absl::Status Finish() noexcept override;

  // A state as floats: the number of tokens, then the tokens.
  absl::Status ExportState(uint32_t slot, absl::Span<float> values) override;
  absl::StatusOr<std::unique_ptr<StateMove>> BeginExport(uint32_t slot, absl::Span<float> values) override;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> values) override;
  absl::StatusOr<std::unique_ptr<StateMove>> BeginImport(uint32_t slot, absl::Span<const float> values) override;

 private:
  struct InFlight {
    absl::Span<const uint32_t> tokens;
    absl::Span<skein_step_entry> entries;
  };

  class Export;
  class Import;

  // Ends the import into a slot, if one is under way.
  void EndImport(uint32_t slot);
  absl::Status Run(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries);
  // The rules of backend.h for the slots of a step, and those for steps in flight.
  absl::Status CheckSlots(absl::Span<const skein_step_entry> entries) const;
  std::vector<float> Logits(const std::vector<uint32_t>& history) const;
  void RunEntry(const std::vector<uint32_t>& history, skein_step_entry& entry);

  Script script_ = Next;
  Hook hook_;
  BeginHook begin_hook_;
  StepPipeline pipeline_;
  MoveHook export_hook_;
  uint32_t export_looks_ = 1;
  uint32_t num_exports_begun_ = 0;
  std::multiset<uint32_t> exported_;  // slots, one for each export that was not waited for
  MoveHook import_hook_;
  uint32_t import_looks_ = 1;
  uint32_t num_imports_begun_ = 0;
  std::map<uint32_t, Import*> imported_;  // by slot: those that were not waited for
  std::deque<InFlight> in_flight_;
  std::vector<uint32_t> drawn_;                       // by entry of the step that was done last
  std::map<uint32_t, std::vector<uint32_t>> states_;  // by slot
  std::vector<FakeStep> steps_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_FAKE_STEP_RUNNER_H_
