"""Plays a scenario of tests/bindings/scenario: scenario.py MODEL SCENARIO_FILE TEMP_DIR. Prints the
transcript."""

import math
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import skein

MODEL, FILE, TEMP = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
Text = Tuple[str, bytes]  # ("text", its bytes): a word in quotes
Word = Union[str, Text]

# --- words ---

ESCAPES = {b"n": b"\n", b'"': b'"', b"\\": b"\\"}
WORD = re.compile(rb' (?:([a-z0-9_]+)=)?(?:"((?:[^"\\]|\\.)*)"|([^ ]*))')


def unescape(raw: bytes) -> bytes:
    def one(match: "re.Match[bytes]") -> bytes:
        return bytes.fromhex(match[1][1:].decode()) if match[1][:1] == b"x" else ESCAPES[match[1]]

    return re.sub(rb"\\(x..|.)", one, raw, flags=re.DOTALL)


def place(word: str) -> str:
    for name, value in (("$MODEL", MODEL), ("$TEMP", TEMP)):
        if word.startswith(name):
            return value + word[len(name) :]
    return word


def option_value(quoted: Optional[bytes], bare: bytes) -> Any:
    if quoted is not None:
        return place(unescape(quoted).decode())
    text = bare.decode()
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?[0-9]*\.[0-9]*", text) else place(text)


def parse(line: str) -> Tuple[str, List[Word], Dict[str, Any]]:
    words: List[Word] = []
    options: Dict[str, Any] = {}
    for key, quoted, bare in ((m[1], m[2], m[3]) for m in WORD.finditer(b" " + line.encode())):
        if key is not None:
            options[key.decode()] = option_value(quoted, bare)
        else:
            words.append(
                ("text", place(unescape(quoted).decode("latin-1")).encode("latin-1"))
                if quoted is not None
                else place(bare.decode())
            )
    return str(words[0]), words[1:], options


def text_of(word: Word) -> bytes:
    return word.encode() if isinstance(word, str) else word[1]


def name_of(word: Word) -> str:
    return text_of(word).decode()


# --- results ---


def quote(text: Union[str, bytes]) -> str:
    data = text.encode() if isinstance(text, str) else text
    plain = {ord('"'): '\\"', ord("\\"): "\\\\"}
    return (
        '"'
        + "".join(plain.get(b, chr(b) if 0x20 <= b <= 0x7E else f"\\x{b:02x}") for b in data)
        + '"'
    )


