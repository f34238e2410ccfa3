#!/usr/bin/env python3
"""Makes the oracles in tests/data: small random checkpoints of every RWKV generation, tuned states and adapters for some
of them, and what the reference implementation computes from them.

  make_oracles.py --reference DIR [--out DIR] [NAME ...]

DIR holds the Python package `rwkv` of https://github.com/BlinkDL/ChatRWKV (that is, it is rwkv_pip_package/src there).
The package is imported, nothing of it is kept here. It runs on the CPU in float32, on weights converted to float32
first, one token at a time from the initial state: `RWKV` for generations 4 to 6, `RWKV_x070` for 7.

Files per model: NAME.pth or NAME.safetensors, NAME.tokens.json, NAME.logits.f32, NAME.state.f32. With a variant (a tuned
state, an adapter) also NAME.VARIANT.pth and NAME.VARIANT.logits.f32. See tests/data/README.md.
"""
import argparse
import collections
import contextlib
import importlib
import io
import json
import os
import sys

import numpy as np
import torch

COUNT = 48        # tokens per oracle
LORA_SCALE = 0.5  # what the product of a LoRA is multiplied by
LORA_RANK = 4

# --- models ---
#
# C width, A attention width (C unless said), N head size, L layers, F feed-forward width, V vocabulary; ranks by the
# letters of their tensors. `dtypes` are given to the tensors in turn. Of the files: `ordered` an OrderedDict;
# `transposed` column-major tensors; `shared` tensors in one float32 storage, at an odd offset; `parameter` a tensor
# pickled as a Parameter; `column` vectors of one value per head stored as [H, 1]; `time_state` a tuned state inside.
MODELS = {
    # RWKV-4: an attention width of its own; every trait of a .pth.
    "v4-odd": dict(version="4", C=48, A=80, L=3, F=101, V=53, seed=401, file="safetensors", dtypes=("bf16",)),
    "v4-mixed": dict(version="4", C=64, L=2, F=150, V=77, seed=402, file="pth", dtypes=("f16", "bf16", "f32"),
                     ordered=True, transposed=("blocks.0.att.key.weight", "blocks.1.ffn.value.weight", "emb.weight"),
                     shared=("blocks.1.att.time_decay", "blocks.1.att.time_first"), parameter="blocks.0.ffn.time_mix_k"),
    # RWKV-5.0: one value per head in decay and bonus; heads of 8. (The reference does not load one head before 5.2.)
    "v5.0-n8": dict(version="5.0", C=40, N=8, L=3, F=91, V=61, seed=501, file="safetensors", dtypes=("f16",)),
    "v5.0-n16": dict(version="5.0", C=32, N=16, L=2, F=77, V=41, seed=502, file="pth", dtypes=("f32",)),
    # RWKV-5.1: the same with a gate; decay and bonus as [H] and as [H, 1].
    "v5.1-n16": dict(version="5.1", C=48, N=16, L=2, F=112, V=65, seed=511, file="pth", dtypes=("f16",)),
    "v5.1-column": dict(version="5.1", C=24, N=8, L=3, F=67, V=35, seed=512, file="safetensors", dtypes=("bf16", "f32"),
                        column=True),
    # RWKV-5.2: decay and bonus per channel; one head.
    "v5.2-mixed": dict(version="5.2", C=64, N=32, L=3, F=125, V=83, seed=521, file="pth", dtypes=("bf16", "f32", "f16"),
                       ordered=True, transposed=("blocks.0.att.gate.weight", "blocks.2.att.output.weight", "head.weight"),
                       shared=("blocks.1.att.time_decay", "blocks.1.att.time_faaaa"),
                       parameter="blocks.2.att.time_mix_g", variants=("time_state",)),
    "v5.2-h1": dict(version="5.2", C=32, N=32, L=2, F=99, V=47, seed=522, file="safetensors", dtypes=("f32",)),
    # RWKV-6: odd ranks; float32 for the adapters; one head; a tuned state within the checkpoint.
    "v6-odd": dict(version="6", C=72, N=8, L=3, F=99, V=71, ranks=dict(m=6, w=10), seed=601, file="safetensors",
                   dtypes=("bf16",)),
    "v6-n32": dict(version="6", C=64, N=32, L=2, F=90, V=50, ranks=dict(m=8, w=12), seed=602, file="pth",
                   dtypes=("f32",), variants=("time_state", "lora")),
    "v6-h1": dict(version="6", C=32, N=32, L=2, F=75, V=43, ranks=dict(m=5, w=7), seed=603, file="pth", dtypes=("f16",),
                  ordered=True, transposed=("blocks.0.att.time_maa_w1", "blocks.1.att.time_decay_w2")),
    "v6-state": dict(version="6", C=32, N=16, L=2, F=65, V=40, ranks=dict(m=4, w=6), seed=604, file="pth",
                     dtypes=("bf16",), time_state=True),
    # RWKV-7: all bf16, layer 0 without v0/v1/v2, nothing a multiple of 64.
    "v7-odd": dict(version="7", C=96, N=32, L=3, F=200, V=77, ranks=dict(w=24, a=16, v=8, g=20), seed=701,
                   file="safetensors", dtypes=("bf16",)),
    # All float32, layer 0 with v0/v1/v2 that must be ignored; one tensor is saved as a Parameter.
    "v7-n16": dict(version="7", C=64, N=16, L=2, F=256, V=50, ranks=dict(w=8, a=8, v=8, g=8), seed=702, file="pth",
                   dtypes=("f32",), layer0_v=True, parameter="blocks.1.ffn.x_k",
                   variants=("time_state", "lora", "pissa")),
    # Mixed types, an OrderedDict, column-major tensors, two tensors in one storage.
    "v7-mixed": dict(version="7", C=64, N=64, L=4, F=224, V=101, ranks=dict(w=16, a=12, v=10, g=14), seed=703,
                     file="pth", dtypes=("f16", "bf16", "f32"), ordered=True,
                     transposed=("blocks.0.att.key.weight", "blocks.1.ffn.value.weight", "blocks.2.att.w1",
                                 "blocks.3.att.g2", "emb.weight"),
                     shared=("blocks.2.att.k_k", "blocks.2.att.k_a")),
}

