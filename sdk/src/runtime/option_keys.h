// The keys of every kind of options, with type, default and range: one namespace for each SKEIN_OPTIONS_*. The C ABI
// lists them from here (OptionKeys). Code that uses an option reads it by its key:
// `options[model_options::kMaxStreams]`. The comment above the function that takes a kind, in sdk/include/skein,
// describes the same keys for the host's author; a test compares the two.
#ifndef SKEIN_RUNTIME_OPTION_KEYS_H_
#define SKEIN_RUNTIME_OPTION_KEYS_H_

#include <cstdint>
#include <limits>

#include "runtime/options.h"
#include "skein/request.h"

namespace skein {

// A year. Deadlines are added to clocks.
inline constexpr int64_t kMaxOptionMilliseconds = int64_t{365} * 24 * 3600 * 1000;

// 2^53, the largest count that a double holds exactly: the listing gives ranges as doubles.
inline constexpr int64_t kMaxOptionCount = int64_t{1} << 53;

namespace runtime_options {
inline constexpr IntOption kThreads = {
    .name = "threads",
    .value = 0,
    .low = 0,
    .high = 1024,
    .help = "threads that compute, the caller's own included; 0: one per processor that this process may use"};
inline constexpr TextOption kPluginPath = {
    .name = "plugin_path", .value = "", .help = "folders searched for plugins before all others, separated by ':'"};
inline constexpr IntOption kSearch = {.name = "search",
                                      .value = 1,
                                      .low = 0,
                                      .high = 1,
                                      .help = "1: search the plugin folders; 0: load only what is named"};
inline constexpr TextOption kTrace = {
    .name = "trace",
    .value = "",
    .help = "file to which the models' steps and requests are traced, in Chrome's JSON format; empty: none"};
}  // namespace runtime_options

namespace model_options {
inline constexpr TextOption kDevice = {
    .name = "device",
    .value = "",
    .help =
        "device name; names such as cuda:0,cpu, filled in this order by memory; or a split by layers such as "
        "cpu=0-11,reference=12-23; empty or auto: the best, and others for what it has no room for"};
inline constexpr TextOption kDeviceMemory = {
    .name = "device_memory",
    .value = "",
    .help = "bytes that the model may take on each device, such as 6GiB, or cuda:0=6GiB,cuda:1=512MiB; empty: all"};
inline constexpr TextOption kType = {
    .name = "type",
    .value = "auto",
    .help = "auto (as the file was made for), f32, f16, bf16, q8 or q4, as the device offers"};
inline constexpr TextOption kStateType = {
    .name = "state_type",
    .value = "f32",
    .help = "type of the wkv matrices in states: f32, or f16 as the device offers"};
inline constexpr IntOption kDeterministic = {
    .name = "deterministic",
    .value = 0,
    .low = 0,
    .high = 1,
    .help = "1: a stream's results never depend on the streams and chunks that it is computed with, in any type"};
inline constexpr TextOption kTokenizer = {
    .name = "tokenizer", .value = "", .help = "vocabulary file, world or bytes; empty: the model's own"};
inline constexpr TextOption kLora = {
    .name = "lora", .value = "", .help = "adapters to merge: FILE, FOLDER or FILE:SCALE, one a line"};
inline constexpr TextOption kState = {
    .name = "state", .value = "", .help = "state that streams start from; empty: the one in the file, else zero"};
inline constexpr IntOption kMmap = {
    .name = "mmap", .value = 1, .low = 0, .high = 1, .help = "1: map the file; 0: read it into memory"};
inline constexpr IntOption kMaxStreams = {.name = "max_streams",
                                          .value = 1'048'576,
                                          .low = 1,
                                          .high = 4'294'967'295,
                                          .help = "streams of the model that may be open at a time"};
inline constexpr IntOption kMaxBatchStreams = {
    .name = "max_batch_streams", .value = 64, .low = 1, .high = 65536, .help = "streams in one step"};
inline constexpr TextOption kStateMemory = {
    .name = "state_memory",
    .value = "",
    .help = "bytes of states on the devices, such as 2GiB; empty: two for each stream of a step, and two more"};
inline constexpr TextOption kStateHostMemory = {
    .name = "state_host_memory",
    .value = "",
    .help =
        "bytes of states in host memory, of streams that do not run; empty: a quarter of the machine's, at most 8GiB"};
inline constexpr TextOption kStateDisk = {
    .name = "state_disk", .value = "16GiB", .help = "bytes of states on disk, if there is a state_folder"};
inline constexpr TextOption kStateFolder = {
    .name = "state_folder",
    .value = "",
    .help = "folder for the states for which host memory has no room; empty: none"};
inline constexpr IntOption kMaxBatchTokens = {
    .name = "max_batch_tokens", .value = 512, .low = 1, .high = 65536, .help = "tokens in one step"};
inline constexpr IntOption kMaxQueuedTokens = {
    .name = "max_queued_tokens",
    .value = 0,
    .low = 0,
    .high = kMaxOptionCount,
    .help = "tokens that may wait to be read, of all streams; 0: what is read in 4 s, and at least 8192"};
inline constexpr IntOption kStepTimeMs = {
    .name = "step_time_ms",
    .value = 0,
    .low = 0,
    .high = 60'000,
    .help = "time that a step may take because of prompts beside streams that decode; 0: as the device needs"};
inline constexpr IntOption kMaxRunning = {
    .name = "max_running",
    .value = 0,
    .low = 0,
    .high = 65536,
    .help = "requests and evals between their first step and their end; 0: as many as there are streams in a step"};
inline constexpr IntOption kAgeLimitMs = {
    .name = "age_limit_ms",
    .value = 1000,
    .low = 1,
    .high = 3'600'000,
    .help = "waiting time after which a prompt gets a share of every step, and that outweighs one priority"};
inline constexpr IntOption kCalibrate = {
    .name = "calibrate",
    .value = 1,
    .low = 0,
    .high = 1,
    .help = "1: measure a few short steps after the load, while there is no work; 0: only those with work"};
inline constexpr IntOption kCheckpointMemory = {
    .name = "checkpoint_memory",
    .value = -1,
    .low = -1,
    .high = kMaxOptionCount,
    .help = "bytes of states that streams keep to go back to; 0: none; -1: an eighth of all states"};
inline constexpr IntOption kPrefixCache = {
    .name = "prefix_cache",
    .value = int64_t{256} << 20,
    .low = 0,
    .high = kMaxOptionCount,
    .help = "bytes of states of prompts that others which begin alike go on from; 0: no stream gets another's state"};
}  // namespace model_options

// A key without a default leaves the value of the input.
namespace convert_options {
inline constexpr TextOption kType = {
    .name = "type", .value = "auto", .help = "type of the matrices: auto (as in the file), f32, f16, bf16, q8 or q4"};
inline constexpr TextOption kLayout = {
    .name = "layout", .value = "panels", .help = "of the matrices in a package: panels (mapped as they lie) or rows"};
inline constexpr TextOption kTokenizer = {
    .name = "tokenizer", .value = "", .help = "vocabulary to embed: a file, world or bytes; empty: the model's own"};
inline constexpr TextOption kName = {.name = "name", .value = std::nullopt, .help = "name recorded in the manifest"};
inline constexpr TextOption kLicence = {
    .name = "licence", .value = std::nullopt, .help = "licence recorded in the manifest"};
inline constexpr TextOption kProvenance = {
    .name = "provenance", .value = std::nullopt, .help = "where the weights come from, recorded in the manifest"};
inline constexpr TextOption kPrompt = {
    .name = "prompt", .value = std::nullopt, .help = "example prompt recorded in the manifest"};
inline constexpr TextOption kChatTemplate = {
    .name = "chat_template", .value = std::nullopt, .help = "world, g1, raven or instruct, recorded in the manifest"};
inline constexpr TextOption kLora = {
    .name = "lora", .value = "", .help = "adapters to merge: FILE, FOLDER or FILE:SCALE, one a line"};
inline constexpr TextOption kState = {.name = "state", .value = "", .help = "initial state to embed"};
inline constexpr IntOption kEndToken = {.name = "end_token",
                                        .value = std::nullopt,
                                        .low = 0,
                                        .high = 4294967294,
                                        .help = "token that ends a text, recorded in the manifest"};
inline constexpr IntOption kTrainedLength = {
    .name = "trained_length",
    .value = std::nullopt,
    .low = 1,
    .high = 4294967295,
    .help = "tokens of the longest text that the model was trained with, recorded in the manifest"};
inline constexpr IntOption kOverwrite = {
    .name = "overwrite", .value = 0, .low = 0, .high = 1, .help = "1: replace the output if it exists"};
}  // namespace convert_options

namespace describe_options {
inline constexpr TextOption kFormat = {.name = "format", .value = "text", .help = "text or json"};
inline constexpr IntOption kVerify = {
    .name = "verify", .value = 0, .low = 0, .high = 1, .help = "1: read all data and compare the checksums"};
}  // namespace describe_options

namespace tokenizer_options {
inline constexpr TextOption kKind = {.name = "kind", .value = "", .help = "tokenizer plugin to use; empty: by content"};
}  // namespace tokenizer_options

namespace stream_options {
inline constexpr TextOption kState = {
    .name = "state", .value = "", .help = "initial state of the stream; empty: the model's"};
inline constexpr TextOption kTenant = {
    .name = "tenant", .value = "", .help = "the party that the stream belongs to; empty: the common one"};
inline constexpr TextOption kCacheSalt = {
    .name = "cache_salt", .value = "", .help = "streams share cached states with those of the same salt alone"};
}  // namespace stream_options

// A sampling key that a request does not set has the value in the model's manifest, else the default here.
namespace request_options {
inline constexpr IntOption kMaxTokens = {
    .name = "max_tokens", .value = 256, .low = 1, .high = kMaxOptionCount, .help = "tokens to generate at most"};
inline constexpr RealOption kTemperature = {
    .name = "temperature", .value = 1, .low = 0, .high = 100, .help = "0: greedy; applied after the filters"};
inline constexpr IntOption kTopK = {
    .name = "top_k", .value = 0, .low = 0, .high = 4294967295, .help = "keep the k most probable tokens; 0: off"};
inline constexpr RealOption kTopP = {.name = "top_p",
                                     .value = 0.85,
                                     .low = 0,
                                     .high = 1,
                                     .help = "keep the smallest set of tokens with at least this probability; 1: off"};
inline constexpr RealOption kMinP = {
    .name = "min_p",
    .value = 0,
    .low = 0,
    .high = 1,
    .help = "keep tokens with at least this share of the most probable one's probability; 0: off"};
inline constexpr RealOption kPresencePenalty = {
    .name = "presence_penalty",
    .value = 0,
    .low = -100,
    .high = 100,
    .help = "subtracted once from the logit of every token generated before"};
inline constexpr RealOption kFrequencyPenalty = {.name = "frequency_penalty",
                                                 .value = 0,
                                                 .low = -100,
                                                 .high = 100,
                                                 .help = "subtracted for every (decayed) occurrence of a token"};
inline constexpr RealOption kPenaltyDecay = {.name = "penalty_decay",
                                             .value = 0.996,
                                             .low = 0,
                                             .high = 1,
                                             .help = "factor on all occurrences for every token generated"};
inline constexpr IntOption kSeed = {.name = "seed",
                                    .value = 0,
                                    .low = std::numeric_limits<int64_t>::min(),
                                    .high = std::numeric_limits<int64_t>::max(),
                                    .help = "of the random numbers: same seed, same tokens"};
inline constexpr IntOption kSampleIndex = {.name = "sample_index",
                                           .value = 0,
                                           .low = 0,
                                           .high = kMaxOptionCount,
                                           .help = "i for the i-th of several samples with one seed"};
inline constexpr IntOption kN = {
    .name = "n", .value = 1, .low = 1, .high = 1024, .help = "samples of the prompt, which is read once"};
inline constexpr IntOption kBestOf = {
    .name = "best_of",
    .value = 0,
    .low = 0,
    .high = 1024,
    .help = "write so many samples and deliver the n with the best mean log-probability; 0: as many as n"};
inline constexpr IntOption kLogprobs = {
    .name = "logprobs",
    .value = -1,
    .low = -1,
    .high = SKEIN_MAX_TOP_LOGPROBS,
    .help = "log-probabilities of the tokens, and of so many of the most probable ones at each; -1: none"};
inline constexpr IntOption kPromptLogprobs = {.name = "prompt_logprobs",
                                              .value = -1,
                                              .low = -1,
                                              .high = SKEIN_MAX_TOP_LOGPROBS,
                                              .help = "the same of the prompt's tokens; -1: none"};
inline constexpr IntOption kContinueSampling = {
    .name = "continue_sampling",
    .value = 0,
    .low = 0,
    .high = 1,
    .help = "1: the sampler goes on where that of the stream's last request stood; needs an empty prompt"};
inline constexpr IntOption kStopAtEnd = {.name = "stop_at_end",
                                         .value = 1,
                                         .low = 0,
                                         .high = 1,
                                         .help = "1: the end-of-text token stops; 0: it is a token like any other"};
inline constexpr IntOption kWindow = {
    .name = "window",
    .value = 0,
    .low = 0,
    .high = kMaxOptionCount,
    .help = "tokens delivered and not acknowledged at which the request waits; 0: polling acknowledges"};
inline constexpr IntOption kPriority = {.name = "priority",
                                        .value = 0,
                                        .low = -8,
                                        .high = 8,
                                        .help = "the higher goes first among the requests of a tenant"};
inline constexpr IntOption kFirstTokenMs = {
    .name = "first_token_ms",
    .value = 0,
    .low = 0,
    .high = kMaxOptionMilliseconds,
    .help = "time from submit by which the first token is wanted, else the request ends; 0: any"};
inline constexpr IntOption kDeadlineMs = {
    .name = "deadline_ms",
    .value = 0,
    .low = 0,
    .high = kMaxOptionMilliseconds,
    .help = "time from submit by which the last token is wanted, else the request ends; 0: any"};
inline constexpr IntOption kPrefixCache = {.name = "prefix_cache",
                                           .value = 1,
                                           .low = 0,
                                           .high = 1,
                                           .help = "1: goes on from a cached state and leaves some; 0: neither"};
}  // namespace request_options

namespace chat_options {
inline constexpr TextOption kTemplate = {
    .name = "template", .value = "", .help = "world, g1, raven or instruct; empty: the model's"};
inline constexpr TextOption kThink = {
    .name = "think",
    .value = "",
    .help = "on, off, none, short or long: what think block an answer begins with; empty: as the template has it"};
}  // namespace chat_options

namespace tenant_options {
inline constexpr RealOption kWeight = {
    .name = "weight", .value = 1, .low = 0.001, .high = 1000, .help = "of its share of the steps, against the others'"};
inline constexpr IntOption kMaxQueuedTokens = {
    .name = "max_queued_tokens",
    .value = 0,
    .low = 0,
    .high = kMaxOptionCount,
    .help = "tokens of the tenant that may wait to be read; 0: half of the model's while other tenants are there"};
inline constexpr IntOption kMaxRunning = {
    .name = "max_running",
    .value = 0,
    .low = 0,
    .high = 65536,
    .help = "requests and evals of the tenant between their first step and their end; 0: any number"};
}  // namespace tenant_options

}  // namespace skein

#endif  // SKEIN_RUNTIME_OPTION_KEYS_H_