def double(value: float) -> str:
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def fnv(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def floats(values: Any) -> str:
    data = (
        bytes(memoryview(values).cast("B"))
        if not isinstance(values, list)
        else struct.pack(f"<{len(values)}f", *values)
    )
    bits = [
        0x7FC00000 if b & 0x7FFFFFFF > 0x7F800000 else b for (b,) in struct.iter_unpack("<I", data)
    ]
    head = ["nan" if b == 0x7FC00000 else f"{b:08x}" for b in bits[:4]]
    return " ".join([str(len(bits)), *head, fnv(struct.pack(f"<{len(bits)}I", *bits))])


def tokens(values: List[int]) -> str:
    return " ".join(
        [str(len(values)), *map(str, values[:4]), fnv(struct.pack(f"<{len(values)}I", *values))]
    )


def here(condition: bool) -> List[str]:
    return ["present" if condition else "absent"]


# --- what queues delivered ---


class Heard:
    """What came for one request, by sample."""

    def __init__(self) -> None:
        self.end: Optional[skein.Event] = None
        self.samples: Dict[int, List[skein.Event]] = {}

    def take(self, event: skein.Event) -> None:
        if event.is_terminal:
            self.end = event
        if not event.is_terminal or (event.data and event.kind != skein.EventKind.ERROR):
            self.samples.setdefault(event.sample, []).append(event)

    def num_tokens(self) -> int:
        return sum(
            event.kind == skein.EventKind.TOKEN
            for events in self.samples.values()
            for event in events
        )

    def lines(self, name: str) -> List[str]:
        end = self.end
        assert end is not None
        failed = end.kind == skein.EventKind.ERROR
        reason = skein.status_name(end.status) if failed else skein.Reason(end.reason).name.lower()
        numbers = (
            f"prompt {end.num_prompt_tokens} cached {end.num_cached_tokens} tokens {end.num_tokens}"
        )
        kind = skein.EventKind(end.kind).name.lower()
        lines = [f"{name} {kind} {reason} {numbers} position {end.position} user {end.user_data}"]
        if failed:
            lines.append(f"  message {quote(message(end.text))}")
        for sample, events in sorted(self.samples.items()):
            drawn = [event for event in events if event.kind == skein.EventKind.TOKEN]
            lines.append(f"  sample {sample} tokens {tokens([event.token for event in drawn])}")
            lines.append(f"  text {quote(b''.join(event.data for event in events))}")
            lines.append(f"  logprobs {floats([event.logprob for event in drawn])}")
            lines.append(f"  sum {double(drawn[-1].logprob_sum if drawn else math.nan)}")
        return lines


class Ears:
    """A queue, and what it delivered of the requests that were submitted to it, in their order."""

    def __init__(self, queue: skein.Queue) -> None:
        self.queue = queue
        self.heard: Dict[str, Heard] = {}
        self.names: Dict[skein.Request, str] = {}
        self.wakeups = 0

    def submit(self, requests: Dict[str, skein.Request]) -> None:
        self.queue.submit(*requests.values())
        for name, request in requests.items():
            self.names[request] = name
            self.heard[name] = Heard()

    def listen(self, enough: Callable[[], bool]) -> None:
        while not enough():
            self.queue.wait()
            for event in self.queue.poll():
                self.heard[self.names[event.request]].take(event)

    def read(self, name: str, count: int) -> None:
        one = self.heard[name]
        self.listen(lambda: one.end is not None or one.num_tokens() >= count)

    def drain(self) -> List[str]:
        self.listen(lambda: all(one.end is not None for one in self.heard.values()))
        lines = [line for name, one in self.heard.items() for line in one.lines(name)]
        self.heard.clear()
        self.names.clear()
        return lines

    def wake(self) -> None:
        self.wakeups += 1

    def close(self) -> None:
        self.queue.close()


# --- verbs ---

things: Dict[str, Any] = {}


def ids(word: Word) -> List[int]:
    name = name_of(word)
    if name in things:
        found: List[int] = things[name]
        return found
    return [int(part) for part in name.split(",")]


def pairs(words: List[Word]) -> List[Tuple[str, bytes]]:
    return [(name_of(role), text_of(text)) for role, text in zip(words[::2], words[1::2])]


def flags(words: List[Word]) -> Dict[str, bool]:
    return {name_of(word): True for word in words}


def sample_of(word: Word) -> int:
    return skein.PROMPT if word == "prompt" else int(name_of(word))


def plugin(r: Any, w: List[Word]) -> List[str]:
    one = next(one for one in r.plugins if one.id == name_of(w[0]))
    return [f"{one.kind} {one.loaded} {one.abi}"]


def device(r: Any, w: List[Word]) -> List[str]:
    one = next(one for one in r.devices if one.name == name_of(w[0]))
    return [f"{quote(one.plugin_id)} {one.generations} {one.weight_types}"]


def poll_log(r: Any) -> List[str]:
    lines: List[skein.LogLine] = list(iter(r.poll_log, None))
    return ["lines" if lines else "none"]


def model_info(m: Any) -> List[str]:
    i = m.info
    numbers = [
        i.generation,
        i.num_layers,
        i.d_model,
        i.d_ffn,
        i.vocab_size,
        i.num_heads,
        i.head_size,
    ]
    numbers += [i.num_parameters, i.num_state_floats, i.has_tokenizer, i.end_token]
    return [
        " ".join(map(str, numbers)),
        " ".join(map(quote, [i.device, i.type, i.name, i.chat_template])),
    ]


def load(m: Any, w: List[Word]) -> List[str]:
    one = m.load(name_of(w[0]) if w else None)
    numbers = [
        one.num_streams,
        one.max_streams,
        one.num_waiting,
        one.num_running,
        one.queued_tokens,
    ]
    return [" ".join(map(str, numbers)) + " " + double(one.weight)]


def set_tenant(m: Any, w: List[Word], o: Dict[str, Any]) -> None:
    if o:
        m.set_tenant(name_of(w[0]), **o)
    else:
        m.reset_tenant(name_of(w[0]))


def evaluate(m: Any, w: List[Word]) -> List[str]:
    kind = skein.Output[name_of(w[0]).upper()]
    items = [(things[name_of(s)], ids(t), kind, None) for s, t in zip(w[1::2], w[2::2])]
    return [floats([] if one.output is None else one.output) for one in m.eval(items)]


def score(m: Any, w: List[Word]) -> List[str]:
    items = [
        skein.ScoreItem(things[name_of(s)], ids(t), int(name_of(w[0])))
        for s, t in zip(w[1::2], w[2::2])
    ]
    lines = []
    for one in m.score(items):
        top = [pair for row in one.top for pair in row]
        arrays = [
            floats(one.logprobs),
            tokens([p.token for p in top]),
            floats([p.logprob for p in top]),
        ]
        lines.append(" ".join([str(one.num_scored), double(one.logprob), *arrays]))
    return lines


def embed(m: Any, w: List[Word]) -> List[str]:
    pooling, normalise = skein.Pooling[name_of(w[0]).upper()], w[1] == "1"
    items = []
    for s, given in zip(w[2::2], w[3::2]):
        text = ids(given) if isinstance(given, str) else text_of(given)
        items.append(
            skein.EmbedItem(text, None if s == "-" else things[name_of(s)], pooling, normalise)
        )
    return [f"{one.num_read} {floats(one.embedding)}" for one in m.embed(items)]


def wakeup(ears: Ears, w: List[Word]) -> Optional[List[str]]:
    if w[0] == "on":
        ears.wakeups = 0
        ears.queue.set_wakeup(ears.wake)
        return None
    ears.queue.set_wakeup(None)
    return ["woken" if ears.wakeups else "silent"]


def logprobs(x: Any, w: List[Word]) -> List[str]:
    rows = x.logprobs(sample_of(w[0]), int(name_of(w[1])), int(name_of(w[2])))
    flat = [pair for row in rows for pair in row]
    return [tokens([pair.token for pair in flat]), floats([pair.logprob for pair in flat])]


def complete(ears: Ears, w: List[Word], o: Dict[str, Any]) -> List[str]:
    with things[name_of(w[0])].create_request(text_of(w[1]), **o) as request:
        ears.submit({"complete": request})
        return ears.drain()


def prefix_info(p: Any) -> List[str]:
    i = p.info
    return [f"{i.position} {i.state_bytes} {quote(i.fingerprint)} {quote(i.name)}"]


def option_lines(kind: int) -> List[str]:
    keys = skein.option_keys(kind)
    return [
        f"{k.key} {k.type} {quote(k.default_value)} {double(k.min_value)} {double(k.max_value)}"
        for k in keys
    ]


def child(w: List[Word]) -> List[str]:
    command = [sys.executable, __file__, MODEL, str(FILE.parent / name_of(w[0])), TEMP]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()


def release(w: List[Word]) -> None:
    for word in w:
        things[name_of(word)].close()


def progress(r: Any) -> List[str]:
    one = r.progress
    return [str(one.active), quote(one.what)]


# Verbs that make the object named first, from the object named second.
MAKERS: Dict[str, Callable[[Any, List[Word], Dict[str, Any]], Any]] = {
    "model_load": lambda r, w, o: r.load_model(name_of(w[0]), **o),
    "model_tokenizer": lambda m, w, o: m.tokenizer(),
    "tokenizer_load": lambda r, w, o: r.load_tokenizer(name_of(w[0]), **o),
    "stream_create": lambda m, w, o: m.create_stream(**o),
    "stream_fork": lambda s, w, o: s.fork(),
    "stream_snapshot": lambda s, w, o: s.snapshot(),
    "stream_snapshot_with": lambda s, w, o: s.snapshot(**flags(w)),
    "prefix_create": lambda s, w, o: s.create_prefix(name_of(w[0]), name_of(w[1])),
    "prefix_start": lambda p, w, o: p.start(**o),
    "prefix_load": lambda m, w, o: m.load_prefix(name_of(w[0])),
    "queue_create": lambda r, w, o: Ears(r.create_queue()),
    "request_create": lambda s, w, o: s.create_request(**o),
    "request_take_sample": lambda x, w, o: x.take_sample(int(name_of(w[0]))),
}

# Verbs of the object named first; they give the lines of their results, if they have any.
VERBS: Dict[str, Callable[[Any, List[Word], Dict[str, Any]], Any]] = {
    "runtime_load_plugin": lambda r, w, o: r.load_plugin(name_of(w[0])),
    "runtime_plugin": lambda r, w, o: plugin(r, w),
    "runtime_device": lambda r, w, o: device(r, w),
    "runtime_poll_log": lambda r, w, o: poll_log(r),
    "runtime_metrics": lambda r, w, o: here(name_of(w[0]) in r.metrics()),
    "runtime_progress": lambda r, w, o: [" ".join(progress(r))],
    "model_get_info": lambda m, w, o: model_info(m),
    "model_describe": lambda r, w, o: here(name_of(w[1]) in r.describe_model(name_of(w[0]), **o)),
    "model_convert": lambda r, w, o: r.convert_model(name_of(w[0]), name_of(w[1]), **o),
    "model_chat_prompt": lambda m, w, o: [quote(m.chat_prompt(pairs(w), **o))],
    "model_set_tenant": set_tenant,
    "model_get_load": lambda m, w, o: load(m, w),
    "tokenizer_get_info": lambda t, w, o: [
        f"{t.info.vocab_size} {quote(t.info.kind)} {quote(t.info.origin)}"
    ],
    "tokenizer_decode": lambda t, w, o: [quote(t.decode_bytes(ids(w[0])))],
    "stream_reset": lambda s, w, o: s.reset(),
    "stream_position": lambda s, w, o: [str(s.position)],
    "stream_tokens": lambda s, w, o: [tokens(s.tokens(int(name_of(w[0]))))],
    "stream_truncate": lambda s, w, o: [str(s.truncate(int(name_of(w[0]))))],
    "stream_set_checkpoint": lambda s, w, o: s.set_checkpoint(name_of(w[0])),
    "stream_find_checkpoint": lambda s, w, o: [str(s.find_checkpoint(name_of(w[0])))],
    "stream_checkpoints": lambda s, w, o: [
        f"{c.position} {c.state_bytes} {quote(c.name)}" for c in s.checkpoints()
    ],
    "stream_restore": lambda s, w, o: s.restore(things[name_of(w[0])]),
    "stream_save": lambda s, w, o: s.save(name_of(w[0]), **flags(w[1:])),
    "stream_load": lambda s, w, o: s.load(name_of(w[0])),
    "stream_state": lambda s, w, o: [floats(s.state())],
    "eval": lambda m, w, o: evaluate(m, w),
    "score": lambda m, w, o: score(m, w),
    "embed": lambda m, w, o: embed(m, w),
    "prefix_get_info": lambda p, w, o: prefix_info(p),
    "prefix_provenance": lambda p, w, o: [quote(p.provenance)],
    "prefix_save": lambda p, w, o: p.save(name_of(w[0]), **flags(w[1:])),
    "queue_fd": lambda q, w, o: ["open" if q.queue.fileno() >= 0 else "closed"],
    "queue_wait": lambda q, w, o: [str(int(q.queue.wait(int(name_of(w[0])) / 1000)))],
    "queue_set_wakeup": lambda q, w, o: wakeup(q, w),
    "queue_submit": lambda q, w, o: q.submit({name_of(x): things[name_of(x)] for x in w}),
    "queue_read": lambda q, w, o: q.read(name_of(w[0]), int(name_of(w[1]))),
    "queue_drain": lambda q, w, o: q.drain(),
    "complete": complete,
    "request_set_prompt": lambda x, w, o: x.set_prompt(text_of(w[0])),
    "request_set_prompt_tokens": lambda x, w, o: x.set_prompt(ids(w[0])),
    "request_set_chat": lambda x, w, o: x.set_chat(pairs(w), **o),
    "request_add_stop": lambda x, w, o: x.add_stop(text_of(w[0])),
    "request_add_stop_token": lambda x, w, o: x.add_stop(int(name_of(w[0]))),
    "request_set_logit_bias": lambda x, w, o: x.set_logit_bias(
        int(name_of(w[0])), float(name_of(w[1]))
    ),
    "request_set_user_data": lambda x, w, o: x.set_user_data(int(name_of(w[0]))),
    "request_cancel": lambda x, w, o: x.cancel(),
    "request_acknowledge": lambda x, w, o: x.acknowledge(int(name_of(w[0]))),
    "request_logprobs": lambda x, w, o: logprobs(x, w),
}


def run(verb: str, w: List[Word], o: Dict[str, Any]) -> Any:
    if verb == "version":
        return [quote(skein.version())]
    if verb == "status_name":
        return [quote(skein.status_name(int(name_of(w[0]))))]
    if verb == "options_keys":
        return option_lines(int(name_of(w[0])))
    if verb == "snapshot_describe":
        return here(name_of(w[1]) in skein.describe_snapshot(name_of(w[0]), **o))
    if verb == "child":
        return child(w)
    if verb == "release":
        release(w)
        return None
    if verb == "runtime_create":
        things[name_of(w[0])] = skein.Runtime(**o)
        return None
    if verb == "bytes":
        things[name_of(w[0])] = text_of(w[1])
        return None
    if verb == "tokenizer_encode":
        made = things[name_of(w[1])].encode(text_of(w[2]))
        things[name_of(w[0])] = made
        return [tokens(made)]
    if verb == "stream_fork_at":
        things[name_of(w[0])], replayed = things[name_of(w[1])].fork_at(int(name_of(w[2])))
        return [str(replayed)]
    if verb in MAKERS:
        things[name_of(w[0])] = MAKERS[verb](things[name_of(w[1])], w[2:], o)
        return None
    return VERBS[verb](things[name_of(w[0])], w[1:], o)


def message(text: str) -> str:
    return text.replace(TEMP, "$TEMP").replace(MODEL, "$MODEL")


def step(line: str) -> bool:
    """Does one step and prints it. Whether it went as the file says."""
    verb, words, options = parse(line)
    wanted = ""
    if verb == "error":
        wanted, verb, words = name_of(words[0]), name_of(words[1]), words[2:]
    print("> " + line)
    try:
        lines = run(verb, words, options) or []
    except skein.Error as error:
        said = (
            f"{error.name} {quote(message(error.message))}"
            if error.name != "INVALID_HANDLE"
            else error.name
        )
        print(f"  {said}" if error.name == wanted else f"  ! {said}")
        return error.name == wanted
    for text in lines:
        print("  " + text)
    if wanted:
        print(f"  ! expected {wanted}")
    return not wanted


def main() -> int:
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    return 0 if all([step(line) for line in lines]) else 1


if __name__ == "__main__":
    sys.exit(main())
