// Written by generate.py from bindings/api/api.json.

use std::os::raw::{c_char, c_void};

pub type skein_status = i32;
pub type skein_token = u32;

pub const SKEIN_VERSION_MAJOR: u32 = 1;
pub const SKEIN_VERSION_MINOR: u32 = 0;
pub const SKEIN_VERSION_PATCH: u32 = 0;
pub const SKEIN_NO_TOKEN: u32 = 0xffffffff;
pub const SKEIN_DTYPE_NONE: u32 = 0;
pub const SKEIN_DTYPE_F32: u32 = 1;
pub const SKEIN_DTYPE_F16: u32 = 2;
pub const SKEIN_DTYPE_BF16: u32 = 3;
pub const SKEIN_DTYPE_F64: u32 = 4;
pub const SKEIN_DTYPE_U8: u32 = 5;
pub const SKEIN_DTYPE_Q8: u32 = 16;
pub const SKEIN_DTYPE_Q4: u32 = 17;
pub const SKEIN_LAYOUT_ROWS: u32 = 0;
pub const SKEIN_LAYOUT_PANELS: u32 = 1;
pub const SKEIN_DTYPE_GGML_Q4_0: u32 = 32;
pub const SKEIN_DTYPE_GGML_Q4_1: u32 = 33;
pub const SKEIN_DTYPE_GGML_Q5_0: u32 = 34;
pub const SKEIN_DTYPE_GGML_Q5_1: u32 = 35;
pub const SKEIN_DTYPE_GGML_Q8_0: u32 = 36;
pub const SKEIN_DTYPE_GGML_Q4_K: u32 = 37;
pub const SKEIN_DTYPE_GGML_Q5_K: u32 = 38;
pub const SKEIN_DTYPE_GGML_Q6_K: u32 = 39;
pub const SKEIN_DTYPE_GGML_Q2_K: u32 = 40;
pub const SKEIN_DTYPE_GGML_Q3_K: u32 = 41;
pub const SKEIN_DTYPE_GGML_IQ4_NL: u32 = 42;
pub const SKEIN_DTYPE_GGML_IQ4_XS: u32 = 43;
pub const SKEIN_DTYPE_GGML_MXFP4: u32 = 44;
pub const SKEIN_OPTIONS_RUNTIME: u32 = 1;
pub const SKEIN_OPTIONS_MODEL: u32 = 2;
pub const SKEIN_OPTIONS_CONVERT: u32 = 3;
pub const SKEIN_OPTIONS_DESCRIBE: u32 = 4;
pub const SKEIN_OPTIONS_TOKENIZER: u32 = 5;
pub const SKEIN_OPTIONS_STREAM: u32 = 6;
pub const SKEIN_OPTIONS_QUEUE: u32 = 7;
pub const SKEIN_OPTIONS_REQUEST: u32 = 8;
pub const SKEIN_OPTIONS_CHAT: u32 = 9;
pub const SKEIN_OPTIONS_TENANT: u32 = 10;
pub const SKEIN_OPTION_I64: u32 = 1;
pub const SKEIN_OPTION_F64: u32 = 2;
pub const SKEIN_OPTION_STR: u32 = 3;
pub const SKEIN_MAX_TOP_LOGPROBS: u32 = 64;
pub const SKEIN_EVENT_TOKEN: u32 = 1;
pub const SKEIN_EVENT_DONE: u32 = 2;
pub const SKEIN_EVENT_ERROR: u32 = 3;
pub const SKEIN_EVENT_CANCELLED: u32 = 4;
pub const SKEIN_EVENT_SAMPLE_DONE: u32 = 5;
pub const SKEIN_REASON_NONE: u32 = 0;
pub const SKEIN_REASON_STOP_TOKEN: u32 = 1;
pub const SKEIN_REASON_STOP_TEXT: u32 = 2;
pub const SKEIN_REASON_LENGTH: u32 = 3;
pub const SKEIN_CACHE_UNKNOWN: u32 = 0;
pub const SKEIN_CACHE_HIT: u32 = 1;
pub const SKEIN_CACHE_OFF: u32 = 2;
pub const SKEIN_CACHE_NOT_AT_START: u32 = 3;
pub const SKEIN_CACHE_COLD: u32 = 4;
pub const SKEIN_CACHE_NO_STATE: u32 = 5;
pub const SKEIN_CACHE_EVICTED: u32 = 6;
pub const SKEIN_CACHE_ROWS: u32 = 7;
pub const SKEIN_SAMPLE_PROMPT: u32 = 0xffffffff;
pub const SKEIN_PLUGIN_KIND_BACKEND: u32 = 1;
pub const SKEIN_PLUGIN_KIND_FORMAT: u32 = 2;
pub const SKEIN_PLUGIN_KIND_TOKENIZER: u32 = 3;
pub const SKEIN_LOG_DEBUG: u32 = 0;
pub const SKEIN_LOG_INFO: u32 = 1;
pub const SKEIN_LOG_WARNING: u32 = 2;
pub const SKEIN_LOG_ERROR: u32 = 3;
pub const SKEIN_POOLING_LAST: u32 = 0;
pub const SKEIN_POOLING_MEAN: u32 = 1;
pub const SKEIN_OK: skein_status = 0;
pub const SKEIN_CANCELLED: skein_status = 1;
pub const SKEIN_UNKNOWN: skein_status = 2;
pub const SKEIN_INVALID_ARGUMENT: skein_status = 3;
pub const SKEIN_DEADLINE_EXCEEDED: skein_status = 4;
pub const SKEIN_NOT_FOUND: skein_status = 5;
pub const SKEIN_ALREADY_EXISTS: skein_status = 6;
pub const SKEIN_PERMISSION_DENIED: skein_status = 7;
pub const SKEIN_RESOURCE_EXHAUSTED: skein_status = 8;
pub const SKEIN_FAILED_PRECONDITION: skein_status = 9;
pub const SKEIN_ABORTED: skein_status = 10;
pub const SKEIN_OUT_OF_RANGE: skein_status = 11;
pub const SKEIN_UNIMPLEMENTED: skein_status = 12;
pub const SKEIN_INTERNAL: skein_status = 13;
pub const SKEIN_UNAVAILABLE: skein_status = 14;
pub const SKEIN_DATA_LOSS: skein_status = 15;
pub const SKEIN_UNAUTHENTICATED: skein_status = 16;
pub const SKEIN_INVALID_HANDLE: skein_status = 64;
pub const SKEIN_ERROR_MESSAGE_BYTES: u32 = 1008;
pub const SKEIN_SAVE_REPLACE: u32 = 1;
pub const SKEIN_SAVE_PAST: u32 = 2;
pub const SKEIN_OUTPUT_NONE: u32 = 0;
pub const SKEIN_OUTPUT_LAST_LOGITS: u32 = 1;
pub const SKEIN_OUTPUT_ALL_LOGITS: u32 = 2;
pub const SKEIN_OUTPUT_LAST_HIDDEN: u32 = 3;
pub const SKEIN_OUTPUT_ALL_HIDDEN: u32 = 4;

