"""What a model computes for many streams or texts in one call: eval, score and embed."""

import ctypes
from enum import IntEnum
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from . import _abi
from ._arrays import Floats, Prompt, Tokens, c_prompt, c_tokens, floats_in, is_text, new_floats
from ._calls import Text, c_signed, c_text, c_unsigned, call
from ._errors import Error, Status, with_results
from ._library import abi
from ._records import Logprob

if TYPE_CHECKING:
    from ._model import Model
    from ._stream import Stream


Item = TypeVar("Item", bound=Any)


class Pooling(IntEnum):
    """Which row of a text is its embedding."""

    LAST = _abi.SKEIN_POOLING_LAST
    MEAN = _abi.SKEIN_POOLING_MEAN


class EvalItem(NamedTuple):
    """Tokens to feed to a stream. output: an Output. out: a writable array of float32 for it; None:
    a new one."""

    stream: "Stream"
    tokens: Tokens
    output: int = _abi.SKEIN_OUTPUT_LAST_LOGITS
    out: Optional[Any] = None


class EvalResult(NamedTuple):
    """What became of an item of an eval: its status, and its output, None with Output.NONE and if
    it failed."""

    status: int
    output: Floats


class ScoreItem(NamedTuple):
    """Tokens to score behind a stream. num_top: how many of the most probable tokens are wanted for
    each."""

    stream: "Stream"
    tokens: Tokens
    num_top: int = 0
    priority: int = 0


class Score(NamedTuple):
    """The log-probability of an item's tokens: the sum over the `num_scored` of them that have one,
    each, and the most probable tokens in the place of each. A first token behind a state that holds
    no logits has NaN. An item that failed has None for its arrays."""

    status: int
    logprob: float
    num_scored: int
    logprobs: Floats
    top: List[List[Logprob]]


class EmbedItem(NamedTuple):
    """A text to embed, or its tokens, behind a stream, or behind the initial state. A str or bytes
    in place of an item is one with the defaults."""

    text: Prompt
    stream: "Optional[Stream]" = None
    pooling: int = Pooling.LAST
    normalise: bool = False
    priority: int = 0
    tenant: Optional[str] = None


class Embedding(NamedTuple):
    """The embedding of a text, [d_model], None if it failed, and the number of its tokens."""

    status: int
    embedding: Floats
    num_read: int


def _items_of(items: Iterable[Any], kind: Type[Item], alone: Tuple[type, ...] = ()) -> List[Item]:
    """The items of a call, where tuples are items too, and types in `alone` items of one field. What
    is none of these is named."""
    if is_text(items):
        raise TypeError(f"items: expected several {kind.__name__}, found {type(items).__name__}")
    made: List[Item] = []
    for index, item in enumerate(items):
        if not isinstance(item, (tuple, *alone)):
            raise TypeError(f"item {index}: expected {kind.__name__}, found {type(item).__name__}")
        made.append(kind(item) if isinstance(item, alone) else kind(*item))
    return made


def _run(
    function: Callable[..., int], model: "Model", items: Any, results: Callable[[], List[Any]]
) -> List[Any]:
    """Calls a function with items, each of which has its own status."""
    size = ctypes.sizeof(items._type_)
    for item in items:
        item.status = Status.ABORTED  # what the call refuses as a whole
    try:
        call(function, model.handle, items, size, len(items))
    except Error as error:
        raise with_results(error, results()) from None
    return results()


def _output_shape(model: "Model", output: int, num_tokens: int) -> Tuple[int, ...]:
    hidden = output in (_abi.SKEIN_OUTPUT_LAST_HIDDEN, _abi.SKEIN_OUTPUT_ALL_HIDDEN)
    width = model._info.d_model if hidden else model._info.vocab_size
    all_rows = output in (_abi.SKEIN_OUTPUT_ALL_LOGITS, _abi.SKEIN_OUTPUT_ALL_HIDDEN)
    return (num_tokens, width) if all_rows and num_tokens else (width,)


