#!/usr/bin/env python3
"""Compares the oracles with an independent float64 implementation of every generation.

  check_oracles.py [--ablate] PATH ...      PATH: a checkpoint, with its .tokens.json, .logits.f32 and .state.f32

RWKV-4, 5 and 6 are computed here by their definition, a sum over all earlier tokens, and not by a recurrence; RWKV-7 by
its recurrence. Files of tuned states and adapters beside a checkpoint (NAME.time_state.pth, NAME.lora.pth,
NAME.pissa.pth) are applied and compared too. --ablate also shows how much the logits change when one term is left out:
all of them must matter.
"""
import json
import os
import sys

import numpy as np

LORA_SCALE = 0.5
TOLERANCE = 1e-4
SMALLEST_EFFECT = 0.1

sig = lambda x: 1 / (1 + np.exp(-x))
silu = lambda x: x * sig(x)


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


# --- time-mix: one object per layer and stream. step(h, previous h, v_first) -> output, v_first; memory() -> its
# --- part of the canonical state. `without` names the term to leave out. ---


class TimeMix:
    def __init__(self, z, layer, without, state):
        self.att = {k.split(".att.")[1]: v for k, v in z.items() if k.startswith(f"blocks.{layer}.att.")}
        self.layer, self.without, self.start = layer, without, state
        self.setup()

    def p(self, name):
        """A parameter; vectors of channels are flat."""
        x = self.att[name]
        return x.reshape(-1) if x.ndim == 3 and x.shape[:2] == (1, 1) else x

    def mix4(self, name, h, previous):
        mu = self.p("time_mix_" + name)
        return h if self.without == "shift" else h * mu + previous * (1 - mu)

    def product(self, name, x):
        return self.p(name + ".weight") @ x

    def group_norm(self, y):
        y = norm(y.reshape(self.H, -1), 1.0, 0.0, 64e-5).reshape(-1)
        return y if self.without == "ln_x" else y * self.p("ln_x.weight") + self.p("ln_x.bias")


class TimeMix4(TimeMix):
    TERMS = ("shift", "decay", "bonus", "receptance", "normaliser")

    def setup(self):
        self.log_factor = -np.exp(self.p("time_decay")) * (self.without != "decay")
        self.ks, self.vs = [], []

    def step(self, h, previous, v_first):
        r, k, v = (self.product(n, self.mix4(q, h, previous)) for n, q in
                   (("receptance", "r"), ("key", "k"), ("value", "v")))
        t = len(self.ks)
        exponents = [(t - 1 - s) * self.log_factor + self.ks[s] for s in range(t)]
        exponents.append(k + self.p("time_first") * (self.without != "bonus"))
        weights = np.exp(np.array(exponents) - np.max(exponents, 0))
        wkv = (weights * np.array(self.vs + [v])).sum(0) / (weights.sum(0) if self.without != "normaliser" else 1)
        self.ks.append(k)
        self.vs.append(v)
        return self.product("output", wkv * (sig(r) if self.without != "receptance" else 1)), v_first

    def memory(self):
        t = len(self.ks)
        exponents = np.array([(t - 1 - s) * self.log_factor + self.ks[s] for s in range(t)])
        pp = exponents.max(0)
        weights = np.exp(exponents - pp)
        return [(weights * np.array(self.vs)).sum(0), weights.sum(0), pp]


