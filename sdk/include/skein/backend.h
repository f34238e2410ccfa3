// The table that a backend fills, so that its devices run segments of RWKV models.
//
// A segment is a contiguous range of layers on one device, optionally with the embedding in front and the head behind
// (a segment of no layers with a head runs the head alone). A step takes it over a ragged batch of tokens, in one call.
// Order: device_open; query; segment_create, put_tensor for every tensor of the segment, seal; then any number of
// state_* and step; segment_destroy; device_close.
// Threads: device_count, device_info, device_open, device_close, query and segment_create are called on any thread, and
// several at the same time, also for one device: two models may be loaded at once. Calls on one segment come one at a
// time, from thread to thread, except fence_*, which any thread may call. Different segments may be used at the same
// time. `put_tensor`, `seal` and `step` are called on a thread inside the runtime's arena.
#ifndef SKEIN_BACKEND_H_
#define SKEIN_BACKEND_H_

#include "skein/plugin.h"

SKEIN_EXTERN_C_BEGIN

// --- roles: the purpose of a tensor ---
//
// Names in comments are BlinkDL's. The numbers never change: packages hold them too.
//
// One shape and orientation per role. Letters: C d_model, A d_att, V vocab_size, F d_ffn, H num_heads, N head_size (A =
// H N), R a rank. A equals C in every published model, and always in RWKV-7. Every matrix is [out, in], row-major, and
// acts as y = W x: the low-rank factors too, which checkpoints store the other way round. Vectors are [C] unless their
// line says otherwise. Parameters are those of the models' author, before any exp: a decay is not a factor yet. `layer`
// is the index in the whole model, 0 for tensors without one.
#define SKEIN_ROLE_NONE 0
#define SKEIN_ROLE_EMBEDDING 1         // emb.weight [V, C]
#define SKEIN_ROLE_EMBEDDING_NORM_W 2  // blocks.0.ln0.weight [C]; layer 0
#define SKEIN_ROLE_EMBEDDING_NORM_B 3  // blocks.0.ln0.bias
#define SKEIN_ROLE_OUTPUT_NORM_W 4     // ln_out.weight [C]
#define SKEIN_ROLE_OUTPUT_NORM_B 5     // ln_out.bias
#define SKEIN_ROLE_HEAD 6              // head.weight [V, C]

#define SKEIN_ROLE_TIME_NORM_W 16         // ln1.weight [C]
#define SKEIN_ROLE_TIME_NORM_B 17         // ln1.bias
#define SKEIN_ROLE_CHANNEL_NORM_W 18      // ln2.weight
#define SKEIN_ROLE_CHANNEL_NORM_B 19      // ln2.bias
#define SKEIN_ROLE_TIME_RECEPTANCE 20     // att.receptance.weight [A, C]
#define SKEIN_ROLE_TIME_KEY 21            // att.key.weight [A, C]
#define SKEIN_ROLE_TIME_VALUE 22          // att.value.weight [A, C]
#define SKEIN_ROLE_TIME_OUTPUT 23         // att.output.weight [C, A]
#define SKEIN_ROLE_TIME_GROUP_NORM_W 24   // att.ln_x.weight [A]; not in RWKV-4
#define SKEIN_ROLE_TIME_GROUP_NORM_B 25   // att.ln_x.bias
#define SKEIN_ROLE_CHANNEL_KEY 26         // ffn.key.weight [F, C]
#define SKEIN_ROLE_CHANNEL_VALUE 27       // ffn.value.weight [C, F]
#define SKEIN_ROLE_TIME_GATE 28           // att.gate.weight [A, C]; RWKV-5.1, 5.2 and 6
#define SKEIN_ROLE_CHANNEL_RECEPTANCE 29  // ffn.receptance.weight [C, C]; RWKV-4, 5 and 6

