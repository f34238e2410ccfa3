#!/usr/bin/env python3
"""Compares the RWKV-7 oracles with an independent float64 implementation (rwkv-math, section 7).

  check_rwkv7.py [--ablate] PATH ...      PATH: a checkpoint with its .tokens.json, .logits.f32, .state.f32

--ablate also shows how much the logits change when one term is left out: all of them must matter.
"""
import json
import sys

import numpy as np

sig = lambda x: 1 / (1 + np.exp(-x))


def norm(x, w, b, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * w + b


def load(path):
    if path.endswith(".pth"):
        import torch
        return {k: v.detach().double().numpy() for k, v in torch.load(path, map_location="cpu").items()}
    raw = open(path, "rb").read()
    n = int.from_bytes(raw[:8], "little")
    head, z = json.loads(raw[8:8 + n]), {}
    head.pop("__metadata__", None)
    for k, e in head.items():
        a, b = (8 + n + o for o in e["data_offsets"])
        d = raw[a:b]
        if e["dtype"] == "BF16":
            x = (np.frombuffer(d, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            x = np.frombuffer(d, {"F16": "<f2", "F32": "<f4"}[e["dtype"]])
        z[k] = x.astype(np.float64).reshape(e["shape"])
    return z


def run(z, tokens, without=""):
    H, N = z["blocks.0.att.r_k"].shape
    C = H * N
    L = 1 + max(int(k.split(".")[1]) for k in z if k.startswith("blocks."))
    att, ffn, S = np.zeros((L, C)), np.zeros((L, C)), np.zeros((L, H, N, N))
    logits = []
    for t in tokens:
        x = norm(z["emb.weight"][t], z["blocks.0.ln0.weight"], z["blocks.0.ln0.bias"])
        for l in range(L):
            p = lambda n: z[f"blocks.{l}.{n}"]
            q = lambda n: z[f"blocks.{l}.att.{n}"].reshape(-1) if z[f"blocks.{l}.att.{n}"].ndim == 3 else z[f"blocks.{l}.att.{n}"]
            lora = lambda x, n, f=lambda y: y: f(x @ q(n + "1")) @ q(n + "2") * (without != n + "-lora")
            h = norm(x, p("ln1.weight"), p("ln1.bias"))
            d, att[l] = (att[l] - h) * (without != "shift"), h
            xr, xw, xk, xv, xa, xg = (h + d * q("x_" + c) for c in "rwkvag")
            r, k, v = q("receptance.weight") @ xr, q("key.weight") @ xk, q("value.weight") @ xv
            w = np.exp(-np.exp(-0.5) * sig(q("w0") + lora(xw, "w", np.tanh)))
            a = sig(q("a0") + lora(xa, "a"))
            g = sig(xg @ q("g1")) @ q("g2")
            kk = (k * (q("k_k") if without != "k_k" else 1)).reshape(H, N)
            kk = kk / np.maximum(np.linalg.norm(kk, axis=1, keepdims=True), 1e-12)
            k = k * (1 + (a - 1) * q("k_a") * (without != "k_a"))
            if l == 0:
                first = v
            elif without != "v-residual":
                v = v + (first - v) * sig(q("v0") + lora(xv, "v"))
            r, w, k, v, a = (y.reshape(H, N) for y in (r, w, k, v, a))
            if without == "decay":
                w = np.ones_like(w)
            sa = -np.einsum("hij,hj->hi", S[l], kk) * (without != "removal")
            S[l] = S[l] * w[:, None] + sa[:, :, None] * (kk * a)[:, None] + v[:, :, None] * k[:, None]
            y = norm(np.einsum("hij,hj->hi", S[l], r), 1.0, 0.0, 64e-5).reshape(C)
            if without != "ln_x":
                y = y * q("ln_x.weight") + q("ln_x.bias")
            y = y + ((r * k * q("r_k")).sum(1, keepdims=True) * v).reshape(C) * (without != "r_k")
            x = x + q("output.weight") @ (y * (g if without != "gate" else 1))
            h = norm(x, p("ln2.weight"), p("ln2.bias"))
            d, ffn[l] = (ffn[l] - h) * (without != "ffn-shift"), h
            x = x + p("ffn.value.weight") @ np.maximum(p("ffn.key.weight") @ (h + d * p("ffn.x_k").reshape(-1)), 0) ** 2
        logits.append(z["head.weight"] @ norm(x, z["ln_out.weight"], z["ln_out.bias"]))
    state = np.concatenate([np.concatenate([att[l], ffn[l], S[l].reshape(-1)]) for l in range(L)])
    return np.array(logits), state


def main():
    ablate = "--ablate" in sys.argv
    worst = 0.0
    for path in (a for a in sys.argv[1:] if a != "--ablate"):
        stem = path.rsplit(".", 1)[0]
        z, tokens = load(path), json.load(open(stem + ".tokens.json"))
        want = np.fromfile(stem + ".logits.f32", "<f4").reshape(len(tokens), -1)
        state = np.fromfile(stem + ".state.f32", "<f4")
        logits, mine = run(z, tokens)
        dl, ds = np.abs(logits - want), np.abs(mine - state)
        worst = max(worst, dl.max(), ds.max())
        print(f"{stem}: logits std {want.std():.2f}, largest difference {dl.max():.2e} (first token {dl[0].max():.2e}); "
              f"state std {state.std():.2f}, largest {np.abs(state).max():.1f}, difference {ds.max():.2e}")
        if ablate:
            for term in ("shift", "ffn-shift", "w-lora", "a-lora", "v-lora", "v-residual", "decay", "removal", "k_k", "k_a",
                         "r_k", "ln_x", "gate"):
                print(f"  without {term}: {np.abs(run(z, tokens, term)[0] - want).max():.2f}")
    return 0 if worst < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
