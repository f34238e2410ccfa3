// Written by generate.py from bindings/api/api.json.

//! A method for each key of the options.

use crate::options::*;

macro_rules! keys {
    ($options:ident { $($(#[$doc:meta])* $method:ident: $type:ident $key:literal,)* }) => {
        /// Keys: each sets the one of its name.
        impl $options {
            $(
                $(#[$doc])*
                pub fn $method(mut self, value: impl Into<$type>) -> $options {
                    self.0.set($key, OptionValue::from(value.into()));
                    self
                }
            )*
        }
    };
}

keys! {
    RuntimeOptions {
        /// Threads that compute, the caller's own included; 0: one per processor that this process may use, by its
        /// affinity and by the quota of its control groups (cgroups), rounded up. More than oneTBB has in this process,
        /// one per processor of the affinity, are a warning in the log. Default: 0.
        threads: i64 "threads",
        /// Folders searched before all others, separated by ':'. Default: "".
        plugin_path: String "plugin_path",
        /// 1: search the folders; 0: load only the plugins given to skein_runtime_load_plugin. Default: 1.
        search: i64 "search",
        /// File to which the models' steps and the phases of requests are traced, in the JSON array format of Chrome's
        /// trace viewer, which chrome://tracing and Perfetto open; "": none. It is emptied now and written after every
        /// step, so that it can be opened however the process ends. If it cannot be written any more, the log has a
        /// warning, tracing ends, and all else goes on. Default: "".
        trace: String "trace",
    }
}

keys! {
    ModelOptions {
        /// Device name; names "cuda:0,cpu", filled in this order by memory (below); or a split by layers
        /// "cpu=0-11,reference=12-23"; "" or "auto": the best device, and, by memory, the next best for the layers that
        /// it has no room for. Default: "".
        device: String "device",
        /// Bytes that the model may take on each device, in all "6GiB" or by name "cuda:0=6GiB,cuda:1=512MiB"; a number
        /// of bytes, or with KiB, MiB, GiB or TiB behind it. Default: "".
        device_memory: String "device_memory",
        /// "auto": the type named when the package was converted, else the file's values in float32 arithmetic, or on a
        /// GPU, where the file's matrices are f16 or bf16, in the arithmetic of its matrix units for that type
        /// (activations rounded to it, float32 sums); "f32"; "f16": weights rounded to f16, and activations too where
        /// the device has arithmetic for them, else float32 arithmetic; "bf16": weights and activations of the matrix
        /// products rounded to bf16; "q8", "q4": weights in 8 or 4 bits with a scale for every 128 or 64 of a row,
        /// activations in 8 bits where the device has arithmetic for them, else in float32; low-rank factors and, under
        /// q4, the embedding in 8 bits; rows too short for groups in 16 bits. A type that a device does not offer is
        /// refused. Default: "auto".
        type_: String "type",
        /// Type of the wkv matrices of states on the devices: "f32"; "f16" takes half the memory and rounds them at
        /// every step. Snapshots and skein_stream_state are float32 in any case. A type that a device does not offer is
        /// refused. Default: "f32".
        state_type: String "state_type",
        /// 1: a stream's logits, tokens and states are the same bits alone and in a batch, in any chunks and whoever
        /// joins, leaves or fails beside it, also in "f32", "f16" and "bf16" arithmetic. In "q8" and "q4" they are so
        /// in any case where activations are in 8 bits. On a Zen 5 it costs up to 6 % of a prompt's time in bf16
        /// arithmetic, and nothing that was measurable in float32. A device that does not offer it for the type is
        /// refused. Default: 0.
        deterministic: i64 "deterministic",
        /// Vocabulary file, or "world" or "bytes" (skein_tokenizer_load); "": the model's own, below. Default: "".
        tokenizer: String "tokenizer",
        /// Adapters to merge into the weights: FILE or FILE:SCALE, one a line. FILE may be the folder that PEFT's
        /// save_pretrained writes. The low-rank product B A is added times SCALE; without SCALE it is added times alpha
        /// / rank, or alpha / sqrt(rank) under use_rslora, as adapter_config.json beside the file or the metadata of a
        /// GGUF file says; where nothing says it, times 1, with a warning in the log. Factors init_lora_A and
        /// init_lora_B are subtracted (PiSSA), lora_magnitude_vector gives rows their length (DoRA), blocks are added
        /// (DiSHA, Bone, MiSS), and any other tensor replaces the model's own. Names may be those of another scheme
        /// than the model's. A file with tensors that mean nothing to the model, or that changes nothing, is
        /// INVALID_ARGUMENT; a kind of adapter that is not read, UNIMPLEMENTED. Default: "".
        lora: String "lora",
        /// File with a state that streams start from: a tuned one (`time_state` tensors), or a running one of the rwkv
        /// pip package (the list of tensors that its forward returns, as torch.save writes it); "": the one in the
        /// file, else zero. Default: "".
        state: String "state",
        /// 1: map the file; 0: read it. If a mapped file is truncated, its readers die with SIGBUS. Default: 1.
        mmap: i64 "mmap",
        /// Streams that may be open at a time. An open stream that does not run costs its state in one of the places
        /// below, and none before it has read a token. Default: 1048576.
        max_streams: i64 "max_streams",
        /// Streams in one step. Default: 64.
        max_batch_streams: i64 "max_batch_streams",
        /// Tokens in one step; if it is not set, at least max_batch_streams + 16. Default: 512.
        max_batch_tokens: i64 "max_batch_tokens",
        /// Bytes of states on the devices, a number or with KiB, MiB, GiB or TiB behind it, counted in float32; room
        /// for at least 3. A step needs the states that it reads and those that it writes. "": 2 max_batch_streams + 2
        /// states. What is not used takes no memory on devices that compute in the host's. Default: "".
        state_memory: String "state_memory",
        /// Bytes of states in host memory, which streams that do not run go to when the devices are full, and come back
        /// from. "0": none. "": a quarter of the machine's memory, at most 8GiB. If all places are taken, what needs
        /// one more ends with RESOURCE_EXHAUSTED. Default: "".
        state_host_memory: String "state_host_memory",
        /// Bytes of states in that folder, of each process; at most half are copies of the prefix cache. Default:
        /// "16GiB".
        state_disk: String "state_disk",
        /// Folder for states for which host memory has no room either; made if need be. "": none. A stream whose state
        /// has to be read again waits for that, and the others run on. If the state cannot be read, what runs on that
        /// stream ends with DATA_LOSS or UNAVAILABLE. Such a state is lost with the process: a snapshot lasts. Needs
        /// room for 4 states in host memory. The states of the prefix cache are copied there as well, those of salts of
        /// up to 31 bytes. A later process with the same model, adapter, state, type and devices starts with the latest
        /// of them, as many as prefix_cache has room for. They survive the end of a process, however it ends, but maybe
        /// not that of the system. Several processes may share a folder. Its files can be read by their user alone.
        /// Default: "".
        state_folder: String "state_folder",
        /// Tokens that may wait to be read, of all streams (schedule.h); 0: what is read in 4 s at the measured pace,
        /// but at least 8192. Default: 0.
        max_queued_tokens: i64 "max_queued_tokens",
        /// The time that a step with streams that decode may take because of prompts: their shares are cut so. A step
        /// with prompts takes no more than about twice the time of the same step without them in any case, or 5 ms if
        /// that is longer. 0: 100, and 25 on devices that take steps ahead, such as GPUs, or 1.5 times what the streams
        /// take without prompts, if that is longer. Default: 0.
        step_time_ms: i64 "step_time_ms",
        /// Requests and evals between their first step and their end; others wait, or preempt those of a lower priority
        /// (schedule.h). 0: max_batch_streams. Default: 0.
        max_running: i64 "max_running",
        /// A prompt that has waited for so long gets a share of every step, whatever the time; and so much waiting
        /// outweighs one priority. Default: 1000.
        age_limit_ms: i64 "age_limit_ms",
        /// 1: after the load, while there is no work, steps of 50 ms at most are measured for half a second, which
        /// reads the weights; a job waits for one of them at most, and so may the release of the model. 0: the time of
        /// steps is learnt from those with work. Default: 1.
        calibrate: i64 "calibrate",
        /// Bytes of the states that all streams together keep as checkpoints, to go back to (skein_stream_truncate), at
        /// most 4096 states; 0: none; -1: an eighth of the states that there is room for. Default: -1.
        checkpoint_memory: i64 "checkpoint_memory",
        /// Bytes of states that prompts leave for those that begin alike (request.h), at most a quarter of all there is
        /// room for, and few of them while no prompts come back; 0: no stream gets another's state. Default: 268435456.
        prefix_cache: i64 "prefix_cache",
    }
}

keys! {
    ConvertOptions {
        /// "auto" (matrices keep their type), "f32", "f16", "bf16", "q8", "q4" (as in skein_model_load; the last two in
        /// packages only); "auto" in skein_model_load is then the type that was named here. Default: "auto".
        type_: String "type",
        /// Layout of a package's matrices: "panels", which loading maps, or "rows". Default: "panels".
        layout: String "layout",
        /// Vocabulary to embed, as skein_tokenizer_load takes it; "": the model's own, wherever skein_model_load would
        /// find it. Default: "".
        tokenizer: String "tokenizer",
        /// Recorded in the manifest.
        name: String "name",
        /// Recorded in the manifest.
        licence: String "licence",
        /// Where the weights come from, recorded in the manifest.
        provenance: String "provenance",
        /// An example prompt, recorded in the manifest.
        prompt: String "prompt",
        /// Name of the chat template (chat.h), recorded in the manifest; not set: the one that the input's name or
        /// template tells, so that it holds under another name too.
        chat_template: String "chat_template",
        /// As in skein_model_load; merged. Default: "".
        lora: String "lora",
        /// As in skein_model_load; embedded. Default: "".
        state: String "state",
        /// The token that ends a text, recorded in the manifest.
        end_token: i64 "end_token",
        /// Tokens of the longest text that the model was trained with, recorded in the manifest. Not set: what the
        /// input says, in its metadata, in config.json, or in its name ("ctx4096").
        trained_length: i64 "trained_length",
        /// 1: replace `out_path` if it exists; 0: ALREADY_EXISTS. Default: 0.
        overwrite: i64 "overwrite",
    }
}

keys! {
    DescribeOptions {
        /// "text" or "json". Default: "text".
        format: String "format",
        /// 1: read all data and compare the checksums; DATA_LOSS names the first tensor that differs. Default: 0.
        verify: i64 "verify",
    }
}

keys! {
    TokenizerOptions {
        /// Plugin to use: "world", "bpe", "bytes"; "": by content. Default: "".
        kind: String "kind",
    }
}

keys! {
    StreamOptions {
        /// File with a state that the stream starts from, and goes back to with reset: a tuned one (`time_state`
        /// tensors of a .pth or .safetensors; RWKV-5.2, 6 and 7), or a running one of the rwkv pip package (the list of
        /// tensors that its forward returns, in a .pth); "": the model's own. Streams with different states run in one
        /// batch. Each call reads the file; forks of a stream share its contents. Default: "".
        state: String "state",
        /// Tenant that the stream and its forks belong to (schedule.h), at most 255 bytes; "": the common one. Default:
        /// "".
        tenant: String "tenant",
        /// The prefix cache (request.h) gives states to, and takes them from, streams of the same salt alone. Default:
        /// "".
        cache_salt: String "cache_salt",
    }
}

keys! {
    RequestOptions {
        /// Tokens to generate at most. Default: 256.
        max_tokens: i64 "max_tokens",
        /// 0: greedy. Default: 1.
        temperature: f64 "temperature",
        /// Keep the k most probable; 0: off. Default: 0.
        top_k: i64 "top_k",
        /// Keep the smallest set with at least this mass; 1: off. Default: 0.85.
        top_p: f64 "top_p",
        /// Keep tokens with at least this share of the most probable one's probability; 0: off. Default: 0.
        min_p: f64 "min_p",
        /// Subtracted once from the logit of every token generated before. Default: 0.
        presence_penalty: f64 "presence_penalty",
        /// Subtracted per (decayed) occurrence. Default: 0.
        frequency_penalty: f64 "frequency_penalty",
        /// Factor on all occurrences, per token. Default: 0.996.
        penalty_decay: f64 "penalty_decay",
        /// Of the random numbers: same seed, same tokens. Default: 0.
        seed: i64 "seed",
        /// I for the i-th of several samples with one seed; a stream keeps its last request's. Default: 0.
        sample_index: i64 "sample_index",
        /// Samples of the prompt, 1 to 1024. See the samples below. Default: 1.
        n: i64 "n",
        /// Write so many samples, and deliver the n best of them; 0: as many as n. Default: 0.
        best_of: i64 "best_of",
        /// K, 0 to 64: the log-probability of each token is in its event, and k most probable tokens are kept beside
        /// it; -1: none. Default: -1.
        logprobs: i64 "logprobs",
        /// K, 0 to 64: the same is kept of the prompt's tokens; -1: none. Default: -1.
        prompt_logprobs: i64 "prompt_logprobs",
        /// 1: the sampler goes on where the sampler of the stream's last request stood: with its seed and sample_index,
        /// unless they are set, and with the tokens that it counted for the penalties. Also after a fork or a restore.
        /// The prompt has to be empty. Default: 0.
        continue_sampling: i64 "continue_sampling",
        /// 1: the end-of-text token stops; 0: a token like any other. Default: 1.
        stop_at_end: i64 "stop_at_end",
        /// Number of unacknowledged tokens at which the request waits; 0: polling acknowledges, and the request waits
        /// at 4096 tokens that were not polled. Default: 0.
        window: i64 "window",
        /// -8 to 8; the higher goes first among the requests of one tenant (schedule.h). Default: 0.
        priority: i64 "priority",
        /// Time from submit by which the first token is wanted, in milliseconds; 0: any. Default: 0.
        first_token_ms: i64 "first_token_ms",
        /// Time from submit by which all max_tokens are wanted; 0: any. Default: 0.
        deadline_ms: i64 "deadline_ms",
        /// 1: the prompt goes on from a cached state and leaves some (below); 0: neither. Default: 1.
        prefix_cache: i64 "prefix_cache",
    }
}

keys! {
    ChatOptions {
        /// Name of the template; "": the model's. Default: "".
        template: String "template",
        /// "on": the answer begins with a think block; "off": with an empty one, so that the model answers at once;
        /// "none": no block is opened; "short", "long": as "on", with " (think a bit)" or " (think a lot)" behind the
        /// user's text that is to be answered, for which G1 models think less or more; "": as the template has it.
        /// Default: "".
        think: String "think",
    }
}

keys! {
    TenantOptions {
        /// Of its share of the steps, against the weights of the other tenants; 0.001 to 1000. Default: 1.
        weight: f64 "weight",
        /// Tokens of the tenant that may wait; 0: the model's bound while no other tenant is there, else half of it.
        /// Default: 0.
        max_queued_tokens: i64 "max_queued_tokens",
        /// Requests and evals between their first step and their end; 0: any number. Default: 0.
        max_running: i64 "max_running",
    }
}