// RWKV-4 and 5. Mixes are the share of the current token: x * mix + x' * (1 - mix).
#define SKEIN_ROLE_V4_MIX_K 32          // att.time_mix_k [C]
#define SKEIN_ROLE_V4_MIX_V 33          // att.time_mix_v
#define SKEIN_ROLE_V4_MIX_R 34          // att.time_mix_r
#define SKEIN_ROLE_V5_MIX_G 35          // att.time_mix_g; RWKV-5.1 and 5.2
#define SKEIN_ROLE_V4_CHANNEL_MIX_K 36  // ffn.time_mix_k [C]
#define SKEIN_ROLE_V4_CHANNEL_MIX_R 37  // ffn.time_mix_r
#define SKEIN_ROLE_V4_DECAY 38          // att.time_decay [A]: a token multiplies by exp(-exp(d)); RWKV-4
#define SKEIN_ROLE_V4_BONUS 39          // att.time_first [A]; RWKV-4
// RWKV-5, and the bonus of RWKV-6
#define SKEIN_ROLE_V5_DECAY 40  // att.time_decay, [H] in 5.0 and 5.1, [H, N] in 5.2: factor exp(-exp(d)) on key i
// 5.0: att.time_first [H], whose exp is the bonus; 5.1: att.time_faaaa [H], the bonus itself; 5.2 and RWKV-6:
// att.time_faaaa [H, N]
#define SKEIN_ROLE_V5_BONUS 41
// RWKV-6. Mixes are the share of the token before, as in RWKV-7: x + (x' - x) * mix.
#define SKEIN_ROLE_V6_MIX_X 42          // att.time_maa_x [C]
#define SKEIN_ROLE_V6_MIX_W 43          // att.time_maa_w
#define SKEIN_ROLE_V6_MIX_K 44          // att.time_maa_k
#define SKEIN_ROLE_V6_MIX_V 45          // att.time_maa_v
#define SKEIN_ROLE_V6_MIX_R 46          // att.time_maa_r
#define SKEIN_ROLE_V6_MIX_G 47          // att.time_maa_g
#define SKEIN_ROLE_V6_MIX_DOWN_W 48     // att.time_maa_w1 [C, 5 R_m]: its columns [0, R_m), transposed: [R_m, C]
#define SKEIN_ROLE_V6_MIX_DOWN_K 49     // the same, columns from R_m
#define SKEIN_ROLE_V6_MIX_DOWN_V 50     // 2 R_m
#define SKEIN_ROLE_V6_MIX_DOWN_R 51     // 3 R_m
#define SKEIN_ROLE_V6_MIX_DOWN_G 52     // 4 R_m
#define SKEIN_ROLE_V6_MIX_UP_W 53       // att.time_maa_w2 [5, R_m, C]: its block 0, transposed: [C, R_m]
#define SKEIN_ROLE_V6_MIX_UP_K 54       // block 1
#define SKEIN_ROLE_V6_MIX_UP_V 55       // block 2
#define SKEIN_ROLE_V6_MIX_UP_R 56       // block 3
#define SKEIN_ROLE_V6_MIX_UP_G 57       // block 4
#define SKEIN_ROLE_V6_DECAY_BIAS 58     // att.time_decay [A]
#define SKEIN_ROLE_V6_DECAY_DOWN 59     // att.time_decay_w1, transposed: [R_w, C]
#define SKEIN_ROLE_V6_DECAY_UP 60       // att.time_decay_w2, transposed: [A, R_w]
#define SKEIN_ROLE_V6_CHANNEL_MIX_K 61  // ffn.time_maa_k [C]
#define SKEIN_ROLE_V6_CHANNEL_MIX_R 62  // ffn.time_maa_r

// RWKV-7
#define SKEIN_ROLE_V7_MIX_R 64        // att.x_r [C]
#define SKEIN_ROLE_V7_MIX_W 65        // att.x_w
#define SKEIN_ROLE_V7_MIX_K 66        // att.x_k
#define SKEIN_ROLE_V7_MIX_V 67        // att.x_v
#define SKEIN_ROLE_V7_MIX_A 68        // att.x_a
#define SKEIN_ROLE_V7_MIX_G 69        // att.x_g
#define SKEIN_ROLE_V7_DECAY_BIAS 70   // att.w0 [C]
#define SKEIN_ROLE_V7_DECAY_DOWN 71   // att.w1, transposed: [R_w, C]
#define SKEIN_ROLE_V7_DECAY_UP 72     // att.w2, transposed: [C, R_w]
#define SKEIN_ROLE_V7_ICLR_BIAS 73    // att.a0 [C]: in-context learning rate
#define SKEIN_ROLE_V7_ICLR_DOWN 74    // att.a1, transposed: [R_a, C]
#define SKEIN_ROLE_V7_ICLR_UP 75      // att.a2, transposed: [C, R_a]
#define SKEIN_ROLE_V7_VALUE_BIAS 76   // att.v0 [C]: value residual; these three are never sent for layer 0
#define SKEIN_ROLE_V7_VALUE_DOWN 77   // att.v1, transposed: [R_v, C]
#define SKEIN_ROLE_V7_VALUE_UP 78     // att.v2, transposed: [C, R_v]
#define SKEIN_ROLE_V7_GATE_DOWN 79    // att.g1, transposed: [R_g, C]
#define SKEIN_ROLE_V7_GATE_UP 80      // att.g2, transposed: [C, R_g]
#define SKEIN_ROLE_V7_KEY_K 81        // att.k_k [C]: scale of the removal key
#define SKEIN_ROLE_V7_KEY_A 82        // att.k_a [C]: in-context rate in the key
#define SKEIN_ROLE_V7_BONUS 83        // att.r_k [H, N]
#define SKEIN_ROLE_V7_CHANNEL_MIX 84  // ffn.x_k [C]

