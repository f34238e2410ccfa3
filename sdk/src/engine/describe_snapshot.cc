#include "engine/describe_snapshot.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "files/facts.h"
#include "runtime/option_keys.h"
#include "state/snapshot.h"

namespace skein {
namespace {

Facts FactsOf(const std::string& path, const SnapshotSummary& summary) {
  std::vector<FactValue> checkpoints;
  for (const SnapshotSummary::Checkpoint& checkpoint : summary.checkpoints) {
    checkpoints.emplace_back(Facts{{"position", checkpoint.position}, {"name", checkpoint.name}});
  }
  const PrefixLabel label = summary.label.value_or(PrefixLabel());
  return {{"path", path},
          {"kind", summary.label.has_value() ? "prefix" : "snapshot", "kind"},
          {"name", label.name, "name"},
          {"provenance", label.provenance, "provenance"},
          {"position", summary.position, "position", absl::StrCat(summary.position, " tokens")},
          {"pending_tokens", summary.num_pending, "pending tokens"},
          {"known_tokens", summary.num_tokens, "known tokens"},
          {"checkpoints", FactValue(std::move(checkpoints)), "checkpoints", absl::StrCat(summary.checkpoints.size())},
          {"generation", summary.generation, "generation"},
          {"variant", summary.variant},
          {"source_fingerprint", summary.fingerprint, "fingerprint"},
          {"state_bytes", summary.state_bytes, "state", absl::StrCat(summary.state_bytes, " bytes")},
          {"file_bytes", summary.num_bytes, "file", absl::StrCat(summary.num_bytes, " bytes")}};
}

}  // namespace

absl::StatusOr<std::string> DescribeSnapshot(const std::string& path, const Options& options) {
  const std::string format = options[describe_options::kFormat];
  if (format != "text" && format != "json") {
    return absl::InvalidArgumentError(absl::StrCat("option format: \"", format, "\"; expected text or json"));
  }
  SKEIN_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(path, FileAccess::kRead));
  const absl::StatusOr<SnapshotSummary> summary = SummariseSnapshot(file->bytes());
  if (!summary.ok()) return Annotate(summary.status(), path);
  const Facts facts = FactsOf(path, *summary);
  return format == "json" ? FactsAsJson(facts) : FactsAsText(path, facts);
}

}  // namespace skein