/// What a [`skein_runtime`] refers to.
#[repr(C)]
pub struct skein_runtime_t {
    _opaque: [u8; 0],
}
pub type skein_runtime = *mut skein_runtime_t;

/// What a [`skein_options`] refers to.
#[repr(C)]
pub struct skein_options_t {
    _opaque: [u8; 0],
}
pub type skein_options = *mut skein_options_t;

/// What a [`skein_model`] refers to.
#[repr(C)]
pub struct skein_model_t {
    _opaque: [u8; 0],
}
pub type skein_model = *mut skein_model_t;

/// What a [`skein_tokenizer`] refers to.
#[repr(C)]
pub struct skein_tokenizer_t {
    _opaque: [u8; 0],
}
pub type skein_tokenizer = *mut skein_tokenizer_t;

/// What a [`skein_stream`] refers to.
#[repr(C)]
pub struct skein_stream_t {
    _opaque: [u8; 0],
}
pub type skein_stream = *mut skein_stream_t;

/// What a [`skein_queue`] refers to.
#[repr(C)]
pub struct skein_queue_t {
    _opaque: [u8; 0],
}
pub type skein_queue = *mut skein_queue_t;

/// What a [`skein_request`] refers to.
#[repr(C)]
pub struct skein_request_t {
    _opaque: [u8; 0],
}
pub type skein_request = *mut skein_request_t;

/// What a [`skein_prefix`] refers to.
#[repr(C)]
pub struct skein_prefix_t {
    _opaque: [u8; 0],
}
pub type skein_prefix = *mut skein_prefix_t;

/// `None` is NULL.
pub type skein_wakeup_fn = Option<unsafe extern "C" fn(argument: *mut c_void)>;

/// `skein/chat.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_chat_message {
    pub role: *const c_char,
    pub text: *const c_char,
    pub text_bytes: u64,
}

/// `skein/history.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_checkpoint {
    pub position: u64,
    pub state_bytes: u64,
    pub name: [c_char; 64],
}

