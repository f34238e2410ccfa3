// Models: load, describe, convert. A loaded model is immutable and shared by all its streams.
#ifndef SKEIN_MODEL_H_
#define SKEIN_MODEL_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Loads a model file: a .skein package, or a checkpoint that a format plugin reads (.pth, .safetensors, .gguf, rwkv.cpp
// .bin; the .index.json of a checkpoint in shards; or a folder that holds one of them under its usual name). `path` may
// also be "synthetic:SHAPE", which needs no file: the weights of an RWKV-7 model are made up, to measure speed and
// memory. SHAPE is 0.1B, 0.4B, 1.5B, 2.9B or 7.2B, or dimensions such as "C=960,L=4,F=3000,N=64,V=65536". `options`
// (kind SKEIN_OPTIONS_MODEL) may be NULL. Each row gives a key, its type, its default and its meaning.
//   device     str  ""      device name; names "cuda:0,cpu", filled in this order by memory (below); or a split by
//                           layers "cpu=0-11,reference=12-23"; "" or "auto": the best device, and, by memory, the
//                           next best for the layers that it has no room for
//   type       str  "auto"  "auto": the type named when the package was converted, else the file's values in float32
//                           arithmetic, or on a GPU, where the file's matrices are f16 or bf16, in the arithmetic of
//                           its matrix units for that type (activations rounded to it, float32 sums); "f32"; "f16":
//                           weights rounded to f16, and activations too where the device has arithmetic for them, else
//                           float32 arithmetic; "bf16": weights and activations of the matrix products rounded to bf16;
//                           "q8", "q4": weights in 8 or 4 bits with a scale for every 128 or 64 of a row, activations
//                           in 8 bits where the device has arithmetic for them, else in float32; low-rank factors and,
//                           under q4, the embedding in 8 bits; rows too short for groups in 16 bits. A type that a
//                           device does not offer is refused
//   tokenizer  str  ""      vocabulary file, or "world" or "bytes" (skein_tokenizer_load); "": the model's own, below
//   mmap       i64  1       1: map the file; 0: read it. If a mapped file is truncated, its readers die with SIGBUS
//   lora       str  ""      adapters to merge into the weights: FILE or FILE:SCALE, one a line. FILE may be the folder
//                           that PEFT's save_pretrained writes. The low-rank product B A is added times SCALE; without
//                           SCALE it is added times alpha / rank, or alpha / sqrt(rank) under use_rslora, as
//                           adapter_config.json beside the file or the metadata of a GGUF file says; where nothing says
//                           it, times 1, with a warning in the log. Factors init_lora_A and init_lora_B are subtracted
//                           (PiSSA), lora_magnitude_vector gives rows their length (DoRA), blocks are added (DiSHA,
//                           Bone, MiSS), and any other tensor replaces the model's own. Names may be those of another
//                           scheme than the model's. A file with tensors that mean nothing to the model, or that
//                           changes nothing, is INVALID_ARGUMENT; a kind of adapter that is not read, UNIMPLEMENTED
//   state      str  ""      file with a state that streams start from: a tuned one (`time_state` tensors), or a running
//                           one of the rwkv pip package (the list of tensors that its forward returns, as torch.save
//                           writes it); "": the one in the file, else zero
//   device_memory     str  ""     bytes that the model may take on each device, in all "6GiB" or by name
//                                 "cuda:0=6GiB,cuda:1=512MiB"; a number of bytes, or with KiB, MiB, GiB or TiB behind
//                                 it
//   state_type        str  "f32"  type of the wkv matrices of states on the devices: "f32"; "f16" takes half the memory
//                                 and rounds them at every step. Snapshots and skein_stream_state are float32 in any
//                                 case. A type that a device does not offer is refused
//   deterministic     i64  0      1: a stream's logits, tokens and states are the same bits alone and in a batch, in
//                                 any chunks and whoever joins, leaves or fails beside it, also in "f32", "f16" and
//                                 "bf16" arithmetic. In "q8" and "q4" they are so in any case where activations are in
//                                 8 bits. On a Zen 5 it costs up to 6 % of a prompt's time in bf16 arithmetic, and
//                                 nothing that was measurable in float32. A device that does not offer it for the type
//                                 is refused
//   max_streams       i64  1048576  streams that may be open at a time. An open stream that does not run costs its
//                                 state in one of the places below, and none before it has read a token
//   max_batch_streams  i64  64    streams in one step
//   max_batch_tokens  i64  512    tokens in one step; if it is not set, at least max_batch_streams + 16
//   state_memory      str  ""     bytes of states on the devices, a number or with KiB, MiB, GiB or TiB behind it,
//                                 counted in float32; room for at least 3. A step needs the states that it reads and
//                                 those that it writes. "": 2 max_batch_streams + 2 states. What is not used takes no
//                                 memory on devices that compute in the host's
//   state_host_memory  str  ""    bytes of states in host memory, which streams that do not run go to when the devices
//                                 are full, and come back from. "0": none. "": a quarter of the machine's memory, at
//                                 most 8GiB. If all places are taken, what needs one more ends with RESOURCE_EXHAUSTED
//   state_folder      str  ""     folder for states for which host memory has no room either; made if need be. "":
//                                 none. A stream whose state has to be read again waits for that, and the others run
//                                 on. If the state cannot be read, what runs on that stream ends with DATA_LOSS or
//                                 UNAVAILABLE. Such a state is lost with the process: a snapshot lasts. Needs room for
//                                 4 states in host memory.
//                                 The states of the prefix cache are copied there as well, those of salts of up to 31
//                                 bytes. A later process with the same model, adapter, state, type and devices starts
//                                 with the latest of them, as many as prefix_cache has room for. They survive the end
//                                 of a process, however it ends, but maybe not that of the system.
//                                 Several processes may share a folder. Its files can be read by their user alone
//   state_disk        str  "16GiB"  bytes of states in that folder, of each process; at most half are copies of the
//                                 prefix cache
//   max_queued_tokens  i64  0     tokens that may wait to be read, of all streams (schedule.h); 0: what is read in 4 s
//                                 at the measured pace, but at least 8192
//   step_time_ms      i64  0      the time that a step with streams that decode may take because of prompts: their
//                                 shares are cut so. A step with prompts takes no more than about twice the time of the
//                                 same step without them in any case, or 5 ms if that is longer. 0: 100, and 25 on
//                                 devices that take steps ahead, such as GPUs, or 1.5 times what the streams take
//                                 without prompts, if that is longer
//   max_running       i64  0      requests and evals between their first step and their end; others wait, or preempt
//                                 those of a lower priority (schedule.h). 0: max_batch_streams
//   age_limit_ms      i64  1000   a prompt that has waited for so long gets a share of every step, whatever the time;
//                                 and so much waiting outweighs one priority
//   prefix_cache      i64  268435456  bytes of states that prompts leave for those that begin alike (request.h), at
//                                 most a quarter of all there is room for, and few of them while no prompts come
//                                 back; 0: no stream gets another's state
//   calibrate         i64  1      1: after the load, while there is no work, steps of 50 ms at most are measured for
//                                 half a second, which reads the weights; a job waits for one of them at most, and so
//                                 may the release of the model. 0: the time of steps is learnt from those with work
//   checkpoint_memory  i64  -1    bytes of the states that all streams together keep as checkpoints, to go back to
//                                 (skein_stream_truncate), at most 4096 states; 0: none; -1: an eighth of the states
//                                 that there is room for
//
// Where memory decides, a device gets as many of the layers that are left as it has room for, states and scratch
// included, and the next device the rest. The embedding goes with the first layers, the head with the last. A device
// without room for a layer is left out. A device may take what is free of its skein_device_info.memory_bytes (0: any
// amount), or less by `device_memory`. If nothing is named, the devices go from the best to the first that computes in
// the host's memory. If a device turns out to be full while the model is loaded to it, because others use it too, the
// load is tried again with less there. skein_model_info.device has the placement in the form of the option, and the log
// has a line about it. What the caller has placed stays in its place or fails.
//
// The model's own vocabulary is the one in its file; else the first of these files beside it that fits its rows:
// rwkv_vocab_v20230424.txt, vocab.txt, tokenizer.json, 20B_tokenizer.json; else, by the number of rows (65,536: World),
// one in the box; else a file beside it that does not fit, unless the rows tell that another one is meant. A model may
// have none. skein_tokenizer_get_info says which it is. The log has a warning about a vocabulary that does not fit the
// rows, because it has more ids or far fewer, and about a file that was passed over.
//
// NOT_FOUND: no such file or device. DATA_LOSS: truncated or corrupt. INVALID_ARGUMENT: no format plugin knows it, or
// its tensors do not make a model. UNIMPLEMENTED: known, but not supported (generation, type). RESOURCE_EXHAUSTED:
// memory; if a device is full, the message names it, what the model needs there, and what would help.
SKEIN_API skein_status skein_model_load(skein_runtime runtime, const char* path, skein_options options,
                                        skein_model* model, skein_error* error);

