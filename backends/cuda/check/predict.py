#!/usr/bin/env python3
"""Predicts the time of a step of RWKV-7 on a GPU, launch by launch, from counts: bytes, bytes on their way, instructions
of the tensor cores, and latencies that follow each other. Every figure that it prints is a prediction until it stands
beside a measured one.

  predict.py [--card H200|H100] [--model 1.5B ...] [--rows 1 32 128] [--switches a,b] [--state f16|f32] [--kernels]
      A line for each model and number of rows beside the aim; with --kernels the launches of a step too.
  predict.py --measured FILE [--card ...]
      The launches of a log that the backend wrote (SKEIN_CUDA_LAUNCHES=FILE), each beside its prediction, worst first.
  predict.py --agrees FILE
      Whether every launch of a log has the grid, threads and shared memory that are predicted. Ends with 1 if not.

The shapes of launches mirror backends/cuda/ops.cc and the .cu files; the tests hold them together with --agrees.
"""

import argparse
import sys
from dataclasses import dataclass, field

F32, F16, BF16, Q8, Q4 = 'f32', 'f16', 'bf16', 'q8', 'q4'
DTYPES = {1: F32, 2: F16, 3: BF16, 16: Q8, 17: Q4}  # SKEIN_DTYPE_*
ROW_BITS = {F32: 32, F16: 16, BF16: 16, Q8: 8 + 16 / 128, Q4: 4 + 16 / 64}
VECTOR_ELEMENTS = {F32: 4, F16: 8, BF16: 8, Q8: 16, Q4: 32}

# Latencies in microseconds, loaded: memory, second level cache; a barrier with what leads to it; a sum over a block.
MEMORY, CACHE, SUM = 0.7, 0.3, 0.1
# A block of the recurrence: the sequence, then its state, beside which weights and inputs come; and, behind them, some
# 1,350 cycles of what waits for the one before: four sums of a warp at 130, two of four threads at 50, eight roots,
# quotients and exponentials at 40, 80 floats of shared memory a thread, and four barriers at 40.
HEAD_BLOCK = CACHE + MEMORY + 0.8
# Microseconds from a kernel to the next, with their launches and the end of the first.
GAPS = {'stream': 2.2, 'graph': 1.3, 'dependent': 0.9}
GEMM_SHARE = 0.75  # of memory or matrix rate, that a library is taken to reach


@dataclass
class Card:
    name: str
    bandwidth: float  # bytes a microsecond: 1 TB/s is 1e6
    cache_bandwidth: float
    matrix_rate: float  # operations a microsecond, as a library reaches them
    processors: int = 132
    clock: float = 1700.0  # cycles a microsecond
    shared_bytes: int = 227 * 1024
    mma_share: float = 0.62  # of the matrix rate, that mma.sync reaches


CARDS = {'H200': Card('H200', 4.3e6, 5.5e6, 790e6), 'H100': Card('H100', 3.0e6, 5.5e6, 790e6)}


@dataclass
class Shape:
    layers: int
    d_model: int
    d_ffn: int
    vocab: int
    ranks: tuple  # decay, iclr, value, gate
    head_size: int = 64
    weights: str = F16
    compute: str = F16
    state: str = F32

    def factors(self):
        """The type of low-rank matrices: at least 8 bits."""
        return Q8 if self.weights == Q4 else self.weights


MODELS = {
    '0.1B': Shape(12, 768, 3072, 65536, (64, 64, 32, 128)),
    '0.4B': Shape(24, 1024, 4096, 65536, (64, 64, 32, 128)),
    '1.5B': Shape(24, 2048, 8192, 65536, (96, 96, 64, 256)),
    '2.9B': Shape(32, 2560, 10240, 65536, (96, 96, 64, 320)),
    '7.2B': Shape(32, 4096, 16384, 65536, (128, 128, 96, 480)),
}