/// `skein/model.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_model_info {
    pub struct_size: u32,
    pub generation: u32,
    pub num_layers: u32,
    pub d_model: u32,
    pub d_ffn: u32,
    pub vocab_size: u32,
    pub num_heads: u32,
    pub head_size: u32,
    pub num_parameters: u64,
    pub weights_bytes: u64,
    pub num_state_floats: u64,
    pub has_tokenizer: u32,
    pub end_token: skein_token,
    pub device: [c_char; 128],
    pub type_: [c_char; 16],
    pub name: [c_char; 128],
    pub variant: u32,
    pub d_att: u32,
    pub chat_template: [c_char; 32],
    pub embedding_bytes: u64,
    pub trained_length: u64,
}

/// `skein/options.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_option_info {
    pub struct_size: u32,
    pub type_: u32,
    pub key: [c_char; 48],
    pub default_value: [c_char; 64],
    pub help: [c_char; 256],
    pub min_value: f64,
    pub max_value: f64,
}

/// `skein/prefix.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_prefix_info {
    pub struct_size: u32,
    pub reserved: u32,
    pub position: u64,
    pub state_bytes: u64,
    pub file_bytes: u64,
    pub fingerprint: [c_char; 40],
    pub name: [c_char; 128],
}

/// `skein/request.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_event {
    pub kind: u32,
    pub reason: u32,
    pub request: skein_request,
    pub user_data: u64,
    pub token: skein_token,
    pub status: skein_status,
    pub text_offset: u64,
    pub text_bytes: u64,
    pub num_prompt_tokens: u64,
    pub num_tokens: u64,
    pub position: u64,
    pub logprob: f32,
    pub sample: u32,
    pub num_cached_tokens: u64,
    pub queue_us: u64,
    pub prefill_us: u64,
    pub decode_us: u64,
    pub logprob_sum: f64,
    pub cache: u32,
    pub reserved: u32,
}

/// `skein/request.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_logprob {
    pub token: skein_token,
    pub logprob: f32,
}

/// `skein/runtime.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_plugin_info {
    pub struct_size: u32,
    pub kind: u32,
    pub loaded: u32,
    pub abi: u32,
    pub id: [c_char; 64],
    pub version: [c_char; 32],
    pub path: [c_char; 512],
    pub reason: [c_char; 512],
}

/// `skein/runtime.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_device_info {
    pub struct_size: u32,
    pub threads: u32,
    pub name: [c_char; 64],
    pub plugin_id: [c_char; 64],
    pub description: [c_char; 256],
    pub memory_bytes: u64,
    pub weight_types: u32,
    pub generations: u32,
}

/// `skein/runtime.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_progress {
    pub struct_size: u32,
    pub active: u32,
    pub done_bytes: u64,
    pub total_bytes: u64,
    pub what: [c_char; 64],
}

/// `skein/schedule.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_load {
    pub struct_size: u32,
    pub num_tenants: u32,
    pub queued_tokens: u64,
    pub max_queued_tokens: u64,
    pub num_waiting: u32,
    pub num_running: u32,
    pub max_running: u32,
    pub num_streams: u32,
    pub max_streams: u32,
    pub max_batch_tokens: u32,
    pub weight: f64,
    pub prompt_tokens_per_s: f64,
}

/// `skein/score.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_score_item {
    pub stream: skein_stream,
    pub tokens: *const skein_token,
    pub num_tokens: u64,
    pub logprobs: *mut f32,
    pub top: *mut skein_logprob,
    pub num_top: u32,
    pub status: skein_status,
    pub num_scored: u64,
    pub logprob: f64,
    pub priority: i32,
    pub reserved: u32,
}

/// `skein/score.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_embed_item {
    pub stream: skein_stream,
    pub tokens: *const skein_token,
    pub num_tokens: u64,
    pub text: *const c_char,
    pub text_bytes: u64,
    pub embedding: *mut f32,
    pub capacity: u64,
    pub pooling: u32,
    pub normalise: u32,
    pub status: skein_status,
    pub priority: i32,
    pub num_read: u64,
    pub tenant: *const c_char,
}

/// `skein/status.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_error {
    pub code: skein_status,
    pub message_bytes: u32,
    pub retry_after_ms: u32,
    pub reserved: u32,
    pub message: [c_char; 1008],
}

/// `skein/stream.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_eval_item {
    pub stream: skein_stream,
    pub tokens: *const skein_token,
    pub num_tokens: u64,
    pub output: *mut f32,
    pub output_capacity: u64,
    pub output_kind: u32,
    pub status: skein_status,
}

