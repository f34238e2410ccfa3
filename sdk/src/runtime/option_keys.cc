#include "runtime/option_keys.h"

namespace skein {
namespace {

constexpr OptionKey kRuntimeKeys[] = {runtime_options::kThreads, runtime_options::kPluginPath, runtime_options::kSearch,
                                      runtime_options::kTrace};
constexpr OptionKey kModelKeys[] = {model_options::kDevice,
                                    model_options::kDeviceMemory,
                                    model_options::kType,
                                    model_options::kStateType,
                                    model_options::kDeterministic,
                                    model_options::kTokenizer,
                                    model_options::kLora,
                                    model_options::kState,
                                    model_options::kMmap,
                                    model_options::kMaxStreams,
                                    model_options::kMaxBatchStreams,
                                    model_options::kMaxBatchTokens,
                                    model_options::kStateMemory,
                                    model_options::kStateHostMemory,
                                    model_options::kStateDisk,
                                    model_options::kStateFolder,
                                    model_options::kMaxQueuedTokens,
                                    model_options::kStepTimeMs,
                                    model_options::kMaxRunning,
                                    model_options::kAgeLimitMs,
                                    model_options::kCalibrate,
                                    model_options::kCheckpointMemory,
                                    model_options::kPrefixCache};
constexpr OptionKey kConvertKeys[] = {
    convert_options::kType,     convert_options::kLayout,       convert_options::kTokenizer,
    convert_options::kName,     convert_options::kLicence,      convert_options::kProvenance,
    convert_options::kPrompt,   convert_options::kChatTemplate, convert_options::kLora,
    convert_options::kState,    convert_options::kEndToken,     convert_options::kTrainedLength,
    convert_options::kOverwrite};
constexpr OptionKey kDescribeKeys[] = {describe_options::kFormat, describe_options::kVerify};
constexpr OptionKey kTokenizerKeys[] = {tokenizer_options::kKind};
constexpr OptionKey kStreamKeys[] = {stream_options::kState, stream_options::kTenant, stream_options::kCacheSalt};
constexpr OptionKey kRequestKeys[] = {request_options::kMaxTokens,
                                      request_options::kTemperature,
                                      request_options::kTopK,
                                      request_options::kTopP,
                                      request_options::kMinP,
                                      request_options::kPresencePenalty,
                                      request_options::kFrequencyPenalty,
                                      request_options::kPenaltyDecay,
                                      request_options::kSeed,
                                      request_options::kSampleIndex,
                                      request_options::kN,
                                      request_options::kBestOf,
                                      request_options::kLogprobs,
                                      request_options::kPromptLogprobs,
                                      request_options::kContinueSampling,
                                      request_options::kStopAtEnd,
                                      request_options::kWindow,
                                      request_options::kPriority,
                                      request_options::kFirstTokenMs,
                                      request_options::kDeadlineMs,
                                      request_options::kPrefixCache};
constexpr OptionKey kChatKeys[] = {chat_options::kTemplate, chat_options::kThink};

constexpr OptionKey kTenantKeys[] = {tenant_options::kWeight, tenant_options::kMaxQueuedTokens,
                                     tenant_options::kMaxRunning};

}  // namespace

absl::Span<const OptionKey> OptionKeys(uint32_t kind) {
  switch (kind) {
    case SKEIN_OPTIONS_RUNTIME:
      return kRuntimeKeys;
    case SKEIN_OPTIONS_MODEL:
      return kModelKeys;
    case SKEIN_OPTIONS_CONVERT:
      return kConvertKeys;
    case SKEIN_OPTIONS_DESCRIBE:
      return kDescribeKeys;
    case SKEIN_OPTIONS_TOKENIZER:
      return kTokenizerKeys;
    case SKEIN_OPTIONS_STREAM:
      return kStreamKeys;
    case SKEIN_OPTIONS_REQUEST:
      return kRequestKeys;
    case SKEIN_OPTIONS_CHAT:
      return kChatKeys;
    case SKEIN_OPTIONS_TENANT:
      return kTenantKeys;
    default:
      return {};
  }
}

}  // namespace skein