// --- device ---

// libskein asks a device only for features that the device lists. ADAPTERS is reserved: libskein does not send it yet,
// whatever a device lists.
#define SKEIN_FEATURE_HIDDEN 1u          // output SKEIN_STEP_HIDDEN
#define SKEIN_FEATURE_TOP_K 2u           // output SKEIN_STEP_TOP_K
#define SKEIN_FEATURE_MASK_AND_BIAS 4u   // entries' mask and bias
#define SKEIN_FEATURE_ADAPTERS 8u        // entries' adapter other than 0; reserved until streams have adapters
#define SKEIN_FEATURE_SAMPLE 16u         // output SKEIN_STEP_SAMPLE
#define SKEIN_FEATURE_FEED_DRAWN 32u     // entries' drawn_by
#define SKEIN_FEATURE_DETERMINISTIC 64u  // segments with SKEIN_SEGMENT_DETERMINISTIC, of every compute type

typedef struct skein_backend_device {
  uint32_t struct_size;
  uint32_t weight_types;         // bit (1 << SKEIN_DTYPE_*) for each type put_tensor takes for matrices. Whatever it
                                 // says, matrices may also come in F32 rows: so libskein sends those of other types
  uint32_t compute_types;        // bit (1 << SKEIN_DTYPE_*) for each skein_segment_desc.compute_type other than NONE
  uint32_t deterministic_types;  // compute types (bit 0: NONE) whose rows never depend on the other rows of a step
  uint32_t generations;          // bit (1 << g) for each RWKV generation g
  uint32_t features;             // SKEIN_FEATURE_*
  uint32_t rank;                 // the host prefers higher: reference 0, CPU 100, GPU 200
  uint32_t reserved;
  uint64_t memory_bytes;  // 0 where unknown; see skein_segment_cost and device_free_memory
  // "cpu", "reference", "cuda:0". NUL-terminated, not empty, without ',' and '=', which part names in the option
  // `device`. Unique among all devices: of two with one name, a device of a plugin beside libskein counts, else that of
  // the plugin that was loaded first. The other is left out with a reason, whatever its rank.
  char name[64];
  char description[256];
  uint32_t layouts;  // bit (1 << SKEIN_LAYOUT_*) for each layout put_tensor takes for matrices; 0: ROWS alone
  uint32_t reserved_2;
  // The struct's first form ends here.
  uint32_t num_threads;  // that it computes with; 0: those of the host's arena
  uint32_t reserved_3;
  // Bit (1 << W) for each type W of matrices whose segments libskein gives the compute_type W if the caller leaves the
  // arithmetic open (option `type` "auto"): for a device whose matrix units float32 activations would leave idle. Each
  // is one of compute_types. 0: NONE, float32 activations over any weights.
  uint32_t auto_types;
  uint32_t state_types;  // bit (1 << SKEIN_DTYPE_*) for each skein_segment_desc.state_type; F32 counts without its bit
} skein_backend_device;

// --- segment ---

