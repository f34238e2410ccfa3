#!/usr/bin/env python3
"""What a model thinks of a text, as a picture: notebook.py MODEL TEXT_FILE OUTPUT.png.

Above, how surprised the model is by each token, in bits. Below, how much each layer remembers: the
norm of its state behind each token. The cells (# %%) run one by one in Jupyter and in editors.
"""

# %% The libraries, and what to look at
import argparse
import math
import sys
from pathlib import Path
from typing import Any, List, Tuple

import matplotlib
import numpy

import skein

matplotlib.use("Agg")  # a picture in a file needs no screen
from matplotlib import pyplot  # noqa: E402


# %% Surprise: the bits that a token costs, given those before it
def surprise(model: skein.Model, tokens: List[int]) -> Any:
    with model.create_stream() as stream:
        (score,) = model.score([skein.ScoreItem(stream, tokens)])
    return -score.logprobs / math.log(2)  # the first is NaN: nothing came before it


# %% Memory: the norm of the wkv state of each layer, behind each token
def norms(model: skein.Model, tokens: List[int]) -> Any:
    info = model.info
    rows = []
    with model.create_stream() as stream:
        for token in tokens:
            stream.eval([token], skein.Output.NONE)
            layers = stream.state().reshape(info.num_layers, -1)
            rows.append(
                numpy.linalg.norm(layers[:, 2 * info.d_model :], axis=1)
            )  # behind the shifts
    return numpy.array(rows)


# %% The picture
def plot(words: List[str], bits: Any, memory: Any, title: str) -> Any:
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(max(8, len(words) / 8), 6))
    above.bar(range(len(words)), numpy.nan_to_num(bits), color="tab:red")
    above.set_ylabel("surprise, bits")
    above.set_title(f"{title}: {numpy.nanmean(bits):.2f} bits per token")
    for layer, values in enumerate(memory.T):
        below.plot(values, label=f"layer {layer}")
    below.set_ylabel("norm of the state")
    labels = [word.strip().replace("$", "\\$") or "␣" for word in words]  # $ would be a formula
    below.set_xticks(range(len(words)), labels, fontsize=6)
    below.legend(fontsize=7, ncol=4)
    figure.tight_layout()
    return figure


# %% All of it
def look(model_path: str, text: str, vocabulary: str = "") -> Tuple[Any, Any, Any]:
    """The picture, the surprise of each token and the norms, [tokens, layers]."""
    with skein.Runtime() as runtime:
        model = runtime.load_model(model_path, tokenizer=vocabulary)
        with model.tokenizer() as tokenizer:
            tokens = tokenizer.encode(text)
            words = [tokenizer.decode([token]) for token in tokens]
        bits, memory = surprise(model, tokens), norms(model, tokens)
        return plot(words, bits, memory, model.info.name), bits, memory


# %%
def main() -> int:
    parser = argparse.ArgumentParser(description="The surprise and the memory of a model.")
    parser.add_argument("model")
    parser.add_argument("text", type=Path)
    parser.add_argument("output")
    parser.add_argument("--tokenizer", default="", help="vocabulary of a model that has none")
    args = parser.parse_args()
    try:
        text = args.text.read_text(encoding="utf-8").strip()
        if not text:
            print(f"notebook: {args.text}: expected a text", file=sys.stderr)
            return 1
        figure, bits, _ = look(args.model, text, args.tokenizer)
        figure.savefig(args.output, dpi=120)
    except (OSError, skein.Error) as error:
        print(f"notebook: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {len(bits)} tokens, {numpy.nanmean(bits):.2f} bits per token")
    return 0


if __name__ == "__main__":
    sys.exit(main())
