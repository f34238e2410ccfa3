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

The counts are those of step_count.py and tile_count.py. The tests hold the shapes to those launched, with --agrees.
"""

import argparse
import sys

from step_count import (BF16, CARDS, F16, F32, GAPS, MODELS, Q4, Q8, Shape, Step, launches_of, step_time, time_of)

DTYPES = {1: F32, 2: F16, 3: BF16, 16: Q8, 17: Q4}  # SKEIN_DTYPE_*

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