# --- tensors of a layer after its norms: name, shape, mean, deviation ---
#
# Shapes: letters as above, M five mix ranks side by side, digits themselves. A deviation (x, "C") is x / sqrt(C), which
# keeps a product over C inputs at x. UNIFORM is [0, 1), for mixes. Chosen so that every term shows in the logits.
UNIFORM = None


def mixes(names):
    return [(name, "11C", UNIFORM, None) for name in names]


def matrices(names):
    return [(f"att.{name}.weight", "CA" if name == "output" else "AC", 0.0, (1.0, "A" if name == "output" else "C"))
            for name in names]


GROUP_NORM = [("att.ln_x.weight", "A", 1.0, 0.3), ("att.ln_x.bias", "A", 0.0, 0.3)]
CHANNEL_MIX = [("ffn.key.weight", "FC", 0.0, (1.0, "C")), ("ffn.receptance.weight", "CC", 0.0, (1.0, "C")),
               ("ffn.value.weight", "CF", 0.0, (1.0, "F"))]
CHANNEL_MIX_4 = mixes(("ffn.time_mix_k", "ffn.time_mix_r")) + CHANNEL_MIX


def rwkv5(gate, decay, bonus_name, bonus_mean, shape):
    names = "kvrg" if gate else "kvr"
    return (mixes("att.time_mix_" + q for q in names) +
            [("att.time_decay", shape, decay, 1.5), ("att." + bonus_name, shape, bonus_mean, 0.7)] +
            matrices(("receptance", "key", "value", "output") + (("gate",) if gate else ())) + GROUP_NORM + CHANNEL_MIX_4)


LAYER = {
    "4": mixes("att.time_mix_" + q for q in "kvr") +
         [("att.time_decay", "A", -1.0, 1.5), ("att.time_first", "A", 0.0, 1.5)] +
         matrices(("key", "value", "receptance", "output")) + CHANNEL_MIX_4,
    "5.0": rwkv5(False, -1.5, "time_first", -0.5, "H"),
    "5.1": rwkv5(True, -1.5, "time_faaaa", 0.5, "H"),
    "5.2": rwkv5(True, -1.5, "time_faaaa", 0.5, "HN"),
    "6": mixes("att.time_maa_" + q for q in "xwkvrg") +
         [("att.time_maa_w1", "CM", 0.0, (1.0, "C")), ("att.time_maa_w2", "5mC", 0.0, (0.7, "m")),
          ("att.time_decay", "11A", -1.5, 1.5), ("att.time_decay_w1", "Cw", 0.0, (1.0, "C")),
          ("att.time_decay_w2", "wA", 0.0, (1.5, "w")), ("att.time_faaaa", "HN", 0.5, 0.7)] +
         matrices(("receptance", "key", "value", "output", "gate")) + GROUP_NORM +
         mixes(("ffn.time_maa_k", "ffn.time_maa_r")) + CHANNEL_MIX,
    "7": mixes("att.x_" + q for q in "rwkvag") +
         [("att.w0", "11C", -1.5, 2.0), ("att.a0", "11C", 0.0, 1.0), ("att.v0", "11C", 0.0, 1.0)] +
         [row for q in "wavg" for row in ((f"att.{q}1", "C" + q, 0.0, (1.5, "C")),
                                          (f"att.{q}2", q + "C", 0.0, (2.0 if q == "g" else 1.5, q)))] +
         [("att.k_k", "11C", 0.8, 0.4), ("att.k_a", "11C", 0.8, 0.4), ("att.r_k", "HN", 0.0, 0.5)] +
         matrices(("receptance", "key", "value", "output")) + GROUP_NORM + mixes(("ffn.x_k",)) +
         [("ffn.key.weight", "FC", 0.0, (1.0, "C")), ("ffn.value.weight", "CF", 0.0, (1.0, "F"))],
}

