#!/usr/bin/env python3
"""Ranks or classifies the rows of a CSV by log-likelihood.

The text in front of all rows is read once and kept as a prefix object. Every row starts from there.
"""

import argparse
import csv
import sys
from typing import Dict, Iterator, List, Sequence

import skein

BATCH = 32  # rows that are computed together
Row = Dict[str, str]


class Scorer:
    """A model that has read the text in front of the rows."""

    def __init__(self, model: skein.Model, before: str, after: str) -> None:
        self.model = model
        self.tokenizer = model.tokenizer()
        self.after = after
        # The likelihood of a token needs the one in front of it in the same item. So the last token
        # of what comes first is not read here: each item begins with it.
        *read, self.last = self.tokenizer.encode(before)
        with model.create_stream() as stream:
            if read:
                stream.eval(read, skein.Output.NONE)
            self.prefix = stream.create_prefix("the text in front of the rows")

    def rank(self, texts: Sequence[str]) -> List[float]:
        """The log-likelihood per token of each text. All items are read behind one stream."""
        with self.prefix.start() as stream:
            tokens = [self.tokenizer.encode(text + self.after) for text in texts]
            items = [skein.ScoreItem(stream, [self.last, *text]) for text in tokens]
            return [score.logprob / max(score.num_scored, 1) for score in self.model.score(items)]

    def classify(self, texts: Sequence[str], labels: Sequence[str]) -> List[List[float]]:
        """For each text the log-likelihood of each label behind it. A text is read once for all of
        them."""
        ends = [self.tokenizer.encode(label) for label in labels]
        rows = [[self.last, *self.tokenizer.encode(text + self.after)] for text in texts]
        streams = [self.prefix.start() for _ in rows]
        longer = [
            skein.EvalItem(s, row[:-1], skein.Output.NONE)
            for s, row in zip(streams, rows)
            if row[1:]
        ]
        if longer:
            self.model.eval(longer)
        items = [
            skein.ScoreItem(s, row[-1:] + end) for s, row in zip(streams, rows) for end in ends
        ]
        scores = [score.logprob for score in self.model.score(items)]
        for stream in streams:
            stream.close()
        return [scores[i : i + len(ends)] for i in range(0, len(scores), len(ends))]


def batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows in batches, with a progress bar."""
    for begin in range(0, len(rows), BATCH):
        yield rows[begin : begin + BATCH]
        done = min(begin + BATCH, len(rows))
        bar = ("#" * (40 * done // len(rows))).ljust(40)
        print(f"\r[{bar}] {done} of {len(rows)} rows", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def score_rows(scorer: Scorer, rows: List[Row], column: str, labels: Sequence[str]) -> List[Row]:
    """The rows with what was found: the best label of each, or a score, and then the best first."""
    scored: List[Row] = []
    for batch in batches(rows):
        texts = [row[column] for row in batch]
        if not labels:
            found = [{"logprob": f"{score:.4f}"} for score in scorer.rank(texts)]
        else:
            found = []
            for scores in scorer.classify(texts, labels):
                best = max(range(len(labels)), key=scores.__getitem__)
                found.append({"label": labels[best].strip(), "logprob": f"{scores[best]:.4f}"})
        scored += [{**row, **more} for row, more in zip(batch, found)]
    return scored if labels else sorted(scored, key=lambda row: -float(row["logprob"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--tokenizer", default="", help="vocabulary of a model that has none")
    parser.add_argument("--column", default="text", help="the column with the texts (text)")
    parser.add_argument("--before", default="\n", help="the text in front of all rows")
    parser.add_argument("--after", default="", help="what follows each row, in front of the label")
    parser.add_argument(
        "--label", action="append", default=[], help="a class; give it for each one"
    )
    args = parser.parse_args()
    if not args.before:
        parser.error("--before: expected a text of one token at least")
    try:
        with open(args.input, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or args.column not in rows[0]:
            parser.error(f"{args.input}: expected rows with a column {args.column!r}")
        with skein.Runtime() as runtime:
            model = runtime.load_model(args.model, tokenizer=args.tokenizer)
            scored = score_rows(
                Scorer(model, args.before, args.after), rows, args.column, args.label
            )
        with open(args.output, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(scored[0]))
            writer.writeheader()
            writer.writerows(scored)
    except (OSError, skein.Error) as error:
        print(f"batch_score: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