typedef struct skein_backend_model {
  uint32_t struct_size;
  uint32_t generation;       // 4 to 7
  uint32_t variant;          // 0; within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2
  uint32_t num_layers;       // of the whole model
  uint32_t d_model;          // C
  uint32_t d_att;            // A; equals C in generation 7
  uint32_t d_ffn;            // F
  uint32_t vocab_size;       // V
  uint32_t num_heads;        // H; 0 in generation 4, which has no heads
  uint32_t head_size;        // N; 0 in generation 4
  uint32_t rank_decay;       // R_w; generations 6 and 7
  uint32_t rank_iclr;        // R_a; generation 7, as the next two
  uint32_t rank_value;       // R_v
  uint32_t rank_gate;        // R_g
  float norm_epsilon;        // LayerNorm, 1e-5
  float group_norm_epsilon;  // 64e-5; generations 5 to 7
  uint32_t rank_mix;         // R_m; generation 6
} skein_backend_model;

#define SKEIN_SEGMENT_EMBEDDING 1u  // starts from token ids; else from the carries
#define SKEIN_SEGMENT_HEAD 2u       // ends with output norm and head; else with the carries
// A row's results never depend on the other rows of its step: the same bits alone, among others and in any chunks. Only
// for devices with SKEIN_FEATURE_DETERMINISTIC; not needed for deterministic_types.
#define SKEIN_SEGMENT_DETERMINISTIC 4u

typedef struct skein_segment_desc {
  uint32_t struct_size;
  uint32_t flags;        // SKEIN_SEGMENT_*
  uint32_t first_layer;  // layers [first_layer, first_layer + num_layers) of the model
  uint32_t num_layers;
  uint32_t num_slots;     // states held; slot indices are below this
  uint32_t max_tokens;    // in one step
  uint32_t max_entries;   // in one step
  uint32_t num_adapters;  // 0; reserved until streams have adapters
  // Arithmetic of the matrix products. SKEIN_DTYPE_NONE: float32 activations and sums, over the weights as they are
  // put. F32: the same, over float32 weights. F16 and BF16: activations rounded to that type, float32 sums. Q8 and Q4,
  // which are the same to a backend: for matrices that were put in Q8 or Q4, activations may be rounded to bf16, or to
  // 8 bits per row and group of inputs; float32 for all others.
  uint32_t compute_type;
  uint32_t weight_type;  // of the large matrices as they will be put, for `query`
  skein_backend_model model;
  // The struct's first form ends here.
  // Of the states in their slots. NONE and F32: float32. F16: the wkv matrices in binary16, the shift rows in float32.
  // Export and import are float32 in any case.
  uint32_t state_type;
} skein_segment_desc;

// libskein adds up what the segments of one model need on a device: weights_bytes + num_slots * slot_bytes +
// scratch_bytes. It gives the device no more than its memory_bytes or what is free of them, or than the option
// `device_memory`: layers for which there is no room go to another device where the caller lets memory decide, else the
// load fails with RESOURCE_EXHAUSTED. If memory_bytes is 0, only numbers that no machine has are refused. The cost does
// not fall with the number of layers. A device may still answer RESOURCE_EXHAUSTED to segment_create, put_tensor and
// seal, because others use it; libskein may then destroy the segment and try one with fewer layers.
typedef struct skein_segment_cost {
  uint32_t struct_size;
  uint32_t supported;      // 1, or 0 with the reason in the message
  uint64_t weights_bytes;  // as packed
  uint64_t slot_bytes;     // one state
  uint64_t scratch_bytes;  // everything else
} skein_segment_cost;

#define SKEIN_TENSOR_MAPPED 1u  // `data` stays valid until segment_destroy; else only during the call

typedef struct skein_tensor {
  uint32_t struct_size;
  uint32_t role;   // SKEIN_ROLE_*
  uint32_t layer;  // in the whole model
  uint32_t dtype;  // vectors: always F32; matrices: one of the device's weight_types, or F32
  uint32_t flags;  // SKEIN_TENSOR_*
  uint32_t num_dims;
  uint64_t shape[SKEIN_MAX_DIMS];
  const void* data;  // contiguous; in ROWS perhaps unaligned, in PANELS aligned to 64 bytes
  uint64_t size_bytes;
  uint32_t layout;  // SKEIN_LAYOUT_*; other than ROWS only for matrices other than the embedding
  uint32_t reserved;
} skein_tensor;

// --- step ---

#define SKEIN_SLOT_INITIAL 0xFFFFFFFFu  // read: the initial state of the model
#define SKEIN_SLOT_NONE 0xFFFFFFFEu     // write: discard the new state

