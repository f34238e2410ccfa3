#!/usr/bin/env python3
"""The tile that a launch of TileProducts takes, by count: what product_parts.h and tile_choice.cc say. For predict.py.
Matrices are things with `outputs` and `inputs`.

  tile_count.py ROWS,... OUTPUTSxINPUTS,...
      The tile of a launch of products of rounded rows with the switch wide_tiles, without split_sums and with it: as
      the test of tile_choice.cc wants it.
"""

import sys
from dataclasses import dataclass

CYCLES = 1700.0  # a microsecond


def ceil(a, b):
    return -(-a // b)


def parts_of(matrix):
    """PartsOf of product_parts.h: parts of a sum, and stages of each."""
    stages, blocks = ceil(matrix.inputs, 64), ceil(matrix.outputs, 64)
    if blocks >= 128 or stages < 16:
        return 1, stages
    count = min(min(8, ceil(128, blocks)), stages // 8)
    part = ceil(ceil(stages, count), 4) * 4
    return ceil(stages, part), part


NARROW, WIDE, WIDEST = 64, 128, 256  # outputs of a tile


@dataclass
class Matrix:
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Tile:
    outputs: int
    rows: int
    is_split: bool = False


TILES = [Tile(NARROW, n) for n in (8, 16, 32, 64)] + [Tile(WIDE, n) for n in (32, 64, 96, 128)]
TILES += [Tile(WIDEST, 128)]
SHARED_ROOM = 227 * 1024  # of a block


def tile_blocks(matrices, rows, tile, is_split):
    """NumTileBlocks of product_parts.h."""
    return ceil(rows, tile.rows) * sum(ceil(m.outputs, tile.outputs) * (parts_of(m)[0] if is_split else 1)
                                       for m in matrices)


def has_room(matrices, rows, tile, switches):
    blocks = tile_blocks(matrices, rows, tile, True)
    return 'split_sums' in switches and blocks <= 512 and blocks * tile.outputs * tile.rows <= 512 * 64 * 64


def plain_tile(matrices, rows, switches):
    """PlainTile of product_parts.h."""
    tile = Tile(NARROW, 8 if rows <= 8 else 16 if rows <= 16 else 32 if rows <= 32 else 64)
    is_split = tile_blocks(matrices, rows, tile, False) < 128 and has_room(matrices, rows, tile, switches)
    return Tile(tile.outputs, tile.rows, is_split)


def stage_cycles(tile):
    """Of a stage of a block: 16 bytes of shared memory a lane, 128 a cycle, for four warps by four steps (16 outputs and
    all rows) or eight by four (a quarter of the outputs and half the rows); or mma at 1.6 cycles each; or a load and
    four mma that wait for each other. Then the barrier, and what comes before the first product."""
    weights = tile.outputs if tile.outputs == NARROW else 2 * tile.outputs
    return max(weights + 4 * tile.rows, tile.outputs * tile.rows // 20, 165) + 60


def wide_places(tile):
    """WidePlaces and WideBytes of product_parts.h."""
    return 3 if tile.outputs == WIDE and tile.rows > 64 else 4


def wide_bytes(matrices, tile):
    has_parts = not tile.is_split and any(parts_of(m)[0] > 1 for m in matrices)
    stages = wide_places(tile) * (tile.outputs + tile.rows) * 128
    return stages + (tile.outputs * tile.rows * 4 if has_parts else 0)


def counted_cycles(matrices, rows, tile):
    """CountedCycles of tile_choice.cc."""
    row_blocks = ceil(rows, tile.rows)
    weights = cache = blocks = stages = longest = 0
    for m in matrices:
        count, part_stages = parts_of(m)
        tiles, is_split = ceil(m.outputs, tile.outputs), tile.is_split and count > 1
        weights += m.outputs * m.inputs * 2
        cache += m.outputs * m.inputs * 2 * row_blocks + tiles * m.inputs * rows * 2
        if is_split:
            cache += tiles * row_blocks * count * tile.outputs * tile.rows * 4 * 2
        blocks += tiles * row_blocks * (count if is_split else 1)
        stages += tiles * row_blocks * ceil(m.inputs, 64)
        longest = max(longest, part_stages if is_split else ceil(m.inputs, 64))
    busiest = ceil(blocks, 132)
    return max(weights // 2500, cache // 3200, busiest * cache // blocks // 64,
               max(longest, ceil(busiest * stages, blocks)) * stage_cycles(tile)) + (1000 if tile.is_split else 0)


def choose_tile(matrices, rows, switches):
    """ChooseTile of tile_choice.cc."""
    tiles = [Tile(t.outputs, t.rows, is_split) for t in TILES for is_split in (False, True)]
    possible = [t for t in tiles if (not t.is_split or has_room(matrices, rows, t, switches)) and
                (t.outputs == NARROW or wide_bytes(matrices, t) <= SHARED_ROOM)]
    return min(possible, key=lambda t: counted_cycles(matrices, rows, t))


def main():
    sizes = [size.split('x') for size in sys.argv[2].split(',')]
    matrices = [Matrix(int(outputs), int(inputs)) for outputs, inputs in sizes]
    for rows in map(int, sys.argv[1].split(',')):
        for switches in ((), ('split_sums',)):
            tile = choose_tile(matrices, rows, switches)
            print(f'{tile.outputs}x{tile.rows}{" split" if tile.is_split else ""}')


if __name__ == '__main__':
    main()