class OuterProducts(TimeMix):
    """What RWKV-5 and 6 remember: every key, decayed by all later tokens, with its value."""

    def remember(self, r, k, v, w, u):
        """All [H, N]; w the factor of this token, per key channel."""
        if self.without == "decay":
            w = np.ones_like(w)
        y = np.zeros_like(v)
        if self.start is not None:  # files of tuned states are [head][value][key]
            y += np.einsum("hvk,hk,hk->hv", self.start, self.faded, r)
            self.faded = self.faded * w
        for i, (key, value) in enumerate(self.past):
            y += (r * key).sum(1, keepdims=True) * value
            self.past[i] = (key * w, value)
        if self.without != "bonus":
            y += (r * u * k).sum(1, keepdims=True) * v
        self.past.append((k, v))
        return y

    def memory(self):
        s = sum(key[:, :, None] * value[:, None, :] for key, value in self.past)
        return [s if self.start is None else s + np.einsum("hvk,hk->hkv", self.start, self.faded)]

    def forget(self, heads, width):
        self.H, self.past, self.faded = heads, [], np.ones((heads, width // heads))


class TimeMix5(OuterProducts):
    def setup(self):
        heads = self.p("time_decay").shape[0]
        self.forget(heads, self.p("key.weight").shape[0])
        self.w = np.exp(-np.exp(self.p("time_decay").reshape(heads, -1)))
        raw = "time_faaaa" in self.att
        self.u = (self.p("time_faaaa") if raw else np.exp(self.p("time_first"))).reshape(heads, -1)
        self.has_gate = "gate.weight" in self.att
        self.TERMS = ("shift", "decay", "bonus", "ln_x") + (("gate",) if self.has_gate else ())

    def step(self, h, previous, v_first):
        r, k, v = (self.product(n, self.mix4(q, h, previous)).reshape(self.H, -1) for n, q in
                   (("receptance", "r"), ("key", "k"), ("value", "v")))
        y = self.group_norm(self.remember(r, k, v, self.w + np.zeros_like(k), self.u))
        if self.has_gate and self.without != "gate":
            y = y * silu(self.product("gate", self.mix4("g", h, previous)))
        return self.product("output", y), v_first


class TimeMix6(OuterProducts):
    TERMS = ("shift", "mix-lora", "maa_x", "decay", "w-lora", "bonus", "ln_x", "gate")

    def setup(self):
        self.forget(self.p("time_faaaa").shape[0], self.p("key.weight").shape[0])

    def step(self, h, previous, v_first):
        d = (previous - h) * (self.without != "shift")
        z = h + d * self.p("time_maa_x") * (self.without != "maa_x")
        m = np.tanh(z @ self.p("time_maa_w1")).reshape(5, -1)
        m = np.einsum("qr,qrc->qc", m, self.p("time_maa_w2")) * (self.without != "mix-lora")
        xw, xk, xv, xr, xg = (h + d * (self.p("time_maa_" + q) + m[i]) for i, q in enumerate("wkvrg"))
        r, k, v = (self.product(n, x).reshape(self.H, -1) for n, x in (("receptance", xr), ("key", xk), ("value", xv)))
        low = np.tanh(xw @ self.p("time_decay_w1")) @ self.p("time_decay_w2") * (self.without != "w-lora")
        w = np.exp(-np.exp(self.p("time_decay") + low)).reshape(self.H, -1)
        y = self.group_norm(self.remember(r, k, v, w, self.p("time_faaaa")))
        return self.product("output", y * (silu(self.product("gate", xg)) if self.without != "gate" else 1)), v_first


class TimeMix7(TimeMix):
    TERMS = ("shift", "w-lora", "a-lora", "v-lora", "v-residual", "decay", "removal", "k_k", "k_a", "r_k", "ln_x", "gate")

    def setup(self):
        self.H, self.N = self.att["r_k"].shape
        self.S = np.zeros((self.H, self.N, self.N)) if self.start is None else self.start.copy()

    def lora(self, name, x, f=lambda y: y):
        return f(x @ self.p(name + "1")) @ self.p(name + "2") * (self.without != name + "-lora")

    def step(self, h, previous, v_first):
        q, without, H, N, S = self.p, self.without, self.H, self.N, self.S
        d = (previous - h) * (without != "shift")
        xr, xw, xk, xv, xa, xg = (h + d * q("x_" + c) for c in "rwkvag")
        r, k, v = (self.product(n, x) for n, x in (("receptance", xr), ("key", xk), ("value", xv)))
        w = np.exp(-np.exp(-0.5) * sig(q("w0") + self.lora("w", xw, np.tanh)))
        a = sig(q("a0") + self.lora("a", xa))
        g = sig(xg @ q("g1")) @ q("g2")
        kk = (k * (q("k_k") if without != "k_k" else 1)).reshape(H, N)
        kk = kk / np.maximum(np.linalg.norm(kk, axis=1, keepdims=True), 1e-12)
        k = k * (1 + (a - 1) * q("k_a") * (without != "k_a"))
        if self.layer == 0:
            v_first = v
        elif without != "v-residual":
            v = v + (v_first - v) * sig(q("v0") + self.lora("v", xv))
        r, w, k, v, a = (y.reshape(H, N) for y in (r, w, k, v, a))
        if without == "decay":
            w = np.ones_like(w)
        sa = -np.einsum("hij,hj->hi", S, kk) * (without != "removal")
        self.S = S = S * w[:, None] + sa[:, :, None] * (kk * a)[:, None] + v[:, :, None] * k[:, None]
        y = self.group_norm(np.einsum("hij,hj->hi", S, r))
        y = y + ((r * k * q("r_k")).sum(1, keepdims=True) * v).reshape(-1) * (without != "r_k")
        return self.product("output", y * (g if without != "gate" else 1)), v_first

    def memory(self):
        return [self.S]


def time_mix_class(z):
    names = {k.split(".att.")[1] for k in z if k.startswith("blocks.0.att.")}
    if "r_k" in names:
        return TimeMix7
    if "time_maa_x" in names:
        return TimeMix6
    return TimeMix5 if "ln_x.weight" in names else TimeMix4


def channel_mix(z, layer, h, previous, without):
    p = lambda n: z[f"blocks.{layer}.ffn.{n}"]
    mix = {n: p(n).reshape(-1) for n in ("time_mix_k", "time_mix_r", "time_maa_k", "time_maa_r", "x_k")
           if f"blocks.{layer}.ffn.{n}" in z}
    if without == "ffn-shift":
        xk = xr = h
    elif "time_mix_k" in mix:
        xk, xr = (h * mix[n] + previous * (1 - mix[n]) for n in ("time_mix_k", "time_mix_r"))
    else:
        xk, xr = (h + (previous - h) * mix.get(n, mix.get("x_k")) for n in ("time_maa_k", "time_maa_r"))
    out = p("value.weight") @ np.maximum(p("key.weight") @ xk, 0) ** 2
    if f"blocks.{layer}.ffn.receptance.weight" in z and without != "ffn-receptance":
        out = out * sig(p("receptance.weight") @ xr)
    return out


def run(z, tokens, without="", time_state=None):
    """The logits after each token, and the canonical state after the last."""
    L, C = 1 + max(int(k.split(".")[1]) for k in z if k.startswith("blocks.")), z["emb.weight"].shape[1]
    start = lambda l: (time_state or z).get(f"blocks.{l}.att.time_state")
    mixers = [time_mix_class(z)(z, l, without, start(l)) for l in range(L)]
    att, ffn = np.zeros((L, C)), np.zeros((L, C))
    logits = []
    for t in tokens:
        x, v_first = norm(z["emb.weight"][t], z["blocks.0.ln0.weight"], z["blocks.0.ln0.bias"]), None
        for l in range(L):
            h = norm(x, z[f"blocks.{l}.ln1.weight"], z[f"blocks.{l}.ln1.bias"])
            y, v_first = mixers[l].step(h, att[l], v_first)
            x, att[l] = x + y, h
            h = norm(x, z[f"blocks.{l}.ln2.weight"], z[f"blocks.{l}.ln2.bias"])
            x, ffn[l] = x + channel_mix(z, l, h, ffn[l], without), h
        logits.append(z["head.weight"] @ norm(x, z["ln_out.weight"], z["ln_out.bias"]))
    state = [part.reshape(-1) for l in range(L) for part in (att[l], ffn[l], *mixers[l].memory())]
    return np.array(logits), np.concatenate(state)


def terms(z):
    """The terms that can be left out of this model."""
    of_time_mix = time_mix_class(z)(z, 0, "", None).TERMS
    return of_time_mix + ("ffn-shift",) + (("ffn-receptance",) if "blocks.0.ffn.receptance.weight" in z else ())


def adapted(z, adapter, init=None):
    """Weights with an adapter merged: a LoRA, or with `init` a PiSSA."""
    z = dict(z)
    for k, x in adapter.items():
        stem = k.replace(".weight", "") if ".lora_" in k else k
        if stem.endswith(".lora_A"):
            p = stem[:-len(".lora_A")]
            tail = k[len(stem):]
            product = adapter[p + ".lora_B" + tail] @ x
            if init is None:
                z[p + ".weight"] = z[p + ".weight"] + LORA_SCALE * product
            else:
                z[p + ".weight"] = z[p + ".weight"] - init[p + ".init_lora_B"] @ init[p + ".init_lora_A"] + product
        elif ".lora_B" not in k:
            z[k] = x
    return z


def variants(z, stem):
    """(name, weights, tuned state) for the files beside a checkpoint."""
    beside = lambda name: load(f"{stem}.{name}.pth") if os.path.exists(f"{stem}.{name}.pth") else None
    if (state := beside("time_state")) is not None:
        yield "time_state", z, state
    if (lora := beside("lora")) is not None:
        yield "lora", adapted(z, lora), None
    if (pissa := beside("pissa")) is not None:
        yield "pissa", adapted(z, pissa, beside("pissa_init")), None


def main():
    ablate, good = "--ablate" in sys.argv, True
    for path in (a for a in sys.argv[1:] if a != "--ablate"):
        stem = path.rsplit(".", 1)[0]
        z, tokens = load(path), json.load(open(stem + ".tokens.json"))
        want = np.fromfile(stem + ".logits.f32", "<f4").reshape(len(tokens), -1)
        state = np.fromfile(stem + ".state.f32", "<f4")
        logits, mine = run(z, tokens)
        dl, ds = np.abs(logits - want), np.abs(mine - state)
        good &= dl.max() < TOLERANCE and ds.max() < TOLERANCE
        print(f"{stem}: logits std {want.std():.2f}, largest difference {dl.max():.2e} (first token {dl[0].max():.2e}); "
              f"state std {state.std():.2f}, largest {np.abs(state).max():.1f}, difference {ds.max():.2e}")
        if ablate:
            effects = {term: np.abs(run(z, tokens, term)[0] - want).max() for term in terms(z)}
            good &= min(effects.values()) > SMALLEST_EFFECT
            print("  without " + ", ".join(f"{term}: {effect:.2f}" for term, effect in effects.items()))
        for name, weights, time_state in variants(z, stem):
            want_varied = np.fromfile(f"{stem}.{name}.logits.f32", "<f4").reshape(len(tokens), -1)
            difference = np.abs(run(weights, tokens, "", time_state)[0] - want_varied).max()
            good &= difference < TOLERANCE and np.abs(want_varied - want).max() > SMALLEST_EFFECT
            print(f"  {name}: largest difference {difference:.2e}, effect {np.abs(want_varied - want).max():.2f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