// Releases the handle. Streams, requests, prefixes and tokenizers of the model keep it alive; its memory is free when
// the last of them is released and the step in flight has ended. Never waits for inference.
SKEIN_API skein_status skein_model_release(skein_model model, skein_error* error);

// Dimensions of a model. Letters as in the RWKV papers.
typedef struct skein_model_info {
  uint32_t struct_size;
  uint32_t generation;        // 7 for RWKV-7
  uint32_t num_layers;        // L
  uint32_t d_model;           // C
  uint32_t d_ffn;             // F
  uint32_t vocab_size;        // V, rows of logits
  uint32_t num_heads;         // H
  uint32_t head_size;         // N
  uint64_t num_parameters;    // elements of all tensors
  uint64_t weights_bytes;     // in the types that the devices were given
  uint64_t num_state_floats;  // of one stream in canonical layout
  uint32_t has_tokenizer;     // 1 if skein_model_tokenizer gives one
  skein_token end_token;      // end of text
  char device[128];           // where the layers run, in the form of the option `device`
  char type[16];              // type of the matrices as computed
  // The name in the file (the manifest's, general.name of GGUF). If there is none, or one that programs give to every
  // model ("model", "pytorch_model"): the file's name without extension and shard number; if that is such a name, the
  // folder's.
  char name[128];
  uint32_t variant;          // within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2
  uint32_t d_att;            // A, width of the time-mix
  char chat_template[32];    // name of the template of its conversations (chat.h); "" if none is known
  uint64_t embedding_bytes;  // part of weights_bytes: the embedding; a step reads the rows of its tokens only
  // Tokens of the longest text that the model was trained with; 0: unknown. When a stream's position passes it, the log
  // has a warning: what the model writes from there on may be poor.
  uint64_t trained_length;
} skein_model_info;

