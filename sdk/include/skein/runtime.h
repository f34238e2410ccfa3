// The runtime: plugins, devices, worker threads, log and metrics. A process may have several; they share nothing but
// the code of the plugins.
#ifndef SKEIN_RUNTIME_H_
#define SKEIN_RUNTIME_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Makes a runtime and loads the plugins it finds. `options` (kind SKEIN_OPTIONS_RUNTIME) may be NULL.
//   threads      i64  0   threads that compute, the caller's own included; 0: one per processor that this process may
//                         use, by its affinity and by the quota of its control groups (cgroups), rounded up. More than
//                         oneTBB has in this process, one per processor of the affinity, are a warning in the log
//   plugin_path  str  ""  folders searched before all others, separated by ':'
//   search       i64  1   1: search the folders; 0: load only the plugins given to skein_runtime_load_plugin
//   trace        str  ""  file to which the models' steps and the phases of requests are traced, in the JSON array
//                         format of Chrome's trace viewer, which chrome://tracing and Perfetto open; "": none. It is
//                         emptied now and written after every step, so that it can be opened however the process
//                         ends. If it cannot be written any more, the log has a warning, tracing ends, and all else
//                         goes on
// Folders, in order: `plugin_path`, the environment's SKEIN_PLUGIN_PATH, `skein/plugins-1` beside the loaded libskein.
// The current directory is never searched. Files whose name ends in ".so" are looked at. Of two plugins with one id the
// first found is used. A program that runs with more rights than its caller (set-user-id and the like) does not read
// the caller's environment. A plugin that does not fit is refused with a reason (see skein_runtime_plugin_info) and
// harms nobody. The file of `trace` cannot be created: the code that fits the system's error, such as NOT_FOUND or
// PERMISSION_DENIED.
SKEIN_API skein_status skein_runtime_create(skein_options options, skein_runtime* runtime, skein_error* error);

// Releases the handle. The runtime ends when the last model, stream, request and tokenizer made from it is released. A
// queue does not keep it alive.
SKEIN_API skein_status skein_runtime_release(skein_runtime runtime, skein_error* error);

// Loads one plugin from a file of any name. NOT_FOUND: no such file. FAILED_PRECONDITION: not a skein plugin,
// truncated, of another ABI version, or with a table that is too short. ALREADY_EXISTS: a plugin with its id is loaded.
SKEIN_API skein_status skein_runtime_load_plugin(skein_runtime runtime, const char* path, skein_error* error);

// The kinds of plugins.
#define SKEIN_PLUGIN_KIND_BACKEND 1
#define SKEIN_PLUGIN_KIND_FORMAT 2
#define SKEIN_PLUGIN_KIND_TOKENIZER 3

// One file that was looked at, loaded or refused. A file that was refused several times is there once, as of the last
// time.
typedef struct skein_plugin_info {
  uint32_t struct_size;
  uint32_t kind;     // SKEIN_PLUGIN_KIND_*; 0 if it was refused before it named its kind
  uint32_t loaded;   // 1 loaded, 0 refused
  uint32_t abi;      // the plugin ABI agreed on; 0 if refused
  char id[64];       // such as "onednn"; "" if it was refused before it named its id
  char version[32];  // the plugin's own; "" if it was refused before it named it
  char path[512];    // a longer one loses its middle
  char reason[512];  // why it was refused; if it is loaded, which of its devices are left out, and why; else ""
} skein_plugin_info;

// List the files: their number, and the one at `index`, in the order in which they were looked at. A file keeps its
// index. OUT_OF_RANGE: `index` is past the end. INVALID_ARGUMENT: `info->struct_size` is 0.
SKEIN_API skein_status skein_runtime_plugin_count(skein_runtime runtime, uint32_t* count, skein_error* error);
SKEIN_API skein_status skein_runtime_plugin_info(skein_runtime runtime, uint32_t index, skein_plugin_info* info,
                                                 skein_error* error);

// One device of a loaded backend. The best comes first; it is the default.
typedef struct skein_device_info {
  uint32_t struct_size;
  uint32_t threads;       // threads the device computes with
  char name[64];          // what `device` options take: "cpu", "reference", "cuda:0"; no two devices have one name
  char plugin_id[64];     // skein_plugin_info.id of its backend
  char description[256];  // such as the processor's name and instruction tier: "AMD EPYC 9654, tier avx512_bf16; ..."
  uint64_t memory_bytes;  // all that the device has, taken or free; 0 where unknown
  uint32_t weight_types;  // bit (1 << SKEIN_DTYPE_*) for each type of matrix it computes with
  uint32_t generations;   // bit (1 << 7) for RWKV-7, and so on
} skein_device_info;

