#!/usr/bin/env python3
"""Makes the RWKV-7 oracles in tests/data: small random checkpoints and what the reference
implementation computes from them.

  make_rwkv7.py --reference DIR [--out DIR] [NAME ...]

DIR holds the Python package `rwkv` of https://github.com/BlinkDL/ChatRWKV (that is, it is
rwkv_pip_package/src there). The package is imported, nothing of it is kept here. It runs on the CPU
in float32, on weights converted to float32 first, one token at a time from the zero state.

Files per model: NAME.pth or NAME.safetensors, NAME.tokens.json, NAME.logits.f32, NAME.state.f32.
"""
import argparse
import collections
import contextlib
import io
import json
import os
import sys

import numpy as np
import torch

COUNT = 48

MODELS = {
    # All bf16, layer 0 without v0/v1/v2, nothing a multiple of 64.
    "v7-odd": dict(C=96, N=32, L=3, F=200, V=77, ranks=(24, 16, 8, 20), seed=701, file="safetensors",
                   dtypes=("bf16",), layer0_v=False),
    # All float32, layer 0 with v0/v1/v2 that must be ignored; one tensor is saved as a Parameter.
    "v7-n16": dict(C=64, N=16, L=2, F=256, V=50, ranks=(8, 8, 8, 8), seed=702, file="pth",
                   dtypes=("f32",), layer0_v=True, parameter="blocks.1.ffn.x_k"),
    # Mixed types, an OrderedDict, column-major tensors, two tensors in one storage.
    "v7-mixed": dict(C=64, N=64, L=4, F=224, V=101, ranks=(16, 12, 10, 14), seed=703, file="pth",
                     dtypes=("f16", "bf16", "f32"), layer0_v=False, ordered=True,
                     transposed=("blocks.0.att.key.weight", "blocks.1.ffn.value.weight", "blocks.2.att.w1",
                                 "blocks.3.att.g2", "emb.weight"),
                     shared=("blocks.2.att.k_k", "blocks.2.att.k_a")),
}

TORCH = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
SAFE = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}