# Tokens a second by card, model, rows and state (all are in BENCHMARKS.md and check/limits.cc).
AIMS = {
    ('H200', '0.1B', 1, F32): 5400, ('H200', '0.1B', 32, F16): 200e3, ('H200', '0.1B', 128, F16): 520e3,
    ('H200', '0.1B', 128, F32): 400e3, ('H200', '1.5B', 1, F32): 1070, ('H200', '1.5B', 32, F16): 31e3,
    ('H200', '1.5B', 128, F16): 88e3, ('H200', '1.5B', 128, F32): 70e3, ('H200', '7.2B', 1, F32): 255,
    ('H200', '7.2B', 32, F16): 7.4e3, ('H200', '7.2B', 128, F16): 23e3, ('H200', '7.2B', 128, F32): 19e3,
    ('H100', '0.1B', 1, F32): 4600, ('H100', '0.1B', 32, F16): 150e3, ('H100', '0.1B', 128, F16): 400e3,
    ('H100', '0.1B', 128, F32): 290e3, ('H100', '1.5B', 1, F32): 800, ('H100', '1.5B', 32, F16): 22e3,
    ('H100', '1.5B', 128, F16): 64e3, ('H100', '1.5B', 128, F32): 50e3, ('H100', '7.2B', 1, F32): 180,
    ('H100', '7.2B', 32, F16): 5.2e3, ('H100', '7.2B', 128, F16): 16.5e3, ('H100', '7.2B', 128, F32): 13.5e3,
}