TORCH = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
SAFE = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}


def sizes(spec):
    """The letters of shapes, with their values."""
    s = {k: spec[k] for k in "CLFV"}
    s["A"] = spec.get("A", spec["C"])
    if "N" in spec:
        s.update(N=spec["N"], H=s["A"] // spec["N"])
    s.update(spec.get("ranks", {}))
    s["M"] = 5 * s.get("m", 0)
    return s


def generator(spec, purpose):
    return torch.Generator().manual_seed(spec["seed"] + 1000 * purpose)


def draw(g, shape, mean, deviation):
    if mean is UNIFORM:
        return torch.rand(*shape, generator=g)
    return torch.randn(*shape, generator=g) * deviation + mean


def weights(spec):
    """Random weights as the checkpoint stores them."""
    g, s, z = generator(spec, 0), sizes(spec), collections.OrderedDict() if spec.get("ordered") else {}

    def add(name, letters, mean, deviation):
        if isinstance(deviation, tuple):
            deviation = deviation[0] / s[deviation[1]] ** 0.5
        z[name] = draw(g, [s[c] if c in s else int(c) for c in letters], mean, deviation)

    add("emb.weight", "VC", 0.0, 1.0)
    for l in range(spec["L"]):
        p = f"blocks.{l}."
        for n in (("ln0",) if l == 0 else ()) + ("ln1", "ln2"):
            add(p + n + ".weight", "C", 1.0, 0.2)
            add(p + n + ".bias", "C", 0.0, 0.2)
        for name, letters, mean, deviation in LAYER[spec["version"]]:
            if l == 0 and name in ("att.v0", "att.v1", "att.v2") and not spec.get("layer0_v"):
                continue
            add(p + name, "H1" if letters == "H" and spec.get("column") else letters, mean, deviation)
        if spec.get("time_state"):
            add(p + "att.time_state", "HNN", 0.0, 1.0)
    add("ln_out.weight", "C", 1.0, 0.2)
    add("ln_out.bias", "C", 0.0, 0.2)
    add("head.weight", "VC", 0.0, (2.0, "C"))

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


# --- variants: files beside a model, and the weights or the state that they make of it ---
#
# Each gives the files (name -> tensors), the weights to run, and the state to start from (None: the model's own).


def time_state_variant(spec, z):
    """A tuned state, [head][value][key] whatever the generation. RWKV-7 files are often float32, the others bf16."""
    g, s = generator(spec, 2), sizes(spec)
    dtype = TORCH["f32" if spec["version"] == "7" else "bf16"]
    state = {f"blocks.{l}.att.time_state": draw(g, (s["H"], s["N"], s["N"]), 0.0, 1.0).to(dtype) for l in range(s["L"])}
    return {"time_state": state}, z, state


def adapted(z):
    """Matrices of several kinds, in different layers."""
    return [(p, z[p + ".weight"].float()) for p in ("blocks.0.att.receptance", "blocks.0.ffn.value", "blocks.1.att.key",
                                                    "blocks.1.att.output", "blocks.1.ffn.key")]


def lora_variant(spec, z):
    """Low-rank products that are added, and a norm that is replaced. Both spellings of the names are in use."""
    g, is_7, adapter, merged = generator(spec, 3), spec["version"] == "7", {}, dict(z)
    for p, w in adapted(z):
        a = draw(g, (LORA_RANK, w.shape[1]), 0.0, 1.0 / w.shape[1] ** 0.5)
        b = draw(g, (w.shape[0], LORA_RANK), 0.0, 1.0)
        a, b = (t.to(TORCH["f32" if is_7 else "bf16"]) for t in (a, b))
        adapter[p + (".lora_A" if is_7 else ".lora_A.weight")] = a
        adapter[p + (".lora_B" if is_7 else ".lora_B.weight")] = b
        merged[p + ".weight"] = w + LORA_SCALE * (b.float() @ a.float())
    for name in ("blocks.1.ln1.weight", "blocks.0.ln2.bias"):
        adapter[name] = merged[name] = draw(g, z[name].shape, 0.5, 0.5)
    return {"lora": adapter}, merged, None


def pissa_variant(spec, z):
    """The largest singular vectors of a matrix, as they were and as they were trained to be: the former are taken off."""
    g, trained, init, merged = generator(spec, 4), {}, {}, dict(z)
    for p, w in adapted(z):
        u, sigma, v = torch.linalg.svd(w, full_matrices=False)
        root = sigma[:LORA_RANK].sqrt()
        b0, a0 = (u[:, :LORA_RANK] * root).contiguous(), (v[:LORA_RANK] * root[:, None]).contiguous()
        a, b = a0 + draw(g, a0.shape, 0.0, 0.1), b0 + draw(g, b0.shape, 0.0, 0.1)
        trained[p + ".lora_A"], trained[p + ".lora_B"] = a, b
        init[p + ".init_lora_A"], init[p + ".init_lora_B"] = a0, b0
        merged[p + ".weight"] = w - b0 @ a0 + b @ a
    return {"pissa": trained, "pissa_init": init}, merged, None


VARIANTS = {"time_state": time_state_variant, "lora": lora_variant, "pissa": pissa_variant}

# --- the reference ---


def reference_class(directory, version):
    """The package decides by the environment, when it is imported, which of its two classes it offers."""
    os.environ.pop("RWKV_RESCALE_LAYER", None)
    os.environ.update(RWKV_JIT_ON="0", RWKV_CUDA_ON="0", RWKV_V7_ON="1" if version == "7" else "0")
    if directory not in sys.path:
        sys.path.insert(0, directory)
    sys.modules.pop("rwkv.model", None)
    return importlib.import_module("rwkv.model").RWKV


def reference_model(directory, version, z):
    """The reference on the CPU in float32, given the float32 tensors of z: of a bf16 checkpoint it would compute the norm
    of the embedding in bf16."""
    plain = {k: v.detach().float().contiguous().clone() for k, v in z.items()}
    load, torch.load = torch.load, lambda *a, **k: plain
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return reference_class(directory, version)("oracle", "cpu fp32")
    finally:
        torch.load = load


def run_reference(directory, spec, z, tokens, time_state=None):
    """The logits after each token, and the state after the last in canonical order."""
    is_7 = spec["version"] == "7"
    model = reference_model(directory, spec["version"], dict(z, **(time_state or {})) if not is_7 else z)
    state, logits = model.generate_zero_state() if is_7 else None, []
    if is_7 and time_state is not None:
        for l in range(spec["L"]):
            state[3 * l + 1] = time_state[f"blocks.{l}.att.time_state"].float().clone()
    for t in tokens:
        out, state = model.forward_one(int(t), state) if is_7 else model.forward([int(t)], state)
        assert out.dtype == torch.float32
        logits.append(out.clone())
    # Per layer RWKV-4 has: att shift, aa, bb, pp, ffn shift; the others: att shift, wkv, ffn shift.
    per_layer = len(state) // spec["L"]
    parts = []
    for l in range(spec["L"]):
        att_shift, *memory, ffn_shift = state[per_layer * l:per_layer * (l + 1)]
        parts += [x.flatten().float() for x in (att_shift, ffn_shift, *memory)]
    return torch.stack(logits).numpy(), torch.cat(parts).numpy()


# --- files ---


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


def make(name, spec, reference, out):
    z, s = weights(spec), sizes(spec)
    tokens = torch.randint(0, spec["V"], (COUNT,), generator=generator(spec, 1)).tolist()
    tokens[10], tokens[20:22] = 0, [spec["V"] - 1] * 2
    logits, state = run_reference(reference, spec, z, tokens)
    memory = 3 * s["A"] if spec["version"] == "4" else s["A"] * s["N"]
    assert logits.shape == (COUNT, spec["V"]) and state.size == spec["L"] * (2 * s["C"] + memory)
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
          f"largest state value {np.abs(state[state > -1e29]).max():.2f}, "
          f"{os.path.getsize(path + '.' + spec['file'])} bytes")
    for variant in spec.get("variants", ()):
        files, varied, time_state = VARIANTS[variant](spec, z)
        for suffix, tensors in files.items():
            torch.save(tensors, f"{path}.{suffix}.pth")
        varied_logits, _ = run_reference(reference, spec, varied, tokens, time_state)
        varied_logits.astype("<f4").tofile(f"{path}.{variant}.logits.f32")
        print(f"{name}.{variant}: logits differ by up to {np.abs(varied_logits - logits).max():.2f}")


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
