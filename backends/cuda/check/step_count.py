"""The launches of a step of RWKV-7 and their times on a GPU, from counts: bytes, bytes on their way, instructions of the
tensor cores, and latencies that follow each other. For predict.py.

The shapes of launches mirror backends/cuda/ops.cc and the .cu files; the tests hold them together by predict.py.
"""

from dataclasses import dataclass, field

from tile_count import (CYCLES, NARROW, WIDE, WIDEST, Tile, ceil, choose_tile, parts_of, plain_tile, stage_cycles,
                        tile_blocks, wide_bytes, wide_places)

F32, F16, BF16, Q8, Q4 = 'f32', 'f16', 'bf16', 'q8', 'q4'
ROW_BITS = {F32: 32, F16: 16, BF16: 16, Q8: 8 + 16 / 128, Q4: 4 + 16 / 64}
VECTOR_ELEMENTS = {F32: 4, F16: 8, BF16: 8, Q8: 16, Q4: 32}

# Latencies in microseconds, loaded: memory, second level cache; a barrier with what leads to it; a sum over a block.
MEMORY, CACHE, SUM = 0.7, 0.3, 0.1
# A block of the recurrence: the sequence, then its state, beside which weights and inputs come; and, behind them, some
# 1,350 cycles of what waits for the one before: four sums of a warp at 130, two of four threads at 50, eight roots,
# quotients and exponentials at 40, 80 floats of shared memory a thread, and four barriers at 40.
HEAD_BLOCK = CACHE + MEMORY + 0.8
# A barrier of all blocks of a grid: an atomic operation and a load in the second level cache, one after the other. A head
# of a step of one row behind its inputs. A warp's vector of 16 bytes a lane, and the sum over its lanes at the end of a
# row: latencies of what waits for each other. Bytes a microsecond that a multiprocessor multiplies by at most.
GRID_BARRIER, HEAD, WARP_VECTOR, WARP_SUM, MULTIPLIED = 1.0, 0.9, 0.045, 0.09, 60e3
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
    clock: float = CYCLES
    shared_bytes: int = 227 * 1024


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
        # Of the multiprocessor with the most blocks: it takes 64 bytes a cycle from the second level cache.
        share = -(-self.blocks() // card.processors) / max(1, self.blocks())
        return {
            'memory': (self.memory_bytes - done_bytes) / bandwidth,
            'cache': max(self.cache_bytes / card.cache_bandwidth, self.cache_bytes * share / 64 / card.clock),
            'tensor': self.cycles * share / card.clock,
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


def tile_products(matrices, step, rounded):
    may_choose = rounded and 'wide_tiles' in step.switches
    tile = (choose_tile if may_choose else plain_tile)(matrices, step.rows, step.switches)
    row_blocks = ceil(step.rows, tile.rows)
    kind = matrices[0].type
    pitch = 64 * {F16: 16, BF16: 16, Q8: 8, Q4: 4}[kind] // 8 + (16 if kind in (Q8, Q4) else 0)
    if tile.outputs == NARROW:
        places, input_places = (4, 2) if not rounded else (6, 6) if tile.rows == 64 else (8, 8)
        shared = places * NARROW * pitch + input_places * tile.rows * 128
    else:
        places, shared = wide_places(tile), wide_bytes(matrices, tile)
    blocks = tile_blocks(matrices, step.rows, tile, tile.is_split) // row_blocks
    weights = sum(m.bytes() for m in matrices)
    tiles = sum(ceil(m.outputs, tile.outputs) for m in matrices) * row_blocks
    inputs = sum(ceil(m.outputs, tile.outputs) * m.inputs * step.rows * (2 if rounded else 4) for m in matrices)
    # Sums on their way to memory, which they reach later, beside what they are added to or their copies.
    ends = sum(m.outputs for m in matrices) * step.rows * 8
    handed = sum(ceil(m.outputs, tile.outputs) * row_blocks * parts_of(m)[0] * tile.outputs * tile.rows * 4 * 2
                 for m in matrices if parts_of(m)[0] > 1) if tile.is_split else 0
    stages = sum(ceil(m.outputs, tile.outputs) * ceil(m.inputs, 64) for m in matrices) * row_blocks
    longest = max((parts_of(m)[1] if tile.is_split else ceil(m.inputs, 64)) for m in matrices)
    # Of floats each stage has a load's latency in it, part of which another block hides.
    stage_us = stage_cycles(tile) / CYCLES if rounded else 0.45
    registers = {Tile(NARROW, 8): 72, Tile(NARROW, 16): 80, Tile(NARROW, 32): 100, Tile(NARROW, 64): 167,
                 Tile(WIDE, 32): 72, Tile(WIDE, 64): 98, Tile(WIDE, 96): 123, Tile(WIDE, 128): 128,
                 Tile(WIDEST, 128): 254}
    return Launch('tiles ' + names(matrices), (row_blocks, blocks, 1), min(2 * tile.outputs, 256), shared=shared,
                  registers=registers[Tile(tile.outputs, tile.rows)], memory_bytes=weights,
                  cache_bytes=weights * row_blocks + inputs + handed + ends,
                  ahead=(places - 1) * tile.outputs * pitch, cycles=stages * stage_cycles(tile),
                  block_us=longest * stage_us, latency=CACHE + (2 * CACHE if tile.is_split else 0))


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
    rounded = step.switches & {'rounded_rows', 'wide_tiles'} and step.rows > 4 and shape.compute in (F16, BF16)
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


# --- all layers in one launch (persistent_step.cu) ---

PERSISTENT_AHEAD = 15 * 512 * 16  # bytes of weights on their way to a block


def persistent_shared(shape):
    def staged(columns):
        columns = ceil(columns, 256) * 256
        return columns + columns // 32 * 4
    block = 16 * 512 * 16 + (7 + 1 + 8 + 8) * 64 * 4 + 2 * 2 * 8 * 4 + 26 * 16 + 4
    floats = max(sum(staged(r) for r in shape.ranks), staged(shape.d_model), staged(shape.d_ffn))
    return ceil(block, 16) * 16 + shape.layers * 304 + floats * 4


def persistent_blocks(shape, card=CARDS['H200']):
    return min(card.processors, ceil(shape.d_ffn, 16))


def is_persistent(shape, step, card=CARDS['H200']):
    """Make of persistent_layers.cc, and its Takes."""
    heads = shape.d_model // 64
    return ('persistent' in step.switches and step.rows == 1 and shape.layers > 0 and shape.weights in (F16, BF16)
            and shape.head_size == 64 and shape.d_model % 64 == 0 and shape.d_model <= 4096 and shape.d_ffn % 4 == 0
            and persistent_shared(shape) <= card.shared_bytes and heads <= 4 * persistent_blocks(shape))


class PersistentStep(Launch):
    """Its blocks' weights come all the time, as far as there is room for them; they are used from when the inputs of a
    stage are there."""
    shape: Shape = None

    def stages(self):
        """Of a layer: the bytes of a block, its latency before it multiplies, that of its warps, and what comes behind."""
        shape, blocks = self.shape, self.grid[0]
        c, f, ranks = shape.d_model, shape.d_ffn, shape.ranks
        size = ROW_BITS[shape.weights] / 8

        def rows(count, columns, latency):
            own = ceil(count, blocks)
            chain = ceil(own, 16) * (ceil(columns, 256) * WARP_VECTOR + WARP_SUM)
            return [own * columns * size, GRID_BARRIER + latency, chain, 0.0]
        norm = CACHE + 3 * SUM
        heads = ceil(c // 64, blocks)
        # The four rows that a warp has of a second factor go side by side, which takes twice the time of one.
        chain = sum(2 * ceil(r, 256) * WARP_VECTOR + WARP_SUM for r in ranks)
        return [rows(3 * c + sum(ranks), c, norm),
                [heads * 64 * sum(ranks) * size, GRID_BARRIER + CACHE + SUM, heads * chain, heads * HEAD],
                rows(c, c, CACHE + SUM), rows(f, c, norm), rows(c, f, CACHE * ceil(f, 8192) + SUM)]

    def time(self, card, done_bytes=0.0):
        share = card.bandwidth / self.grid[0]  # of memory
        total, ahead = 0.0, PERSISTENT_AHEAD
        for number in range(5 * self.shape.layers):
            size, before, chain, behind = self.stages()[number % 5]
            ahead = min(PERSISTENT_AHEAD, ahead + share * before)
            busy = max(size / MULTIPLIED, (size - ahead) / share, chain)
            ahead = max(0.0, min(PERSISTENT_AHEAD, ahead + share * busy - size))
            ahead = min(PERSISTENT_AHEAD, ahead + share * behind)
            total += before + busy + behind
        least = self.memory_bytes / card.bandwidth
        return max(total, least), 'latency' if total > 1.1 * least else 'memory'


def persistent_step(shape, step):
    state = 64 * 64 * (2 if shape.state == F16 else 4) * (shape.d_model // 64) * 2
    c, f = shape.d_model, shape.d_ffn
    weights = (4 * c * c + 2 * c * f + 2 * c * sum(shape.ranks)) * ROW_BITS[shape.weights] / 8
    launch = PersistentStep('all layers', (persistent_blocks(shape), 1, 1), 512, shared=persistent_shared(shape),
                            registers=128, memory_bytes=shape.layers * (weights + state), ahead=PERSISTENT_AHEAD)
    launch.shape = shape
    return launch


# --- logits ---

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
    if is_persistent(shape, step):
        launches.append(persistent_step(shape, step))
    for layer in range(0 if is_persistent(shape, step) else shape.layers):
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