@dataclass
class Launch:
    name: str
    grid: tuple
    threads: int
    shared: int = 0  # dynamic
    registers: int = 64
    static_shared: int = 0
    memory_bytes: float = 0
    cache_bytes: float = 0  # from the second level cache to multiprocessors, those of memory too
    ahead: float = 0  # bytes of a block that are on their way from memory
    cycles: float = 0  # of tensor cores and shared memory, of all blocks
    block_us: float = 0  # a block's time if nothing holds it up
    latency: float = 0  # behind the launch, before and after the bytes
    first_us: float = 0  # of a block's time, before it waits for the kernel in front

    def blocks(self):
        return self.grid[0] * self.grid[1] * self.grid[2]

    def resident(self, card):
        """Blocks that a multiprocessor has room for."""
        by_registers = 65536 // (-(-self.registers // 8) * 8 * self.threads)
        by_shared = card.shared_bytes // (self.shared + self.static_shared + 1024)
        return max(1, min(by_registers, by_shared, 2048 // self.threads, 32))

    def bytes_ahead(self, card):
        """On their way to a busy multiprocessor."""
        together = min(self.resident(card), -(-self.blocks() // card.processors))
        return together * self.ahead

    def share_of_room(self, card):
        """Of the room of a multiprocessor, that its blocks take."""
        return -(-self.blocks() // card.processors) / self.resident(card)

    def limits(self, card, done_bytes=0.0):
        """Microseconds by what they are bound by, without latencies in front and behind. `done_bytes`: those that were
        read from memory before the kernel in front had ended."""
        busy = min(card.processors, self.blocks())
        bandwidth = card.bandwidth
        if self.ahead:
            bandwidth = min(bandwidth, busy * self.bytes_ahead(card) / MEMORY)
        waves = -(-self.blocks() // (card.processors * self.resident(card)))
        return {
            'memory': (self.memory_bytes - done_bytes) / bandwidth,
            'cache': self.cache_bytes / min(card.cache_bandwidth, busy * 64 * card.clock),
            'tensor': self.cycles / busy / card.clock,
            'blocks': waves * self.block_us - (self.first_us if done_bytes else 0),
        }

    def time(self, card, done_bytes=0.0):
        limits = self.limits(card, done_bytes)
        bound = max(limits, key=limits.get)
        return limits[bound] + self.latency, bound

    def reads_ahead(self, card, front, idle_us):
        """Bytes that dependent launch has it read from memory while `front` ends, whose memory is idle for so long. A
        block has its first loads on their way then; it is there if both kernels have room."""
        if self.share_of_room(card) + front.share_of_room(card) > 1:
            return 0.0
        return min(self.memory_bytes, self.blocks() * self.ahead, idle_us * card.bandwidth)


@dataclass
class Matrix:
    name: str
    outputs: int
    inputs: int
    type: str

    def bytes(self):
        return self.outputs * self.inputs * ROW_BITS[self.type] / 8


@dataclass
class Step:
    rows: int
    sequences: int
    logits: int
    switches: frozenset = field(default_factory=frozenset)
    zeros: float = 0.0
    capability: int = 90


def ceil(a, b):
    return -(-a // b)


# --- products ---

def row_products(matrices, step):
    rows = 1 if step.rows <= 1 else 2 if step.rows == 2 else 4
    per_block = 16 if rows == 4 else 8
    registers = {1: 72, 2: 112, 4: 127}[rows] if matrices[0].type in (F16, BF16) else {1: 96, 2: 127, 4: 226}[rows]
    row_blocks = ceil(step.rows, rows)
    blocks = sum(ceil(m.outputs, per_block) for m in matrices)
    inputs = max(m.inputs for m in matrices)
    kind = matrices[0].type
    vectors = ceil(inputs, 32 * VECTOR_ELEMENTS[kind])
    if rows == 1 and kind != Q4 and blocks < 184 and vectors > 4:  # IsNarrow of row_products.cu
        per_block = 4
        blocks = sum(ceil(m.outputs, per_block) for m in matrices)
    # At one row a chunk of 4,096 inputs is copied at once.
    turns = ceil(inputs, 4096) if rows == 1 else ceil(inputs, 4 * 128 * {2: 2, 4: 1}[rows])
    weights = sum(m.bytes() for m in matrices)
    staged = sum(ceil(m.outputs, per_block) * m.inputs * 4 * step.rows for m in matrices)
    return Launch('rows ' + names(matrices), (row_blocks, blocks, 1), 128, registers=registers,
                  static_shared=36864 if rows == 4 else 18432, memory_bytes=weights,
                  cache_bytes=weights * row_blocks + staged,
                  ahead=min(16 * 1024, weights / blocks), latency=CACHE * turns + SUM)


def parts_of(matrix):
    """PartsOf of tile_products.cu: parts of a sum, and stages of each."""
    stages, blocks = ceil(matrix.inputs, 64), ceil(matrix.outputs, 64)
    if blocks >= 128 or stages < 16:
        return 1, stages
    count = min(min(8, ceil(128, blocks)), stages // 8)
    part = ceil(ceil(stages, count), 4) * 4
    return ceil(stages, part), part


def tile_products(matrices, step, rounded):
    tile = 8 if step.rows <= 8 else 16 if step.rows <= 16 else 32 if step.rows <= 32 else 64
    row_blocks = ceil(step.rows, tile)
    kind = matrices[0].type
    pitch = 64 * {F16: 16, BF16: 16, Q8: 8, Q4: 4}[kind] // 8 + (16 if kind in (Q8, Q4) else 0)
    places, input_places = (4, 2) if not rounded else (6, 6) if tile == 64 else (8, 8)
    shared = places * 64 * pitch + input_places * tile * 128
    whole = sum(ceil(m.outputs, 64) for m in matrices)
    split = sum(ceil(m.outputs, 64) * parts_of(m)[0] for m in matrices)
    is_split = 'split_sums' in step.switches and row_blocks * whole < 128 and row_blocks * split <= 512
    blocks = split if is_split else whole
    weights = sum(m.bytes() for m in matrices)
    inputs = sum(ceil(m.outputs, 64) * m.inputs * step.rows * (2 if rounded else 4) for m in matrices)
    handed = row_blocks * sum(ceil(m.outputs, 64) * parts_of(m)[0] * 64 * tile * 4 * 2 for m in matrices
                              if parts_of(m)[0] > 1) if is_split else 0
    stages = sum(ceil(m.outputs, 64) * ceil(m.inputs, 64) for m in matrices) * row_blocks
    # A stage of a block: four warps by four steps of a load of weights, loads of inputs and products.
    stage_cycles = max(4 * 4 * (1 + tile / 16) * 4, 4 * 4 * tile / 8 * 1.5) + 60
    longest = max((parts_of(m)[1] if is_split else ceil(m.inputs, 64)) for m in matrices)
    registers = {8: 72, 16: 80, 32: 100, 64: 167}[tile]
    return Launch('tiles ' + names(matrices), (row_blocks, blocks, 1), 128, shared=shared, registers=registers,
                  memory_bytes=weights, cache_bytes=weights * row_blocks + inputs + handed,
                  ahead=(places - 1) * 64 * pitch, cycles=stages * stage_cycles,
                  block_us=longest * (0.1 if rounded else 0.45), latency=CACHE + (2 * CACHE if is_split else 0))


def nibble_products(matrices, step):
    rows = 1 if step.rows <= 1 else 2
    weights = sum(m.bytes() for m in matrices)
    blocks = sum(ceil(m.outputs, 16) for m in matrices)
    staged = sum(ceil(m.outputs, 16) * m.inputs * 4 * step.rows for m in matrices)
    return Launch('nibbles ' + names(matrices), (ceil(step.rows, rows), blocks, 1), 256, registers=77,
                  static_shared=28672, memory_bytes=weights, cache_bytes=weights + staged,
                  ahead=min(16 * 1024, weights / blocks), latency=2 * CACHE + SUM)


def sparse_product(matrix, step):
    weights = matrix.bytes() * (1 - step.zeros ** step.rows)
    blocks = ceil(matrix.outputs, 256) * ceil(matrix.inputs, 512) * step.rows
    return [Launch('sparse sums', (ceil(matrix.outputs, 256), ceil(matrix.inputs, 512), step.rows), 128, registers=40,
                   static_shared=8256, memory_bytes=weights, cache_bytes=weights, ahead=min(8192, weights / blocks),
                   latency=CACHE + 2 * SUM + MEMORY),
            Launch('sparse ends', (ceil(matrix.outputs, 256), step.rows, 1), 256, registers=32, latency=2 * CACHE)]


def library_product(matrix, step, then, is_rounded):
    """The launches of ours around a product of the library, and the library's, which no log has."""
    launches = []
    width = ceil(matrix.inputs, 8) * 8
    if not is_rounded:
        launches.append(Launch('round ' + matrix.name, (step.rows, ceil(width, 1024), 1), 256, registers=24,
                               cache_bytes=step.rows * width * 6, latency=CACHE))
    gemm = Launch('library ' + matrix.name, (0, 0, 0), 0)
    gemm.memory_bytes = matrix.bytes()
    gemm.operations = 2.0 * matrix.outputs * matrix.inputs * step.rows
    launches.append(gemm)
    if then not in ('store', 'add'):
        launches.append(Launch('finish ' + matrix.name, (ceil(step.rows * matrix.outputs, 256), 1, 1), 256,
                               registers=24, cache_bytes=step.rows * matrix.outputs * 8, latency=CACHE))
    return launches


def names(matrices):
    return ', '.join(m.name for m in matrices)


def path_of(matrix, shape, step):
    """ChooseProduct of product_choice.cc, for capability 8.0 on."""
    is_float32 = shape.compute in (None, F32)
    if step.rows <= 4:
        if is_float32:
            return 'rows'
        if matrix.name == 'value' and 'sparse' in step.switches:
            return 'sparse'
        return 'nibbles' if matrix.type == Q4 and 'nibble_products' in step.switches else 'rows'
    same = matrix.type == shape.compute and matrix.type in (F16, BF16)
    if same and 'library' in step.switches and step.rows >= 65 and matrix.outputs * matrix.inputs >= 1 << 18:
        return 'library'
    codes = matrix.type in (Q8, Q4) and shape.compute in (BF16, Q8, Q4)
    return 'tiles' if same or codes else 'rows'


def products(matrices, shape, step, then='store'):
    """The launches of one Multiply: those that go alone first, then those that share a path and a type."""
    launches, left = [], []
    rounded = 'rounded_rows' in step.switches and step.rows > 4 and shape.compute in (F16, BF16)
    for matrix in matrices:
        path = path_of(matrix, shape, step)
        if path == 'sparse':
            launches += sparse_product(matrix, step)
        elif path == 'library':
            launches += library_product(matrix, step, then, rounded)
        else:
            left.append((path, matrix))
    while left:
        path, first = left[0]
        group = [m for p, m in left if p == path and m.type == first.type]
        left = [(p, m) for p, m in left if not (p == path and m.type == first.type)]
        if path == 'tiles':
            is_rounded = rounded and first.type in (F16, BF16) and all(m.inputs % 8 == 0 for m in group)
            launches.append(tile_products(group, step, is_rounded))
        else:
            launches.append({'rows': row_products, 'nibbles': nibble_products}[path](group, step))
    return launches


# --- everything else ---

def norm_shift(name, num_blends, shape, step):
    shares = max(1, min(64 // step.rows, ceil(shape.d_model, 256)))
    moved = step.rows * shape.d_model * 4
    return Launch(name, (step.rows, shares, 1), 256, registers=37 if shape.d_model <= 1024 else 58, static_shared=64,
                  cache_bytes=moved * (2 * shares + num_blends), latency=CACHE + 2 * SUM)


def wkv7(shape, step):
    heads = shape.d_model // shape.head_size
    state = 64 * 64 * (2 if shape.state == F16 else 4)
    is_one_row = step.rows == step.sequences
    moved = step.sequences * heads * state * 2 + step.rows * shape.d_model * 4 * 9
    return Launch('wkv7', (step.sequences, heads, 1), 256, registers=64 if is_one_row else 110,
                  static_shared=6144 if is_one_row else 18432, memory_bytes=moved, cache_bytes=moved, ahead=state * 2,
                  block_us=HEAD_BLOCK + 0.25 * (ceil(step.rows, step.sequences) - 1), first_us=MEMORY)


# Per 65,536 tokens of a block: a read of 256 KB at 64 bytes a cycle; exponentials, 33 instructions each.
LOGITS_READ, LOGITS_WEIGHED = 2.4, 10.0
CANDIDATES = 0.4  # the key that enough tokens reach: 22 votes of a block


def num_slices(rows, vocab, switches):
    """NumSlices of sample_slices.cu."""
    slices = 1
    most = min(16, 128 // rows, vocab // 2048) if 'split_logits' in switches else 1
    while 2 * slices <= most:
        slices *= 2
    return slices


def finish_logits(rows, shape, switches):
    """The launches for the greatest logits, which the check measures, or a draw without filters."""
    slices = num_slices(rows, shape.vocab, switches)
    length = shape.vocab / 65536 / slices
    row_bytes = rows * shape.vocab * 4
    weighed = (LOGITS_READ + LOGITS_WEIGHED) * length
    if slices == 1:
        # The wish, then the logits twice, each with the sums of the block; the candidates' key; the end of the row.
        return [Launch('finish logits', (rows, 1, 1), 1024, registers=64, static_shared=42656,
                       cache_bytes=2 * row_bytes, block_us=LOGITS_READ * length + weighed,
                       latency=2 * CACHE + 2 * SUM + CANDIDATES + CACHE)]
    first = Launch('survey logits', (rows, slices, 1), 1024, registers=64, static_shared=768, cache_bytes=row_bytes,
                   block_us=LOGITS_READ * length, latency=CACHE + 2 * SUM)
    # The surveys and the wish; the candidates' key; the hand-over, which is a write and a count behind it; what all
    # have found; the end of the row.
    last = Launch('finish logits', (rows, slices, 1), 1024, registers=64, static_shared=42656, cache_bytes=row_bytes,
                  block_us=weighed, latency=4 * CACHE + 2 * SUM + CANDIDATES + CACHE)
    return [first, last]


def launches_of(shape, step):
    """The launches of a step in their order."""
    c, f = shape.d_model, shape.d_ffn
    w, a, v, g = shape.ranks
    one = Launch('embed', (step.rows, 1, 1), 256, registers=48, static_shared=64, latency=MEMORY + 2 * SUM)
    launches = [one]
    for layer in range(shape.layers):
        main, factor, has_value = shape.weights, shape.factors(), layer > 0
        firsts = [Matrix('decay 1', w, c, factor), Matrix('rate 1', a, c, factor)]
        firsts += [Matrix('value 1', v, c, factor)] if has_value else []
        firsts += [Matrix('gate 1', g, c, factor)]
        seconds = [Matrix('decay 2', c, w, factor), Matrix('rate 2', c, a, factor)]
        seconds += [Matrix('value 2', c, v, factor)] if has_value else []
        seconds += [Matrix('gate 2', c, g, factor)]
        launches.append(norm_shift('shift 6', 6, shape, step))
        launches += products([Matrix(n, c, c, main) for n in 'rkv'] + firsts, shape, step)
        launches += products(seconds, shape, step)
        launches.append(wkv7(shape, step))
        launches += products([Matrix('output', c, c, main)], shape, step, 'add')
        launches.append(norm_shift('shift 1', 1, shape, step))
        launches += products([Matrix('key', f, c, main)], shape, step, 'relu')
        launches += products([Matrix('value', c, f, main)], shape, step, 'add')
    if step.logits:
        launches.append(Launch('norm outputs', (step.logits, 1, 1), 256, registers=48, static_shared=64,
                               latency=CACHE + 2 * SUM))
        head = Step(step.logits, step.sequences, step.logits, step.switches, 0.0, step.capability)
        launches += products([Matrix('head', shape.vocab, c, shape.weights)], shape, head)
        launches += finish_logits(step.logits, shape, step.switches)
    launches.append(Launch('finite', (step.sequences, 1, 1), 1024, registers=24, latency=CACHE + SUM))
    return launches


def time_of(launch, card, done_bytes=0.0):
    if launch.threads == 0:  # the library's
        memory = launch.memory_bytes / card.bandwidth
        tensor = launch.operations / card.matrix_rate
        return max(memory, tensor) / GEMM_SHARE, 'memory' if memory > tensor else 'tensor'
    return launch.time(card, done_bytes)


def times_of(launches, step, card, gap):
    """Of each launch its time and what it is bound by. With dependent launch a kernel reads weights or states while the
    one in front ends, in the time that this one leaves memory idle: its latencies, and the way from one to the next."""
    times, front, idle = [], None, 0.0
    for launch in launches:
        done = 0.0
        if 'dependent_launch' in step.switches and front is not None and front.threads and launch.threads:
            done = launch.reads_ahead(card, front, idle)
        times.append(time_of(launch, card, done))
        idle = max(0.0, times[-1][0] - (launch.memory_bytes - done) / card.bandwidth) + gap
        front = launch
    return times


def step_time(shape, step, card, gap):
    launches = launches_of(shape, step)
    times = times_of(launches, step, card, gap)
    return sum(us for us, _ in times) + gap * len(launches), launches, times


# --- logs ---

def read_log(path):
    """(shape, step, [launch fields]) of each step of a log."""
    steps, shape, switches = [], None, frozenset()
    for line in open(path):
        kind, *fields = line.split()
        fields = dict(f.split('=', 1) for f in fields)
        if kind == 'segment':
            switches = frozenset(s for s in fields['switches'].split(',') if s)
            number = {k: v for k, v in fields.items() if k != 'switches'}
            shape = Shape(int(number['layers']), int(number['d_model']), int(number['d_ffn']), int(number['vocab']),
                          tuple(int(r) for r in number['ranks'].split(',')), int(number['head_size']),
                          DTYPES.get(int(number['weights']), F32), DTYPES.get(int(number['compute'])),
                          DTYPES.get(int(number['state']), F32))
            shape.generation = int(number['generation'])
        elif kind == 'step':
            steps.append((shape, Step(int(fields['rows']), int(fields['sequences']), int(fields['logits']), switches),
                          []))
        else:
            steps[-1][2].append(fields)
    return steps


def pair(shape, step, logged):
    """Predicted launches beside logged ones; raises ValueError where their shapes are not the same."""
    predicted = [launch for launch in launches_of(shape, step) if launch.threads]
    if len(predicted) != len(logged):
        raise ValueError(f'{len(logged)} launches, predicted {len(predicted)}')
    for index, (launch, fields) in enumerate(zip(predicted, logged)):
        found = (fields['grid'], int(fields['threads']), int(fields['shared']))
        wanted = ('x'.join(map(str, launch.grid)), launch.threads, launch.shared)
        if found != wanted:
            raise ValueError(f'launch {index}, {launch.name}: {found}, predicted {wanted}')
    return list(zip(predicted, logged))


def is_known(shape):
    return shape.generation == 7 and shape.head_size == 64


def agrees(path):
    steps = [s for s in read_log(path) if is_known(s[0])]
    for shape, step, logged in steps:
        try:
            pair(shape, step, logged)
        except ValueError as error:
            print(f'{shape}, {step}: {error}')
            return 1
    print(f'{len(steps)} steps are launched as predicted')
    return 0 if steps else 1


def compare(path, card):
    for shape, step, logged in read_log(path):
        if not is_known(shape):
            continue
        try:
            pairs = pair(shape, step, logged)
        except ValueError as error:
            print(f'd_model {shape.d_model}, {step.rows} rows: not launched as predicted: {error}')
            continue
        print(f'\nd_model {shape.d_model}, {step.rows} rows of {step.sequences} streams, {shape.weights}, '
              f'states {shape.state}, switches {",".join(sorted(step.switches)) or "none"}: microseconds')
        print(f'  {"launch":42} {"count":>5} {"measured":>9} {"predicted":>9} {"ratio":>6} {"too much":>9}  bound by')
        groups = {}
        for launch, fields in pairs:
            groups.setdefault(launch.name, []).append((launch, float(fields['least_us'])))
        rows = []
        for name, group in groups.items():
            measured = sum(us for _, us in group) / len(group)
            times = [time_of(launch, card) for launch, _ in group]
            predicted = sum(t for t, _ in times) / len(times) + GAPS['graph']
            rows.append(((measured - predicted) * len(group), name, len(group), measured, predicted, times[0][1]))
        for excess, name, count, measured, predicted, bound in sorted(rows, reverse=True):
            print(f'  {name[:42]:42} {count:5} {measured:9.2f} {predicted:9.2f} {measured / predicted:6.2f} '
                  f'{excess:9.1f}  {bound}')
    return 0


# --- predictions ---

def print_kernels(launches, times, card):
    print(f'    {"launch":42} {"grid":>13} {"resident":>8} {"ahead KB":>8} {"us":>7}  bound by')
    seen = {}
    for launch, time in zip(launches, times):
        seen.setdefault(launch.name, [launch, 0, time])[1] += 1
    for name, (launch, count, (us, bound)) in seen.items():
        grid = 'x'.join(map(str, launch.grid)) if launch.threads else '-'
        resident = launch.resident(card) if launch.threads else 0
        ahead = launch.bytes_ahead(card) / 1024 if launch.threads else 0
        print(f'    {name[:38]:38} x{count:<3} {grid:>13} {resident:8} {ahead:8.0f} {us:7.2f}  {bound}')


def predict(options, card):
    switches = frozenset(s for s in options.switches.split(',') if s)
    gap_name = 'dependent' if 'dependent_launch' in switches else 'graph' if 'graphs' in switches else 'stream'
    print(f'predictions for {card.name}, switches {options.switches or "none"}, states {options.state}; nothing here '
          'was measured')
    print(f'{"model":6} {"rows":>5} {"launches":>8} {"us":>9} {"tokens/s":>10} {"aim":>9} {"of it":>6}  gaps, bytes us')
    for name in options.model:
        for rows in options.rows:
            shape = Shape(**{**MODELS[name].__dict__, 'state': options.state, 'weights': options.weights,
                             'compute': options.weights})
            step = Step(rows, rows, rows, switches, options.zeros)
            # Without a switch of their own steps of the library are no graphs, and the host launches what it launches
            # in this time.
            by_library = rows >= 65 and 'library' in switches and 'library_graphs' not in switches
            gap = GAPS['stream' if by_library or 'graphs' not in switches else gap_name]
            us, launches, times = step_time(shape, step, card, gap)
            least = sum(launch.memory_bytes for launch in launches) / card.bandwidth
            states = (options.state, F16, F32) if rows <= 32 else (options.state,)  # the aims of few rows are for both
            aims = [AIMS[key] for s in states if (key := (card.name, name, rows, s)) in AIMS]
            aim = aims[0] if aims and options.weights == F16 and not options.zeros else None
            of_aim = f'{100 * rows * 1e6 / us / aim:4.0f} %' if aim else '-'
            print(f'{name:6} {rows:5} {len(launches):8} {us:9.0f} {rows * 1e6 / us:10.0f} '
                  f'{f"{aim:.0f}" if aim else "-":>9} {of_aim:>6}  {gap * len(launches):.0f}, {least:.0f}')
            if options.kernels:
                print_kernels(launches, times, card)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--card', choices=CARDS, default='H200')
    parser.add_argument('--model', nargs='+', choices=MODELS, default=['0.1B', '1.5B', '7.2B'])
    parser.add_argument('--rows', nargs='+', type=int, default=[1, 32, 128, 512])
    parser.add_argument('--switches', default='')
    parser.add_argument('--state', choices=[F32, F16], default=F32)
    parser.add_argument('--weights', choices=[F16, BF16, Q8, Q4], default=F16)
    parser.add_argument('--zeros', type=float, default=0.0)
    parser.add_argument('--kernels', action='store_true')
    parser.add_argument('--measured')
    parser.add_argument('--agrees')
    options = parser.parse_args()
    if options.agrees:
        return agrees(options.agrees)
    if options.measured:
        return compare(options.measured, CARDS[options.card])
    return predict(options, CARDS[options.card])


if __name__ == '__main__':
    sys.exit(main())