def weights(spec):
    """Random weights whose every term shows in the logits."""
    g = torch.Generator().manual_seed(spec["seed"])
    C, N, L, Ff, V = (spec[k] for k in "CNLFV")
    rank = dict(zip("wavg", spec["ranks"]))
    normal = lambda *shape, mean=0.0, std=1.0: torch.randn(*shape, generator=g) * std + mean
    vec = lambda mean, std: normal(1, 1, C, mean=mean, std=std)
    matrix = lambda o, i, gain: normal(o, i, std=gain / i ** 0.5)
    z = collections.OrderedDict() if spec.get("ordered") else {}
    z["emb.weight"] = normal(V, C)
    for l in range(L):
        p = f"blocks.{l}."
        for n in (("ln0",) if l == 0 else ()) + ("ln1", "ln2"):
            z[p + n + ".weight"], z[p + n + ".bias"] = normal(C, mean=1, std=0.2), normal(C, std=0.2)
        a = p + "att."
        for q in "rwkvag":
            z[a + "x_" + q] = torch.rand(1, 1, C, generator=g)
        z[a + "w0"] = vec(-1.5, 2.0)
        z[a + "a0"] = vec(0.0, 1.0)
        if l > 0 or spec["layer0_v"]:
            z[a + "v0"] = vec(0.0, 1.0)
        for q in "wavg":
            if q == "v" and l == 0 and not spec["layer0_v"]:
                continue
            z[a + q + "1"] = normal(C, rank[q], std=1.5 / C ** 0.5)
            z[a + q + "2"] = normal(rank[q], C, std=(2.0 if q == "g" else 1.5) / rank[q] ** 0.5)
        z[a + "k_k"], z[a + "k_a"] = vec(0.8, 0.4), vec(0.8, 0.4)
        z[a + "r_k"] = normal(C // N, N, std=0.5)
        for q in ("receptance", "key", "value", "output"):
            z[a + q + ".weight"] = matrix(C, C, 1.0)
        z[a + "ln_x.weight"], z[a + "ln_x.bias"] = normal(C, mean=1, std=0.3), normal(C, std=0.3)
        z[p + "ffn.x_k"] = torch.rand(1, 1, C, generator=g)
        z[p + "ffn.key.weight"], z[p + "ffn.value.weight"] = matrix(Ff, C, 1.0), matrix(C, Ff, 1.0)
    z["ln_out.weight"], z["ln_out.bias"] = normal(C, mean=1, std=0.2), normal(C, std=0.2)
    z["head.weight"] = matrix(V, C, 2.0)
    for i, k in enumerate(z):
        z[k] = z[k].to(TORCH[spec["dtypes"][i % len(spec["dtypes"])]])
    for k in spec.get("transposed", ()):
        z[k] = z[k].t().contiguous().t()
    if "shared" in spec:
        base, at = torch.zeros(5 + sum(z[k].numel() for k in spec["shared"]), dtype=TORCH["f32"]), 5
        for k in spec["shared"]:
            n, shape = z[k].numel(), z[k].shape
            base[at:at + n] = z[k].flatten().float()
            z[k] = base[at:at + n].view(shape)
            at += n
    if "parameter" in spec:
        z[spec["parameter"]] = torch.nn.Parameter(z[spec["parameter"]])
    return z


def save_safetensors(z, path):
    header, blobs, at = {}, [], 0
    for k, t in z.items():
        t = t.contiguous()
        data = (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()
        header[k] = dict(dtype=SAFE[t.dtype], shape=list(t.shape), data_offsets=[at, at + len(data)])
        at += len(data)
        blobs.append(data)
    text = json.dumps(dict(header, __metadata__={"format": "pt"}), separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def reference_model(directory, z):
    """The reference's RWKV_x070 on the CPU in float32, given the float32 tensors of z."""
    os.environ.update(RWKV_V7_ON="1", RWKV_JIT_ON="0", RWKV_CUDA_ON="0")
    sys.path.insert(0, directory)
    plain = {k: v.detach().float().contiguous().clone() for k, v in z.items()}
    load, torch.load = torch.load, lambda *a, **k: plain
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            from rwkv.model import RWKV_x070
            return RWKV_x070("oracle", "cpu fp32")
    finally:
        torch.load = load


def run_reference(directory, z, tokens):
    model = reference_model(directory, z)
    state, logits = model.generate_zero_state(), []
    for t in tokens:
        out, state = model.forward_one(int(t), state)
        assert out.dtype == torch.float32
        logits.append(out.clone())
    parts = []
    for l in range(len(state) // 3):  # att shift, S [H][value][key], ffn shift -> canonical order
        parts += [state[3 * l].flatten(), state[3 * l + 2].flatten(), state[3 * l + 1].flatten()]
    return torch.stack(logits).numpy(), torch.cat(parts).float().numpy()


def make(name, spec, reference, out):
    z = weights(spec)
    g = torch.Generator().manual_seed(spec["seed"] + 1000)
    tokens = torch.randint(0, spec["V"], (COUNT,), generator=g).tolist()
    tokens[10], tokens[20:22] = 0, [spec["V"] - 1] * 2
    logits, state = run_reference(reference, z, tokens)
    assert logits.shape == (COUNT, spec["V"]) and state.size == spec["L"] * (2 + spec["N"]) * spec["C"]
    path = os.path.join(out, name)
    if spec["file"] == "pth":
        torch.save(z, path + ".pth")
    else:
        save_safetensors(z, path + ".safetensors")
    with open(path + ".tokens.json", "w") as f:
        f.write(json.dumps(tokens) + "\n")
    logits.astype("<f4").tofile(path + ".logits.f32")
    state.astype("<f4").tofile(path + ".state.f32")
    print(f"{name}: {sum(t.numel() for t in z.values())} parameters, logits std {logits.std():.2f}, "
          f"largest state value {np.abs(state).max():.2f}, {os.path.getsize(path + '.' + spec['file'])} bytes")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--reference", required=True, help="directory that contains the package rwkv")
    ap.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data"))
    ap.add_argument("names", nargs="*", help=f"default: all of {', '.join(MODELS)}")
    args = ap.parse_args()
    torch.set_num_threads(1)
    for name in args.names or MODELS:
        make(name, MODELS[name], args.reference, args.out)


if __name__ == "__main__":
    main()