#define SKEIN_STEP_NO_OUTPUT 0
#define SKEIN_STEP_HIDDEN 1  // [rows, C] after the output norm
#define SKEIN_STEP_LOGITS 2  // [rows, V]
// [rows, top_k + 1]: the top_k greatest logits, falling, then the log-sum-exp of all. In output_tokens, [rows, top_k]:
// their ids. Of equal logits the one with the lower id comes first.
#define SKEIN_STEP_TOP_K 3
// [rows, 2]: the logit of the token that the device drew, then the log-sum-exp of all. In output_tokens, [rows]: the
// token. See skein_sampling.
#define SKEIN_STEP_SAMPLE 4

#define SKEIN_MAX_TOP_K 64   // the most logits of a row with SKEIN_STEP_TOP_K
#define SKEIN_MAX_BIAS 1024  // the most biases of an entry

// Added to the logit of a token. Finite, or minus infinity, which bans the token.
typedef struct skein_bias {
  uint32_t token;
  float bias;
} skein_bias;

// How SKEIN_STEP_SAMPLE draws a token. A token's probability is exp(logit) over the sum of all. The tokens that remain
// are those that all three filters keep. Each filter looks at the whole distribution, without temperature:
//   top_k  keeps the top_k greatest logits; of equals, those with lower ids
//   top_p  keeps the most probable tokens until their sum is at least top_p, and all that are as probable as the last
//   min_p  keeps the tokens that are at least min_p times as probable as the most probable one
// Of the tokens that remain, in order of id, the first is drawn at which the running sum of exp(logit / temperature)
// passes the share `uniforms[row]` of the whole sum. How a device rounds its sums is its own affair, so that two
// devices may differ where a share lies within rounding of a border between two tokens.
// Temperature 0 draws the token with the greatest logit; of equals, the one with the lowest id. Nothing else counts
// then.
typedef struct skein_sampling {
  uint32_t struct_size;
  uint32_t top_k;          // 0: off
  double top_p;            // 0 to 1; 1: off
  double min_p;            // 0 to 1; 0: off
  double temperature;      // 0 to 1e6
  const double* uniforms;  // [rows], each in [0, 1)
} skein_sampling;

// One stream's part of a step. A stream is in a step at most once. No two entries write the same slot. A slot that one
// entry reads is written by no other entry; many entries may read it. An entry may read and write the same slot. The
// struct grows at its end only; skein_step.entry_size says which fields the host has.
typedef struct skein_step_entry {
  uint32_t read_slot;    // or SKEIN_SLOT_INITIAL
  uint32_t write_slot;   // or SKEIN_SLOT_NONE
  uint32_t first_token;  // its tokens are [first_token, first_token + num_tokens) of the step; at least one
  uint32_t num_tokens;
  uint32_t adapter;         // 0: none; reserved until streams have adapters
  uint32_t output;          // SKEIN_STEP_*; only in a segment with a head
  uint32_t output_start;    // rows are wanted for its own tokens [output_start, num_tokens)
  uint32_t top_k;           // with SKEIN_STEP_TOP_K: at least 1, at most V and SKEIN_MAX_TOP_K
  float* output_rows;       // row-major; as many rows as wanted
  uint32_t* output_tokens;  // with SKEIN_STEP_TOP_K and SKEIN_STEP_SAMPLE, else NULL
  // With LOGITS, TOP_K and SAMPLE: bias and then mask change the logits of all wanted rows, before anything else is
  // done with them. Biases come in ascending order of token. Those of one token are added one after the other.
  const uint32_t* mask;    // bit token % 32 of mask[token / 32], 0 = banned; [(V + 31) / 32], or NULL
  const skein_bias* bias;  // [num_bias], or NULL
  uint32_t num_bias;       // at most SKEIN_MAX_BIAS
  // 0 when it comes; written by the step: 0, or why this entry failed. INVALID_ARGUMENT: a bad token id, bias or number
  // of `sampling`. DATA_LOSS: an output is not finite, where logits count as they are before mask and bias, or a bias
  // takes a logit to plus infinity. FAILED_PRECONDITION, with TOP_K and SAMPLE: mask and bias leave no token.
  // UNIMPLEMENTED: a feature that the device lacks. A failed entry's write slot and outputs are undefined. So is all
  // of an entry whose token was to be drawn by one that failed; it may have any status then.
  int32_t status;
  // The struct's first form ends here, at 72 bytes.
  const skein_sampling* sampling;  // with SKEIN_STEP_SAMPLE, else NULL
  // 0: the tokens are those of the step. Else the entry has one token, which the host does not know yet: the last one
  // that entry `drawn_by - 1` of the step before drew with SKEIN_STEP_SAMPLE. The id in the step's tokens is not looked
  // at. Only in a segment with embedding and head, and only behind a step that did not fail when it was begun: the
  // last call of `step` on this segment, which may be unfinished.
  uint32_t drawn_by;
  uint32_t reserved;
} skein_step_entry;

