// The types of the package `skein`: RWKV language models, over the C ABI of skein.
//
// Order: Runtime.create, runtime.loadModel, model.createStream, stream.generate.
//
// Lifetimes: close() releases an object, at any time and in any order: what was made from it lives on. A second close()
// does nothing, and any other call of a closed object throws INVALID_HANDLE. The garbage collector closes what was
// dropped, and the end of the process or of a Worker closes everything; neither waits for inference.
// Threads: a Worker has objects of its own, or borrows another's (share, borrow). What may take long gives a promise and
// runs on another thread, at most 32 such calls of a Worker at a time. All else returns at once.
// Errors: each failure is a SkeinError: thrown, or the reason of a promise.
// Numbers of 64 bits are numbers, and BigInts above 2^53.

declare global {
  // TypeScript has these from version 5.2 on, with the library esnext.disposable. Declared again, they are the same.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}

/** The ABI's codes. */
export const Status: {
  readonly OK: 0;
  readonly CANCELLED: 1;
  readonly UNKNOWN: 2;
  readonly INVALID_ARGUMENT: 3;
  readonly DEADLINE_EXCEEDED: 4;
  readonly NOT_FOUND: 5;
  readonly ALREADY_EXISTS: 6;
  readonly PERMISSION_DENIED: 7;
  readonly RESOURCE_EXHAUSTED: 8;
  readonly FAILED_PRECONDITION: 9;
  readonly ABORTED: 10;
  readonly OUT_OF_RANGE: 11;
  readonly UNIMPLEMENTED: 12;
  readonly INTERNAL: 13;
  readonly UNAVAILABLE: 14;
  readonly DATA_LOSS: 15;
  readonly UNAUTHENTICATED: 16;
  readonly INVALID_HANDLE: 64;
};

/** A failure: what was expected, what was found and where. */
export class SkeinError extends Error {
  /** A number of Status. */
  readonly code: number;
  /** Its name, such as "INVALID_ARGUMENT". */
  readonly status: keyof typeof Status | "UNKNOWN_CODE";
  /** With RESOURCE_EXHAUSTED: when trying again makes sense, in milliseconds; 0 where unknown. */
  readonly retryAfterMs: number;
  /** Of Model.eval, score and embed: how each item ended. */
  readonly items?: ReadonlyArray<{ status: number }>;
  constructor(code: number, message: string, retryAfterMs?: number);
}

/** The version of the library that is running, as "MAJOR.MINOR.PATCH". */
export const version: string;

/** The name of a code; "UNKNOWN_CODE" for a number that is none. */
export function statusName(code: number): string;

/** What stands for an object in a message to another Worker. */
export interface Shared {
  readonly skein: string;
  readonly handle: number;
  readonly parent?: Shared;
}

/**
 * Makes an object of what `share` gave in another Worker. It uses that Worker's object, and fails with INVALID_HANDLE
 * when its owner has released it; close() releases nothing. What is made from it belongs to this Worker.
 */
export function borrow(shared: Shared): Runtime | Model | Stream | Tokenizer | Queue | Request | Prefix | Options;

/** An AbortSignal, as far as it is used. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A text: a string, or bytes as they are. */
export type Text = string | Uint8Array;
/** Token ids. */
export type Tokens = Uint32Array | Iterable<number>;

/** What all objects of the ABI have. */
declare abstract class Handle {
  /** The number that stands for the object in the ABI; 0 when it is closed. */
  readonly handle: number;
  readonly closed: boolean;
  close(): void;
  /** close() for `using`, where Node.js has Symbol.dispose. */
  [Symbol.dispose](): void;
  share(): Shared;
}

// --- options ---

export type OptionsKind =
  | "runtime" | "model" | "convert" | "describe" | "tokenizer" | "stream" | "queue" | "request" | "chat" | "tenant";

/**
 * Options for many calls. A plain object does for one. Keys may be in camel case or as the ABI has them. An integer is
 * taken for a real number too, true and false for 1 and 0.
 */
export class Options extends Handle {
  constructor(kind: OptionsKind, values?: object);
  readonly kind: OptionsKind;
  set(values: object): this;
  /** What a key was set to, by its name in the ABI. */
  get(key: string): number | bigint | string | undefined;
  setI64(key: string, value: number | bigint): void;
  setF64(key: string, value: number): void;
  setStr(key: string, value: string): void;
}

export interface OptionKey {
  type: "i64" | "f64" | "str";
  key: string;
  defaultValue: string;
  help: string;
  minValue: number;
  maxValue: number;
}

/** The keys of a kind, as the ABI has them. */
export function optionKeys(kind: OptionsKind): OptionKey[];

/** Options of Runtime.create. */
export interface RuntimeOptions {
  /**
   * threads that compute, the caller's own included; 0: one per processor that this process may
   * use, by its affinity and by the quota of its control groups (cgroups), rounded up. More than
   * oneTBB has in this process, one per processor of the affinity, are a warning in the log.
   * Default: 0
   */
  threads?: number | bigint | boolean;
  /** folders searched before all others, separated by ':' */
  pluginPath?: string;
  /**
   * 1: search the folders; 0: load only the plugins given to skein_runtime_load_plugin. Default:
   * 1
   */
  search?: number | bigint | boolean;
  /**
   * file to which the models' steps and the phases of requests are traced, in the JSON array
   * format of Chrome's trace viewer, which chrome://tracing and Perfetto open; "": none. It is
   * emptied now and written after every step, so that it can be opened however the process ends.
   * If it cannot be written any more, the log has a warning, tracing ends, and all else goes on
   */
  trace?: string;
}

/** Options of Runtime.loadModel. */
export interface ModelOptions {
  /**
   * device name; names "cuda:0,cpu", filled in this order by memory (below); or a split by
   * layers "cpu=0-11,reference=12-23"; "" or "auto": the best device, and, by memory, the next
   * best for the layers that it has no room for
   */
  device?: string;
  /**
   * bytes that the model may take on each device, in all "6GiB" or by name
   * "cuda:0=6GiB,cuda:1=512MiB"; a number of bytes, or with KiB, MiB, GiB or TiB behind it
   */
  deviceMemory?: string;
  /**
   * "auto": the type named when the package was converted, else the file's values in float32
   * arithmetic, or on a GPU, where the file's matrices are f16 or bf16, in the arithmetic of its
   * matrix units for that type (activations rounded to it, float32 sums); "f32"; "f16": weights
   * rounded to f16, and activations too where the device has arithmetic for them, else float32
   * arithmetic; "bf16": weights and activations of the matrix products rounded to bf16; "q8",
   * "q4": weights in 8 or 4 bits with a scale for every 128 or 64 of a row, activations in 8
   * bits where the device has arithmetic for them, else in float32; low-rank factors and, under
   * q4, the embedding in 8 bits; rows too short for groups in 16 bits. A type that a device does
   * not offer is refused. Default: auto
   */
  type?: string;
  /**
   * type of the wkv matrices of states on the devices: "f32"; "f16" takes half the memory and
   * rounds them at every step. Snapshots and skein_stream_state are float32 in any case. A type
   * that a device does not offer is refused. Default: f32
   */
  stateType?: string;
  /**
   * 1: a stream's logits, tokens and states are the same bits alone and in a batch, in any
   * chunks and whoever joins, leaves or fails beside it, also in "f32", "f16" and "bf16"
   * arithmetic. In "q8" and "q4" they are so in any case where activations are in 8 bits. On a
   * Zen 5 it costs up to 6 % of a prompt's time in bf16 arithmetic, and nothing that was
   * measurable in float32. A device that does not offer it for the type is refused. Default: 0
   */
  deterministic?: number | bigint | boolean;
  /** vocabulary file, or "world" or "bytes" (skein_tokenizer_load); "": the model's own, below */
  tokenizer?: string;
  /**
   * adapters to merge into the weights: FILE or FILE:SCALE, one a line. FILE may be the folder
   * that PEFT's save_pretrained writes. The low-rank product B A is added times SCALE; without
   * SCALE it is added times alpha / rank, or alpha / sqrt(rank) under use_rslora, as
   * adapter_config.json beside the file or the metadata of a GGUF file says; where nothing says
   * it, times 1, with a warning in the log. Factors init_lora_A and init_lora_B are subtracted
   * (PiSSA), lora_magnitude_vector gives rows their length (DoRA), blocks are added (DiSHA,
   * Bone, MiSS), and any other tensor replaces the model's own. Names may be those of another
   * scheme than the model's. A file with tensors that mean nothing to the model, or that changes
   * nothing, is INVALID_ARGUMENT; a kind of adapter that is not read, UNIMPLEMENTED
   */
  lora?: string;
  /**
   * file with a state that streams start from: a tuned one (`time_state` tensors), or a running
   * one of the rwkv pip package (the list of tensors that its forward returns, as torch.save
   * writes it); "": the one in the file, else zero
   */
  state?: string;
  /**
   * 1: map the file; 0: read it. If a mapped file is truncated, its readers die with SIGBUS.
   * Default: 1
   */
  mmap?: number | bigint | boolean;
  /**
   * streams that may be open at a time. An open stream that does not run costs its state in one
   * of the places below, and none before it has read a token. Default: 1048576
   */
  maxStreams?: number | bigint | boolean;
  /** streams in one step. Default: 64 */
  maxBatchStreams?: number | bigint | boolean;
  /** tokens in one step; if it is not set, at least max_batch_streams + 16. Default: 512 */
  maxBatchTokens?: number | bigint | boolean;
  /**
   * bytes of states on the devices, a number or with KiB, MiB, GiB or TiB behind it, counted in
   * float32; room for at least 3. A step needs the states that it reads and those that it
   * writes. "": 2 max_batch_streams + 2 states. What is not used takes no memory on devices that
   * compute in the host's
   */
  stateMemory?: string;
  /**
   * bytes of states in host memory, which streams that do not run go to when the devices are
   * full, and come back from. "0": none. "": a quarter of the machine's memory, at most 8GiB. If
   * all places are taken, what needs one more ends with RESOURCE_EXHAUSTED
   */
  stateHostMemory?: string;
  /**
   * bytes of states in that folder, of each process; at most half are copies of the prefix
   * cache. Default: 16GiB
   */
  stateDisk?: string;
  /**
   * folder for states for which host memory has no room either; made if need be. A stream whose
   * state has to be read again waits for that. The others run on. If the state cannot be read,
   * what runs on that stream ends with DATA_LOSS or UNAVAILABLE. Such a state is lost with the
   * process: what is to last is a snapshot. Needs room for 4 states in host memory. The states
   * of the prefix cache are copied there as well, those of salts of up to 31 bytes. A later
   * process with the same model, adapter, state, type and devices starts with the latest of
   * them, as many as prefix_cache has room for. They survive the end of a process, however it
   * ends, but maybe not that of the system. Several processes may share a folder. Its files can
   * be read by their user alone
   */
  stateFolder?: string;
  /**
   * tokens that may wait to be read, of all streams (schedule.h); 0: what is read in 4 s at the
   * measured pace, but at least 8192. Default: 0
   */
  maxQueuedTokens?: number | bigint | boolean;
  /**
   * the time that a step with streams that decode may take because of prompts: their shares are
   * cut so. A step with prompts takes no more than about twice the time of the same step without
   * them in any case, or 5 ms if that is longer. 0: 100, and 25 on devices that take steps
   * ahead, such as GPUs. Default: 0
   */
  stepTimeMs?: number | bigint | boolean;
  /**
   * requests and evals between their first step and their end; others wait, or preempt those of
   * a lower priority (schedule.h). 0: max_batch_streams. Default: 0
   */
  maxRunning?: number | bigint | boolean;
  /**
   * a prompt that has waited for so long gets a share of every step, whatever the time; and so
   * much waiting outweighs one priority. Default: 1000
   */
  ageLimitMs?: number | bigint | boolean;
  /**
   * 1: after the load, while there is no work, steps of 50 ms at most are measured for half a
   * second, which reads the weights; a job waits for one of them at most, and so may the release
   * of the model. 0: the time of steps is learnt from those with work. Default: 1
   */
  calibrate?: number | bigint | boolean;
  /**
   * bytes of the states that all streams together keep as checkpoints, to go back to
   * (skein_stream_truncate), at most 4096 states; 0: none; -1: an eighth of the states that
   * there is room for. Default: -1
   */
  checkpointMemory?: number | bigint | boolean;
  /**
   * bytes of states that prompts leave for those that begin alike (request.h), at most a quarter
   * of all there is room for, and few of them while no prompts come back; 0: no stream gets
   * another's state. Default: 268435456
   */
  prefixCache?: number | bigint | boolean;
}

/** Options of Runtime.convertModel. */
export interface ConvertOptions {
  /**
   * "auto" (matrices keep their type), "f32", "f16", "bf16", "q8", "q4" (as in skein_model_load;
   * the last two in packages only); "auto" in skein_model_load is then the type that was named
   * here. Default: auto
   */
  type?: string;
  /** layout of a package's matrices: "panels", which loading maps, or "rows". Default: panels */
  layout?: string;
  /**
   * vocabulary to embed, as skein_tokenizer_load takes it; "": the model's own, wherever
   * skein_model_load would find it
   */
  tokenizer?: string;
  /** recorded in the manifest */
  name?: string;
  /** recorded in the manifest */
  licence?: string;
  /** where the weights come from, recorded in the manifest */
  provenance?: string;
  /** an example prompt, recorded in the manifest */
  prompt?: string;
  /**
   * name of the chat template (chat.h), recorded in the manifest; not set: the one that the
   * input's name or template tells, so that it holds under another name too
   */
  chatTemplate?: string;
  /** as in skein_model_load; merged */
  lora?: string;
  /** as in skein_model_load; embedded */
  state?: string;
  /** the token that ends a text, recorded in the manifest */
  endToken?: number | bigint | boolean;
  /**
   * tokens of the longest text that the model was trained with, recorded in the manifest. Not
   * set: what the input says, in its metadata, in config.json, or in its name ("ctx4096")
   */
  trainedLength?: number | bigint | boolean;
  /** 1: replace `out_path` if it exists; 0: ALREADY_EXISTS. Default: 0 */
  overwrite?: number | bigint | boolean;
}

/** Options of Runtime.describeModel and describeSnapshot. */
export interface DescribeOptions {
  /** "text" or "json". Default: text */
  format?: string;
  /**
   * 1: read all data and compare the checksums; DATA_LOSS names the first tensor that differs.
   * Default: 0
   */
  verify?: number | bigint | boolean;
}

/** Options of Runtime.loadTokenizer. */
export interface TokenizerOptions {
  /** plugin to use: "world", "bpe", "bytes"; "": by content */
  kind?: string;
}

/** Options of Model.createStream and Prefix.start. */
export interface StreamOptions {
  /**
   * file with a state that the stream starts from, and goes back to with reset: a tuned one
   * (`time_state` tensors of a .pth or .safetensors; RWKV-5.2, 6 and 7), or a running one of the
   * rwkv pip package (the list of tensors that its forward returns, in a .pth); "": the model's
   * own. Streams with different states run in one batch. Each call reads the file; forks of a
   * stream share its contents
   */
  state?: string;
  /**
   * tenant that the stream and its forks belong to (schedule.h), at most 255 bytes; "": the
   * common one
   */
  tenant?: string;
  /**
   * the prefix cache gives states to and takes them from streams of the same salt alone
   * (request.h)
   */
  cacheSalt?: string;
}

/** Options of Runtime.createQueue. */
export interface QueueOptions {
}

/** Options of Stream.createRequest. */
export interface RequestOptions {
  /** tokens to generate at most. Default: 256 */
  maxTokens?: number | bigint | boolean;
  /** 0: greedy. Default: 1 */
  temperature?: number;
  /** keep the k most probable; 0: off. Default: 0 */
  topK?: number | bigint | boolean;
  /** keep the smallest set with at least this mass; 1: off. Default: 0.85 */
  topP?: number;
  /**
   * keep tokens with at least this share of the most probable one's probability; 0: off.
   * Default: 0
   */
  minP?: number;
  /** subtracted once from the logit of every token generated before. Default: 0 */
  presencePenalty?: number;
  /** subtracted per (decayed) occurrence. Default: 0 */
  frequencyPenalty?: number;
  /** factor on all occurrences, per token. Default: 0.996 */
  penaltyDecay?: number;
  /** of the random numbers: same seed, same tokens. Default: 0 */
  seed?: number | bigint | boolean;
  /**
   * i for the i-th of several samples with one seed; a stream keeps its last request's. Default:
   * 0
   */
  sampleIndex?: number | bigint | boolean;
  /** samples of the prompt, 1 to 1024. See the samples below. Default: 1 */
  n?: number | bigint | boolean;
  /** write so many samples, and deliver the n best of them; 0: as many as n. Default: 0 */
  bestOf?: number | bigint | boolean;
  /**
   * k, 0 to 64: the log-probability of each token is in its event, and k most probable tokens
   * are kept beside it; -1: none. Default: -1
   */
  logprobs?: number | bigint | boolean;
  /** k, 0 to 64: the same is kept of the prompt's tokens; -1: none. Default: -1 */
  promptLogprobs?: number | bigint | boolean;
  /**
   * 1: the sampler goes on where the sampler of the stream's last request stood: with its seed
   * and sample_index, unless they are set, and with the tokens that it counted for the
   * penalties. Also after a fork or a restore. The prompt has to be empty. Default: 0
   */
  continueSampling?: number | bigint | boolean;
  /** 1: the end-of-text token stops; 0: a token like any other. Default: 1 */
  stopAtEnd?: number | bigint | boolean;
  /**
   * number of unacknowledged tokens at which the request waits; 0: polling acknowledges.
   * Default: 0
   */
  window?: number | bigint | boolean;
  /** -8 to 8; the higher goes first among the requests of one tenant (schedule.h). Default: 0 */
  priority?: number | bigint | boolean;
  /** time from submit by which the first token is wanted, in milliseconds; 0: any. Default: 0 */
  firstTokenMs?: number | bigint | boolean;
  /** time from submit by which all max_tokens are wanted; 0: any. Default: 0 */
  deadlineMs?: number | bigint | boolean;
  /** 1: the prompt goes on from a cached state and leaves some (below); 0: neither. Default: 1 */
  prefixCache?: number | bigint | boolean;
}

/** Options of Stream.chat and Model.chatPrompt. */
export interface ChatOptions {
  /** name of the template; "": the model's */
  template?: string;
  /**
   * "on": the answer begins with a think block; "off": with an empty one, so that the model
   * answers at once; "none": no block is opened; "short", "long": as "on", with " (think a bit)"
   * or " (think a lot)" behind the user's text that is to be answered, for which G1 models think
   * less or more; "": as the template has it
   */
  think?: string;
}

/** Options of Model.setTenant. */
export interface TenantOptions {
  /**
   * of its share of the steps, against the weights of the other tenants; 0.001 to 1000. Default:
   * 1
   */
  weight?: number;
  /**
   * tokens of the tenant that may wait; 0: the model's bound while no other tenant is there,
   * else half of it. Default: 0
   */
  maxQueuedTokens?: number | bigint | boolean;
  /** requests and evals between their first step and their end; 0: any number. Default: 0 */
  maxRunning?: number | bigint | boolean;
}

// --- runtime ---

export interface Plugin {
  /** undefined if it was refused before it named its kind. */
  kind: "backend" | "format" | "tokenizer" | undefined;
  loaded: boolean;
  abi: number;
  id: string;
  version: string;
  path: string;
  /** Why it was refused, or which of its devices are left out and why. */
  reason: string;
}

export interface Device {
  /** What the option `device` takes. */
  name: string;
  threads: number;
  pluginId: string;
  description: string;
  memoryBytes: number;
  /** Bit 1 << SKEIN_DTYPE_* for each type of matrix. */
  weightTypes: number;
  /** Bit 1 << 7 for RWKV-7, and so on. */
  generations: number;
}

export interface LogLine {
  severity: "debug" | "info" | "warning" | "error";
  text: string;
}

export interface Progress {
  active: boolean;
  doneBytes: number;
  totalBytes: number;
  what: string;
}

/** Plugins, devices, threads, log and metrics. */
export class Runtime extends Handle {
  private constructor();
  static create(options?: RuntimeOptions | Options): Promise<Runtime>;
  /** Releases the runtime. Generations that run on its streams end with CANCELLED. */
  close(): void;
  loadPlugin(path: string): Promise<void>;
  plugins(): Plugin[];
  /** The best comes first. */
  devices(): Device[];
  /** Takes the oldest line of the log. */
  pollLog(): LogLine | undefined;
  /** In the Prometheus exposition format. */
  metrics(): string;
  progress(): Progress;
  loadModel(path: string, options?: ModelOptions | Options): Promise<Model>;
  convertModel(inPath: string, outPath: string, options?: ConvertOptions | Options): Promise<void>;
  describeModel(path: string, options?: DescribeOptions | Options): Promise<string>;
  loadTokenizer(path: string, options?: TokenizerOptions | Options): Promise<Tokenizer>;
  createQueue(options?: QueueOptions | Options): Queue;
}

// --- models ---

/** skein_model_info of skein/model.h. */
export interface ModelInfo {
  readonly generation: number;
  readonly numLayers: number;
  readonly dModel: number;
  readonly dFfn: number;
  readonly vocabSize: number;
  readonly numHeads: number;
  readonly headSize: number;
  readonly numParameters: number;
  readonly weightsBytes: number;
  readonly numStateFloats: number;
  readonly hasTokenizer: number;
  readonly endToken: number;
  readonly device: string;
  readonly type: string;
  readonly name: string;
  readonly variant: number;
  readonly dAtt: number;
  readonly chatTemplate: string;
  readonly embeddingBytes: number;
  readonly trainedLength: number;
}

/** skein_load of skein/schedule.h. */
export interface Load {
  numTenants: number;
  queuedTokens: number;
  /** 2n ** 64n - 1n: no bound, because no step was measured yet. */
  maxQueuedTokens: number | bigint;
  numWaiting: number;
  numRunning: number;
  maxRunning: number;
  numStreams: number;
  maxStreams: number;
  maxBatchTokens: number;
  weight: number;
  promptTokensPerS: number;
}

export interface Message {
  role: "system" | "user" | "assistant";
  text: Text;
}

export type Output = "none" | "lastLogits" | "allLogits" | "lastHidden" | "allHidden";

export interface EvalItem {
  stream: Stream;
  tokens: Tokens;
  /** Default: "lastLogits". */
  output?: Output;
}

export interface EvalResult {
  status: number;
  /** Row-major; undefined with "none". */
  output: Float32Array | undefined;
}

export interface ScoreItem {
  stream: Stream;
  tokens: Tokens;
  /** The most probable tokens in the place of each: 0 to 64. */
  numTop?: number;
  priority?: number;
}

export interface ScoreResult {
  status: number;
  /** The tokens whose log-probability is a number, and the sum of these. */
  numScored: number;
  logprob: number;
  /** Of each token. The first is NaN unless the stream has a pending token. */
  logprobs: Float32Array;
  /** [tokens, numTop] */
  topTokens: Uint32Array;
  topLogprobs: Float32Array;
}

export interface EmbedItem {
  /** Either a text or tokens. */
  text?: Text;
  tokens?: Tokens;
  /** Default: the model's initial state. */
  stream?: Stream;
  pooling?: "last" | "mean";
  /** To length 1. */
  normalise?: boolean;
  priority?: number;
  tenant?: string;
}

export interface EmbedResult {
  status: number;
  numRead: number;
  embedding: Float32Array;
}

/** A loaded model, which is immutable and shared by its streams. */
export class Model extends Handle {
  private constructor();
  readonly runtime: Runtime;
  readonly info: ModelInfo;
  tokenizer(): Tokenizer;
  /** Returns at once, but reads the file of the option `state`. */
  createStream(options?: StreamOptions | Options): Stream;
  loadPrefix(path: string): Promise<Prefix>;
  chatPrompt(messages: Message[], options?: ChatOptions | Options): string;
  /** null: the defaults again. */
  setTenant(name: string, options: TenantOptions | Options | null): void;
  /** Of the model, or of a tenant. */
  load(tenant?: string): Load;
  /** Feeds tokens to streams, each at most once, as one batch. On a failure the error has `items`. */
  eval(items: EvalItem[]): Promise<EvalResult[]>;
  /** The log-probabilities of tokens behind streams, which do not move. */
  score(items: ScoreItem[]): Promise<ScoreResult[]>;
  embed(items: EmbedItem[]): Promise<EmbedResult[]>;
}

export interface TokenizerInfo {
  vocabSize: number;
  kind: string;
  origin: string;
  path: string;
}

/** Text to token ids and back. */
export class Tokenizer extends Handle {
  private constructor();
  readonly info: TokenizerInfo;
  encode(text: Text): Uint32Array;
  /** What is no UTF-8 becomes U+FFFD. */
  decode(tokens: Tokens): string;
  decodeBytes(tokens: Tokens): Uint8Array;
}

// --- streams ---

export interface SnapshotOptions {
  /** The tokens and checkpoints go along. */
  past?: boolean;
}

export interface SaveOptions extends SnapshotOptions {
  /** A file that exists is replaced. */
  replace?: boolean;
}

export interface Checkpoint {
  position: number;
  /** 0: its state is not kept, and the place is reached from one before it. */
  stateBytes: number;
  name: string;
}

/** What a request may have beside the ABI's options. */
export interface RequestExtras {
  stop?: Text | Text[];
  stopTokens?: Iterable<number>;
  logitBias?: Map<number, number> | { [token: number]: number };
  userData?: number | bigint;
}

export interface GenerateOptions extends RequestOptions, RequestExtras {
  /** Cancels the request; the loop throws the signal's reason. */
  signal?: Signal;
}

export interface Sample {
  text: string;
  tokens: number[];
  /** NaN unless the option logprobs is set. */
  logprobs: number[];
  reason: Reason;
}

export interface Completion {
  text: string;
  tokens: number[];
  reason: Reason;
  samples: Sample[];
  last: Event;
}

/** A text, or token ids. An empty prompt goes on from the stream's last token. */
export type Prompt = Text | Tokens;

/** One sequence of tokens and the state behind it. It has one writer at a time. */
export class Stream extends Handle {
  private constructor();
  readonly model: Model;
  /** The number of tokens that were committed since the initial state. */
  readonly position: number;
  reset(): void;
  /** Copies no state. */
  fork(): Stream;
  /** A stream that goes on from an earlier place, and the number of tokens that were read again for that. */
  forkAt(position: number): Promise<{ stream: Stream; replayed: number }>;
  /** Back to an earlier place. Gives the number of tokens that were read again. */
  truncate(position: number): Promise<number>;
  tokens(begin?: number): Uint32Array;
  setCheckpoint(name: string): void;
  findCheckpoint(name: string): number;
  checkpoints(): Checkpoint[];
  /** The stream as bytes, which restore in any process with the same model. */
  snapshot(options?: SnapshotOptions): Promise<Uint8Array>;
  restore(snapshot: Uint8Array): Promise<void>;
  save(path: string, options?: SaveOptions): Promise<void>;
  load(path: string): Promise<void>;
  /** In the layout of skein/stream.h. */
  state(): Promise<Float32Array>;
  /** Feeds tokens. Default: "lastLogits". */
  eval(tokens: Tokens, output?: Output): Promise<Float32Array | undefined>;
  createRequest(options?: (RequestOptions & RequestExtras) | Options): Request;
  /**
   * Generates behind a prompt. The request is submitted at once, so that a refusal is thrown here. Leaving the loop ends
   * the request; after that the stream is free.
   */
  generate(prompt: Prompt, options?: GenerateOptions): Generation;
  /** Generates the assistant's answer to messages. */
  chat(messages: Message[], options?: GenerateOptions & { chat?: ChatOptions | Options }): Generation;
  /** Generates to the end. */
  complete(prompt: Prompt, options?: GenerateOptions): Promise<Completion>;
}

export interface PrefixInfo {
  position: number;
  stateBytes: number;
  fileBytes: number;
  fingerprint: string;
  name: string;
}

/** A text that many streams begin with, read once. */
export class Prefix extends Handle {
  private constructor();
  /** Keeps the last committed place of a stream, which goes on undisturbed. */
  static create(stream: Stream, name?: string, provenance?: string): Prefix;
  readonly provenance: string;
  /** A stream that starts there. Copies no state. */
  start(options?: StreamOptions | Options): Stream;
  info(): Promise<PrefixInfo>;
  save(path: string, options?: SaveOptions): Promise<void>;
}

/** Describes a file of Prefix.save or Stream.save. */
export function describeSnapshot(path: string, options?: DescribeOptions | Options): Promise<string>;

// --- requests ---

export type Reason = "none" | "stopToken" | "stopText" | "length";

/** skein_event of skein/request.h. */
export class Event {
  private constructor();
  readonly kind: "token" | "done" | "error" | "cancelled" | "sampleDone";
  readonly reason: Reason;
  /** The handle of the request. */
  readonly request: number;
  readonly userData: number | bigint;
  readonly token: number;
  readonly status: number;
  /** May be empty, or cover earlier tokens. What is no UTF-8 is U+FFFD here; `bytes` has it. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly numPromptTokens: number;
  readonly numTokens: number;
  readonly position: number;
  readonly logprob: number;
  readonly sample: number;
  readonly numCachedTokens: number;
  readonly queueUs: number;
  readonly prefillUs: number;
  readonly decodeUs: number;
  readonly logprobSum: number;
  readonly cache: "unknown" | "hit" | "off" | "notAtStart" | "cold" | "noState" | "evicted" | "rows";
  readonly isTerminal: boolean;
}

/**
 * A request that runs: its events, the terminal one included, unless it is an error, which is thrown. With the option
 * `window` an event that was taken acknowledges its token.
 */
export class Generation implements AsyncIterableIterator<Event> {
  private constructor();
  /** The terminal event, once it came. */
  readonly last: Event | undefined;
  /** Asks the request to end. Its last event follows. */
  cancel(): void;
  next(): Promise<IteratorResult<Event, undefined>>;
  /** Ends the request. When the promise is fulfilled, the stream is free. */
  return(): Promise<IteratorResult<Event, undefined>>;
  /** The same for an exception in a generator that hands the events on (`yield*`). */
  throw(error: unknown): Promise<IteratorResult<Event, undefined>>;
  /** return() for `await using`, where Node.js has Symbol.asyncDispose. */
  [Symbol.asyncDispose](): Promise<void>;
  [Symbol.asyncIterator](): this;
}

export interface Logprobs {
  tokens: Uint32Array;
  logprobs: Float32Array;
}

/** A prompt with sampling and stops on a stream. */
export class Request extends Handle {
  private constructor();
  setOptions(options: (RequestOptions & RequestExtras) | Options): this;
  setPrompt(prompt: Prompt): this;
  setChat(messages: Message[], options?: ChatOptions | Options): this;
  addStop(text: Text): void;
  addStopToken(token: number): void;
  /** -Infinity bans the token. */
  setLogitBias(token: number, bias: number): void;
  setUserData(number: number | bigint): void;
  /** Submits the request; its events come to the loop. */
  run(options?: { signal?: Signal }): Generation;
  cancel(): void;
  /** For requests that run on a Queue. */
  acknowledge(numTokens: number): void;
  /** 1 + k for each token: itself, then the k most probable ones in its place. */
  logprobs(sample: number | "prompt", first: number, numTokens: number): Logprobs;
  /** The stream of one of several samples, after the end. */
  takeSample(sample: number): Stream;
  /** Releases the request, and cancels it if `run` started it and it has not ended. */
  close(): void;
}

/** A completion queue, for hosts that read events themselves. */
export class Queue extends Handle {
  private constructor();
  submit(...requests: Array<Request | Request[]>): void;
  /** Takes the events that are there, without waiting: at most 256, the oldest first. */
  poll(): Event[];
  /** Waits on another thread until an event is there; a negative time and Infinity wait for ever. */
  wait(timeoutMs?: number): Promise<boolean>;
  /** A descriptor that is readable while events are there. */
  readonly fd: number;
  /**
   * Has a function called in the event loop when the queue turns from empty to not empty. The event loop waits for the
   * queue until the function is removed with null, or the queue is closed.
   */
  setWakeup(wakeup: (() => void) | null): void;
}
