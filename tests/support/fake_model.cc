#include "tests/support/fake_model.h"

#include <utility>

#include "files/open.h"
#include "numbers/state_layout.h"
#include "tokenizers/bytes/tokenizer.h"
#include "tokenizers/table.h"

namespace skein::test {

std::shared_ptr<Runtime> EmptyRuntime() {
  Options options(SKEIN_OPTIONS_RUNTIME);
  options.SetInt("search", 0).IgnoreError();
  options.SetInt("threads", 2).IgnoreError();
  return *Runtime::Create(options, "");
}

std::shared_ptr<Model> MakeFakeModel(std::shared_ptr<Runtime> runtime, std::unique_ptr<FakeStepRunner> runner,
                                     const FakeModelLimits& limits, EngineClock clock) {
  ModelParts parts;
  parts.file = *OpenModelFile({}, runtime->host(), "synthetic:C=64,L=1,F=64,N=64,V=300", FileAccess::kMap);
  const TokenizerPlugin bytes = {"bytes", &plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable};
  parts.tokenizer = *Tokenizer::Create({&bytes, 1}, runtime->host(), "bytes", {}, "bytes");
  parts.engine = *Engine::Start(runtime, std::move(runner),
                                {.step = {limits.max_tokens, limits.max_streams},
                                 .num_slots = limits.num_slots,
                                 .state_floats = StateFloats(parts.file->config()),
                                 .max_host_states = limits.max_host_states,
                                 .max_streams = limits.max_streams,
                                 .max_checkpoints = limits.max_checkpoints,
                                 .max_queued_tokens = limits.max_queued_tokens,
                                 .prefixes = limits.prefixes},
                                "", std::move(clock));
  parts.max_streams = limits.max_streams;
  parts.head_features = limits.head_features;
  parts.trained_length = limits.trained_length;
  parts.runtime = std::move(runtime);
  return std::make_shared<Model>(std::move(parts));
}

}  // namespace skein::test