// Carries: the rows that cross a cut between segments. All are float32 [num_tokens, C] in host memory.
#define SKEIN_CARRY_X 0        // the residual stream
#define SKEIN_CARRY_V_FIRST 1  // RWKV-7: value projection of layer 0
#define SKEIN_MAX_CARRIES 4

typedef struct skein_step {
  uint32_t struct_size;
  uint32_t num_tokens;  // of all entries together
  uint32_t num_entries;
  uint32_t entry_size;                         // bytes from one entry to the next: at least 72, a multiple of 8. The
                                               // backend steps by it and touches no field that lies beyond it
  const uint32_t* tokens;                      // [num_tokens] ids, given to every segment
  void* entries;                               // skein_step_entry structs
  const float* carries_in[SKEIN_MAX_CARRIES];  // by SKEIN_CARRY_*; set unless the segment has the embedding
  float* carries_out[SKEIN_MAX_CARRIES];       // set unless the segment has the head
} skein_step;

// The multiplications of a segment, for measurements.
typedef struct skein_segment_work {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t multiplications;          // in matrix products, since the segment was made: rows * outputs * inputs
  uint64_t library_multiplications;  // the part of them that a library ran, not the plugin's own code
  char library[32];                  // the library's name, such as "oneDNN"; "" if there is none
} skein_segment_work;

// --- the table ---