/// `skein/tokenizer.h`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct skein_tokenizer_info {
    pub struct_size: u32,
    pub vocab_size: u32,
    pub kind: [c_char; 64],
    pub origin: [c_char; 16],
    pub path: [c_char; 512],
}

extern "C" {
    /// `skein/base.h`
    pub fn skein_version() -> *const c_char;

    /// `skein/chat.h`
    pub fn skein_model_chat_prompt(
        model: skein_model,
        messages: *const c_void,
        message_size: u32,
        count: u32,
        options: skein_options,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/chat.h`
    pub fn skein_request_set_chat(
        request: skein_request,
        messages: *const c_void,
        message_size: u32,
        count: u32,
        options: skein_options,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_tokens(
        stream: skein_stream,
        begin: u64,
        tokens: *mut skein_token,
        capacity: u64,
        count: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_truncate(
        stream: skein_stream,
        position: u64,
        replayed: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_fork_at(
        stream: skein_stream,
        position: u64,
        copy: *mut skein_stream,
        replayed: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_set_checkpoint(
        stream: skein_stream,
        name: *const c_char,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_find_checkpoint(
        stream: skein_stream,
        name: *const c_char,
        position: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/history.h`
    pub fn skein_stream_checkpoints(
        stream: skein_stream,
        checkpoints: *mut c_void,
        checkpoint_size: u32,
        capacity: u64,
        count: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/model.h`
    pub fn skein_model_load(
        runtime: skein_runtime,
        path: *const c_char,
        options: skein_options,
        model: *mut skein_model,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/model.h`
    pub fn skein_model_release(model: skein_model, error: *mut skein_error) -> skein_status;

    /// `skein/model.h`
    pub fn skein_model_get_info(
        model: skein_model,
        info: *mut skein_model_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/model.h`
    pub fn skein_model_convert(
        runtime: skein_runtime,
        in_path: *const c_char,
        out_path: *const c_char,
        options: skein_options,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/model.h`
    pub fn skein_model_describe(
        runtime: skein_runtime,
        path: *const c_char,
        options: skein_options,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_create(kind: u32, options: *mut skein_options, error: *mut skein_error) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_set_i64(
        options: skein_options,
        key: *const c_char,
        value: i64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_set_f64(
        options: skein_options,
        key: *const c_char,
        value: f64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_set_str(
        options: skein_options,
        key: *const c_char,
        value: *const c_char,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_release(options: skein_options, error: *mut skein_error) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_key_count(kind: u32, count: *mut u32, error: *mut skein_error) -> skein_status;

    /// `skein/options.h`
    pub fn skein_options_key_info(
        kind: u32,
        index: u32,
        info: *mut skein_option_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_create(
        stream: skein_stream,
        name: *const c_char,
        provenance: *const c_char,
        prefix: *mut skein_prefix,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_release(prefix: skein_prefix, error: *mut skein_error) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_start(
        prefix: skein_prefix,
        options: skein_options,
        stream: *mut skein_stream,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_get_info(
        prefix: skein_prefix,
        info: *mut skein_prefix_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_provenance(
        prefix: skein_prefix,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_save(
        prefix: skein_prefix,
        path: *const c_char,
        flags: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_prefix_load(
        model: skein_model,
        path: *const c_char,
        prefix: *mut skein_prefix,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/prefix.h`
    pub fn skein_snapshot_describe(
        path: *const c_char,
        options: skein_options,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_create(
        runtime: skein_runtime,
        options: skein_options,
        queue: *mut skein_queue,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_release(queue: skein_queue, error: *mut skein_error) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_poll(
        queue: skein_queue,
        events: *mut c_void,
        event_size: u32,
        capacity: u32,
        text: *mut c_char,
        text_capacity: u64,
        count: *mut u32,
        text_bytes: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_wait(
        queue: skein_queue,
        timeout_ms: i64,
        ready: *mut u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_fd(queue: skein_queue, fd: *mut i32, error: *mut skein_error) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_set_wakeup(
        queue: skein_queue,
        wakeup: skein_wakeup_fn,
        argument: *mut c_void,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_create(
        stream: skein_stream,
        request: *mut skein_request,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_release(request: skein_request, error: *mut skein_error) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_set_prompt(
        request: skein_request,
        text: *const c_char,
        text_bytes: u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_set_prompt_tokens(
        request: skein_request,
        tokens: *const skein_token,
        num_tokens: u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_set_options(
        request: skein_request,
        options: skein_options,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_take_sample(
        request: skein_request,
        sample: u32,
        stream: *mut skein_stream,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_logprobs(
        request: skein_request,
        sample: u32,
        first: u64,
        num_tokens: u64,
        logprobs: *mut skein_logprob,
        capacity: u64,
        count: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_add_stop(
        request: skein_request,
        text: *const c_char,
        text_bytes: u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_add_stop_token(
        request: skein_request,
        token: skein_token,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_set_logit_bias(
        request: skein_request,
        token: skein_token,
        bias: f32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_set_user_data(request: skein_request, user_data: u64, error: *mut skein_error) -> skein_status;

    /// `skein/request.h`
    pub fn skein_queue_submit(
        queue: skein_queue,
        requests: *const skein_request,
        count: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_cancel(request: skein_request, error: *mut skein_error) -> skein_status;

    /// `skein/request.h`
    pub fn skein_request_acknowledge(request: skein_request, num_tokens: u64, error: *mut skein_error) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_create(
        options: skein_options,
        runtime: *mut skein_runtime,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_release(runtime: skein_runtime, error: *mut skein_error) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_load_plugin(
        runtime: skein_runtime,
        path: *const c_char,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_plugin_count(runtime: skein_runtime, count: *mut u32, error: *mut skein_error) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_plugin_info(
        runtime: skein_runtime,
        index: u32,
        info: *mut skein_plugin_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_device_count(runtime: skein_runtime, count: *mut u32, error: *mut skein_error) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_device_info(
        runtime: skein_runtime,
        index: u32,
        info: *mut skein_device_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_poll_log(
        runtime: skein_runtime,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        severity: *mut u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_metrics(
        runtime: skein_runtime,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/runtime.h`
    pub fn skein_runtime_progress(
        runtime: skein_runtime,
        progress: *mut skein_progress,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/schedule.h`
    pub fn skein_model_set_tenant(
        model: skein_model,
        name: *const c_char,
        options: skein_options,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/schedule.h`
    pub fn skein_model_get_load(
        model: skein_model,
        name: *const c_char,
        load: *mut skein_load,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/score.h`
    pub fn skein_score(
        model: skein_model,
        items: *mut c_void,
        item_size: u32,
        count: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/score.h`
    pub fn skein_embed(
        model: skein_model,
        items: *mut c_void,
        item_size: u32,
        count: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/status.h`
    pub fn skein_status_name(status: skein_status) -> *const c_char;

    /// `skein/stream.h`
    pub fn skein_stream_create(
        model: skein_model,
        options: skein_options,
        stream: *mut skein_stream,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_release(stream: skein_stream, error: *mut skein_error) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_reset(stream: skein_stream, error: *mut skein_error) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_fork(stream: skein_stream, copy: *mut skein_stream, error: *mut skein_error) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_position(stream: skein_stream, position: *mut u64, error: *mut skein_error) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_snapshot(
        stream: skein_stream,
        buffer: *mut c_void,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_restore(
        stream: skein_stream,
        snapshot: *const c_void,
        snapshot_bytes: u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_snapshot_with(
        stream: skein_stream,
        flags: u32,
        buffer: *mut c_void,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_save(
        stream: skein_stream,
        path: *const c_char,
        flags: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_load(stream: skein_stream, path: *const c_char, error: *mut skein_error) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_stream_state(
        stream: skein_stream,
        state: *mut f32,
        capacity: u64,
        count: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/stream.h`
    pub fn skein_eval(
        model: skein_model,
        items: *mut c_void,
        item_size: u32,
        count: u32,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_tokenizer_load(
        runtime: skein_runtime,
        path: *const c_char,
        options: skein_options,
        tokenizer: *mut skein_tokenizer,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_model_tokenizer(
        model: skein_model,
        tokenizer: *mut skein_tokenizer,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_tokenizer_release(tokenizer: skein_tokenizer, error: *mut skein_error) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_tokenizer_get_info(
        tokenizer: skein_tokenizer,
        info: *mut skein_tokenizer_info,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_tokenizer_encode(
        tokenizer: skein_tokenizer,
        text: *const c_char,
        text_bytes: u64,
        tokens: *mut skein_token,
        capacity: u64,
        count: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;

    /// `skein/tokenizer.h`
    pub fn skein_tokenizer_decode(
        tokenizer: skein_tokenizer,
        tokens: *const skein_token,
        num_tokens: u64,
        buffer: *mut c_char,
        capacity: u64,
        size: *mut u64,
        error: *mut skein_error,
    ) -> skein_status;
}
