#!/usr/bin/env python3
"""The cost of the binding: compare.py POLL_IN_C MODEL STREAMS TOKENS [ROUNDS [WAY]].

Runs poll.c and poll.py in turns, and prints the medians: tokens per second of both, and which share
of the run's processor time the thread that polls takes more in Python than in C. Build the C
program with: cc -O2 poll.c -o poll $(pkg-config --cflags --libs skein)
"""

import statistics
import subprocess
import sys
from pathlib import Path
from typing import Dict, List


def run(command: List[str]) -> Dict[str, float]:
    words = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    tokens, wall, process, thread = map(float, words)
    return {"speed": tokens / wall, "process": process, "thread": thread}


def main() -> int:
    if len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    program, arguments = sys.argv[1], sys.argv[2:5]
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 7
    python = [sys.executable, str(Path(__file__).parent / "poll.py"), *arguments, *sys.argv[6:7]]
    pairs = [(run([program, *arguments]), run(python)) for _ in range(rounds)]
    for name, unit in (
        ("speed", "tokens/s"),
        ("process", "s of all threads"),
        ("thread", "s polling"),
    ):
        c, p = (statistics.median(pair[i][name] for pair in pairs) for i in (0, 1))
        print(f"C {c:10.3f}   Python {p:10.3f}   {unit}   ratio {p / c:.3f}")
    shares = [(p["thread"] - c["thread"]) / p["process"] for c, p in pairs]
    print(f"the binding's share of the processor time: {100 * statistics.median(shares):.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