typedef struct skein_backend_table {
  uint32_t struct_size;
  uint32_t reserved;

  // The number of devices there are now, at most 256, and a description of each. Asked whenever the host lists devices.
  // If one fails, the devices before it count, and the reason is shown with the plugin. UNAVAILABLE says that the
  // machine lacks what the backend is for, such as a driver: the log tells it as information and not as a warning.
  int32_t (*device_count)(uint32_t* count, skein_message* message);
  int32_t (*device_info)(uint32_t index, skein_backend_device* info, skein_message* message);
  int32_t (*device_open)(const skein_host* host, uint32_t index, void** device, skein_message* message);
  void (*device_close)(void* device);

  // Tells whether the device would run the segment, and at what cost. Does not allocate it.
  int32_t (*query)(void* device, const skein_segment_desc* desc, skein_segment_cost* cost, skein_message* message);

  int32_t (*segment_create)(void* device, const skein_segment_desc* desc, void** segment, skein_message* message);
  // Takes one tensor. INVALID_ARGUMENT: a role, layer, type or shape that the segment does not expect, or put twice;
  // the message names it.
  int32_t (*put_tensor)(void* segment, const skein_tensor* tensor, skein_message* message);
  // After the last tensor: checks that none is missing (FAILED_PRECONDITION names the first), packs weights, allocates
  // states.
  int32_t (*seal)(void* segment, skein_message* message);
  void (*segment_destroy)(void* segment);

  // States by slot. Export and import use the canonical layout, float32; per layer of this segment:
  //   generation 4: att_shift[C], ffn_shift[C], aa[A], bb[A], pp[A]
  //   5 and 6:      att_shift[C], ffn_shift[C], wkv[H][N keys][N values]
  //   7:            att_shift[C], ffn_shift[C], wkv[H][N values][N keys]
  // The initial state is zero, but for pp, which is -1e30. `num_floats` is exactly their number. OUT_OF_RANGE: no such
  // slot. libskein calls neither state_init nor state_copy yet, because a step reads SKEIN_SLOT_INITIAL and writes
  // another slot. A backend offers both all the same: later versions may call them.
  int32_t (*state_init)(void* segment, uint32_t slot, skein_message* message);
  int32_t (*state_copy)(void* segment, uint32_t from_slot, uint32_t to_slot, skein_message* message);
  int32_t (*state_export)(void* segment, uint32_t slot, float* state, uint64_t num_floats, skein_message* message);
  int32_t (*state_import)(void* segment, uint32_t slot, const float* state, uint64_t num_floats,
                          skein_message* message);

  // Runs a step. The code returned is that of the step as a whole; if it is not OK, the slots it writes are undefined.
  // INVALID_ARGUMENT or OUT_OF_RANGE: the step breaks a rule of this header. FAILED_PRECONDITION: the segment is not
  // sealed. UNAVAILABLE: the device is lost, and so are the states of all its segments; every later call on them fails
  // with it too, and segment_destroy and device_close still free what the process has of them. libskein ends what runs
  // on the model, and opens the device anew for the next one. RESOURCE_EXHAUSTED, INTERNAL and any other code that
  // plugin.h lets pass: libskein tries the entries one by one. Each entry has its own status.
  // `fence` is not NULL, and `*fence` comes as NULL. If it stays so, the step is done. Else the host keeps inputs and
  // outputs valid and untouched, and writes no slot that the step reads, until the fence is done. Steps of a segment
  // complete in order, and the host may enqueue one behind an unfinished one.
  int32_t (*step)(void* segment, const skein_step* step, void** fence, skein_message* message);

  // A backend whose steps are done when they return may leave all of the next three NULL. The host releases every fence
  // once, after it is done. A step that returns an error may set one too: then the device still works on its inputs,
  // and the host waits for the fence before it touches them.
  uint32_t (*fence_done)(void* fence);  // 1 done, 0 not yet
  // When done, the code of the step; DEADLINE_EXCEEDED after `timeout_us`; negative waits for ever. A host takes
  // CANCELLED for a defect of the backend, because only callers cancel.
  int32_t (*fence_wait)(void* fence, int64_t timeout_us, skein_message* message);
  void (*fence_release)(void* fence);

  // Fills *work. May be NULL. Called between steps, as every call on a segment.
  int32_t (*segment_work)(void* segment, skein_segment_work* work, skein_message* message);

  // The bytes of an open device's memory that are free now, which stand for its memory_bytes where layers are placed.
  // libskein asks only then, and only devices that say their memory_bytes: to know it may cost memory itself. May be
  // NULL: memory_bytes stand. Any thread. RESOURCE_EXHAUSTED, UNAVAILABLE: the model is not placed there.
  int32_t (*device_free_memory)(void* device, uint64_t* bytes, skein_message* message);

  // The state of a slot is not needed any more: the backend may give its memory back to the system. The slot may be
  // written again, and is not read before. OUT_OF_RANGE: no such slot. May be NULL. Called between steps.
  int32_t (*state_discard)(void* segment, uint32_t slot, skein_message* message);

  // Begins to export the state that the steps asked for so far leave in a slot, as state_export. Steps that are asked
  // for later do not wait for it. `*fence` comes as NULL. If it stays so, the export is done, or has failed by the code
  // returned. Else the host keeps `state` valid and untouched, and neither writes the slot, by a step or a call on
  // states, nor discards it, until the fence is done; steps may read it. The functions of fences serve this one as that
  // of a step. Exports may end in any order, and before or after steps that were asked for later. segment_destroy comes
  // behind the end of all. Codes as state_export's; those behind a fence are told by fence_wait. May be NULL; not
  // without the functions of fences.
  int32_t (*state_export_begin)(void* segment, uint32_t slot, float* state, uint64_t num_floats, void** fence,
                                skein_message* message);

  // Begins to import a state into a slot, as state_import, behind the steps asked for so far that read or write the
  // slot. What is asked for later finds the state there. Steps that do not read the slot do not wait for it. `*fence`
  // comes as NULL. If it stays so, the import is done, or has failed by the code returned. Else the host keeps `state`
  // valid and untouched, and neither writes the slot, by a step or a call on states, nor discards it, until the fence
  // is done; steps may read it. The functions of fences serve this one as that of a step. Imports may end in any order.
  // A step that reads the slot ends behind the import. segment_destroy comes behind the end of all. Codes as
  // state_import's; those behind a fence are told by fence_wait, and leave the slot and what steps have read there
  // undefined. May be NULL; not without the functions of fences.
  int32_t (*state_import_begin)(void* segment, uint32_t slot, const float* state, uint64_t num_floats, void** fence,
                                skein_message* message);
} skein_backend_table;

SKEIN_EXTERN_C_END

#endif  // SKEIN_BACKEND_H_