// Fills `info`. INVALID_ARGUMENT: `info->struct_size` is 0.
SKEIN_API skein_status skein_model_get_info(skein_model model, skein_model_info* info, skein_error* error);

// Converts any readable model file to a .skein package, or, where `out_path` ends in .safetensors, to a checkpoint with
// the names and shapes of the models' author. `options` (kind SKEIN_OPTIONS_CONVERT) may be NULL. A key with the
// default "-" that is not set keeps the value of the input.
//   type           str  "auto"    "auto" (matrices keep their type), "f32", "f16", "bf16", "q8", "q4" (as in
//                                 skein_model_load; the last two in packages only); "auto" in skein_model_load is then
//                                 the type that was named here
//   layout         str  "panels"  layout of a package's matrices: "panels", which loading maps, or "rows"
//   tokenizer      str  ""        vocabulary to embed, as skein_tokenizer_load takes it; "": the model's own, wherever
//                                 skein_model_load would find it
//   name           str  -         recorded in the manifest
//   licence        str  -         recorded in the manifest
//   provenance     str  -         where the weights come from, recorded in the manifest
//   prompt         str  -         an example prompt, recorded in the manifest
//   chat_template  str  -         name of the chat template (chat.h), recorded in the manifest; not set: the one that
//                                 the input's name or template tells, so that it holds under another name too
//   lora           str  ""        as in skein_model_load; merged
//   state          str  ""        as in skein_model_load; embedded
//   end_token      i64  -         the token that ends a text, recorded in the manifest
//   trained_length i64  -         tokens of the longest text that the model was trained with, recorded in the manifest.
//                                 Not set: what the input says, in its metadata, in config.json, or in its name
//                                 ("ctx4096")
//   overwrite      i64  0         1: replace `out_path` if it exists; 0: ALREADY_EXISTS
// The file appears whole or not at all. Where the system can, it has no name until it is complete; elsewhere it is
// written beside its place as skein-*.tmp and renamed. A file that is replaced keeps its permissions, and links that
// lead to it stay. INVALID_ARGUMENT: `out_path` is empty, or with `overwrite` a folder, a device or a FIFO.
// RESOURCE_EXHAUSTED: memory, or the disk is full. The codes of skein_model_load for the input.
SKEIN_API skein_status skein_model_convert(skein_runtime runtime, const char* in_path, const char* out_path,
                                           skein_options options, skein_error* error);

// Describes a model file without loading it on a device. `options` (kind SKEIN_OPTIONS_DESCRIBE) may be NULL.
//   format  str  "text"  "text" or "json"
//   verify  i64  0       1: read all data and compare the checksums; DATA_LOSS names the first tensor that differs
// The text goes to (buffer, capacity, size) by the rules of base.h: UTF-8 of several lines. NOT_FOUND, DATA_LOSS,
// INVALID_ARGUMENT, UNIMPLEMENTED: as in skein_model_load.
SKEIN_API skein_status skein_model_describe(skein_runtime runtime, const char* path, skein_options options,
                                            char* buffer, uint64_t capacity, uint64_t* size, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_MODEL_H_