def run_eval(model: "Model", items: Iterable[EvalItem]) -> List[EvalResult]:
    """See Model.eval."""
    wanted = _items_of(items, EvalItem)
    array = (_abi.skein_eval_item * len(wanted))()
    outputs: List[Optional[Floats]] = []
    alive: List[Any] = []  # what only C refers to
    for struct, (stream, tokens, output, out) in zip(array, wanted):
        ids = c_tokens(tokens)
        struct.stream, struct.tokens, struct.num_tokens = (
            stream.handle,
            ctypes.addressof(ids),
            len(ids),
        )
        struct.output_kind = c_unsigned(output, 32, "output")
        floats, memory = None, None
        if output != _abi.SKEIN_OUTPUT_NONE:
            floats, memory = floats_in(out, _output_shape(model, output, len(ids)))
            struct.output, struct.output_capacity = ctypes.addressof(memory), len(memory)
        outputs.append(floats)
        alive += [ids, memory]
    return _run(
        abi.skein_eval,
        model,
        array,
        lambda: [
            EvalResult(struct.status, None if struct.status else floats)
            for struct, floats in zip(array, outputs)
        ],
    )


def run_score(model: "Model", items: Iterable[ScoreItem]) -> List[Score]:
    """See Model.score."""
    wanted = _items_of(items, ScoreItem)
    array = (_abi.skein_score_item * len(wanted))()
    alive: List[Tuple[Any, Floats, Any, Any]] = []
    for struct, item in zip(array, wanted):
        ids = c_tokens(item.tokens)
        floats, memory = new_floats((max(len(ids), 1),))
        num_top = c_unsigned(item.num_top, 32, "num_top")
        # A count that the library refuses must not become an array of that size.
        top = (_abi.skein_logprob * (len(ids) * min(num_top, _abi.SKEIN_MAX_TOP_LOGPROBS)))()
        struct.stream, struct.tokens, struct.num_tokens = (
            item.stream.handle,
            ctypes.addressof(ids),
            len(ids),
        )
        struct.logprobs, struct.num_top = ctypes.addressof(memory), num_top
        struct.top = ctypes.addressof(top) if num_top else None
        struct.priority = c_signed(item.priority, 32, "priority")
        alive.append((ids, floats, memory, top))
    return _run(
        abi.skein_score,
        model,
        array,
        lambda: [_score(struct, *kept) for struct, kept in zip(array, alive)],
    )


def _score(struct: Any, ids: Any, floats: Floats, memory: Any, top: Any) -> Score:
    if struct.status != _abi.SKEIN_OK:
        return Score(struct.status, struct.logprob, struct.num_scored, None, [])
    pairs = [Logprob(one.token, one.logprob) for one in top]
    rows = [
        pairs[start : start + struct.num_top] for start in range(0, len(pairs), struct.num_top or 1)
    ]
    return Score(struct.status, struct.logprob, struct.num_scored, floats[: len(ids)], rows)


def run_embed(model: "Model", items: Iterable[Union[EmbedItem, Text]]) -> List[Embedding]:
    """See Model.embed."""
    wanted = _items_of(items, EmbedItem, (str, bytes))
    array = (_abi.skein_embed_item * len(wanted))()
    alive: List[Tuple[Any, ...]] = []
    for struct, item in zip(array, wanted):
        data, count = c_prompt(item.text)
        if is_text(item.text):
            struct.text, struct.text_bytes = data, count
        else:
            struct.tokens, struct.num_tokens = ctypes.addressof(data), count
        floats, memory = new_floats((model._info.d_model,))
        struct.stream = None if item.stream is None else item.stream.handle
        struct.embedding, struct.capacity = ctypes.addressof(memory), len(memory)
        struct.pooling, struct.normalise = c_unsigned(item.pooling, 32, "pooling"), int(
            item.normalise
        )
        struct.priority = c_signed(item.priority, 32, "priority")
        struct.tenant = None if item.tenant is None else c_text(item.tenant, "tenant")
        alive.append((floats, memory, data))
    return _run(
        abi.skein_embed,
        model,
        array,
        lambda: [
            Embedding(struct.status, None if struct.status else kept[0], struct.num_read)
            for struct, kept in zip(array, alive)
        ],
    )