// List the devices: their number, and the one at `index`. Each call asks the backends anew, and a plugin that is loaded
// may move the others, so that a name identifies a device and an index does not. OUT_OF_RANGE: `index` is past the end.
// INVALID_ARGUMENT: `info->struct_size` is 0.
SKEIN_API skein_status skein_runtime_device_count(skein_runtime runtime, uint32_t* count, skein_error* error);
SKEIN_API skein_status skein_runtime_device_info(skein_runtime runtime, uint32_t index, skein_device_info* info,
                                                 skein_error* error);

// The severities of log lines, rising.
#define SKEIN_LOG_DEBUG 0
#define SKEIN_LOG_INFO 1
#define SKEIN_LOG_WARNING 2
#define SKEIN_LOG_ERROR 3

// Takes the oldest log line (UTF-8 of at most 4096 bytes, no newline, NUL-terminated if there is room) and its
// severity. The library never prints; it keeps the last 1024 lines. NOT_FOUND: no line is waiting. Buffer rules of
// base.h; a line that does not fit stays.
SKEIN_API skein_status skein_runtime_poll_log(skein_runtime runtime, char* buffer, uint64_t capacity, uint64_t* size,
                                              uint32_t* severity, skein_error* error);

// Counters, gauges and histograms as text in the Prometheus exposition format. Buffer rules of base.h. Beside counters
// over all models there are, for each loaded model, with its name as the label `model`:
//   skein_jobs{state}            requests and items of evals: queued, running, waiting_for_reader
//   skein_slots{state}           places for states on the devices: held, free
//   skein_states{place}          states of streams and caches: slot, host_memory, disk
//   skein_state_moves_total{move}, skein_state_moved_bytes_total{move}  states that moved, and their size: park and
//                                wake (from a slot to host memory and back), to_disk and from_disk (from host memory
//                                and back)
//   skein_state_wake_seconds     histogram: time to bring a state from host memory to a slot
//   skein_state_fetch_seconds    histogram: from the wish for a state on disk until it is in host memory
//   skein_checkpoints, skein_checkpoints_kept_total, skein_checkpoints_dropped_total  states that streams can go back
//                                to; those that were kept so far; those of them that were dropped for want of room
//   skein_limit{limit,option}    the limits inside the engine, and the option of the model that sets each
//   skein_prefix_cache_requests_total{outcome}  requests, and evals that may use it, by what the prefix cache had for
//                                them: hit, off, not_at_start, cold, no_state, evicted, rows (SKEIN_CACHE_* in
//                                request.h)
//   skein_prefix_cache_saved_tokens_total, skein_prefix_cache_waits_total, skein_prefix_cache_evictions_total  tokens
//                                that a cached state had read; waits for a prompt that was being read; states dropped
//   skein_prefix_cache_states, skein_prefix_cache_bytes  the states in the cache, and their size
//   skein_plan_seconds           histogram: time to plan a step
//   skein_step_duration_seconds  histogram: time of a step on the devices
//   skein_conclude_seconds       histogram: time to draw a step's tokens and deliver their texts
//   skein_first_token_seconds    histogram: from the submission of a request to its first token
//   skein_token_gap_seconds      histogram: between two tokens of a request that did not wait for its reader
//   skein_step_tokens, skein_step_entries  histograms: the size of a step
// and for each tenant of it, with the tenant's name as the label `tenant` ("" is the common one):
//   skein_tenant_jobs{state}         requests, evals, scores and embeddings: queued, running
//   skein_tenant_queued_tokens       known tokens that wait to be read
//   skein_tenant_tokens_total{kind}  tokens that it was served: read, drawn
//   skein_tenant_first_token_seconds, skein_tenant_token_gap_seconds  histograms, as those of the model
// The first 32 tenants of a model that come have lines of their own, until the model is released. The others are one
// line, which has the label `tenants` "others" in place of `tenant`.
// A second model of the same name is called "name#2". Numbers grow while models work, and so may the size of the text
// between two calls.
SKEIN_API skein_status skein_runtime_metrics(skein_runtime runtime, char* buffer, uint64_t capacity, uint64_t* size,
                                             skein_error* error);

// The progress of the runtime's long work (load, convert, verify). Any thread may read it while another works.
typedef struct skein_progress {
  uint32_t struct_size;
  uint32_t active;       // 1 while such work runs
  uint64_t done_bytes;   // of the work that runs, or that ran last
  uint64_t total_bytes;  // of the same work; 0 until it is known
  char what[64];         // such as "loading"
} skein_progress;

// Fills `progress`. Never waits. INVALID_ARGUMENT: `progress->struct_size` is 0.
SKEIN_API skein_status skein_runtime_progress(skein_runtime runtime, skein_progress* progress, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_RUNTIME_H_
