"""Skein: inference for RWKV language models.

    with skein.Runtime() as runtime, runtime.load_model("model.skein") as model,
    model.create_stream() as stream:
        for piece in stream.generate("In the beginning", max_tokens=40):
            print(piece, end="", flush=True)

The classes are the nouns of the C ABI, and its headers (skein/*.h) say what each call and option
means. Calls that wait for the library release the interpreter's lock. Failures are skein.Error, in
kinds. """

from ._abi import SKEIN_NO_TOKEN as NO_TOKEN
from ._aio import AsyncGeneration, AsyncQueue
from ._batch import Embedding, EmbedItem, EvalItem, EvalResult, Pooling, Score, ScoreItem
from ._chat import Message
from ._errors import (
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    Error,
    FailedPreconditionError,
    InvalidArgumentError,
    InvalidHandleError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    Status,
    UnavailableError,
    UnimplementedError,
)
from ._generation import Generation
from ._library import LibraryNotFoundError
from ._library import abi as _functions
from ._library import path as library_path
from ._model import Model
from ._options import Options, OptionsKind, OptionValue, option_keys
from ._prefix import Prefix, describe_snapshot
from ._queue import CacheUse, Event, EventKind, Queue, Reason
from ._records import (
    Checkpoint,
    DeviceInfo,
    Load,
    Logprob,
    ModelInfo,
    OptionInfo,
    PluginInfo,
    PrefixInfo,
    Progress,
    TokenizerInfo,
)
from ._request import PROMPT, Request
from ._runtime import LogLine, Runtime, Severity
from ._stream import Output, Stream
from ._tokenizer import Tokenizer


def version() -> str:
    """The version of the library that is running."""
    return _functions.skein_version().decode()


def status_name(code: int) -> str:
    """The name of a status code, such as "INVALID_ARGUMENT"."""
    return _functions.skein_status_name(code).decode()


__all__ = [
    "AlreadyExistsError",
    "AsyncGeneration",
    "AsyncQueue",
    "CacheUse",
    "CancelledError",
    "Checkpoint",
    "DataLossError",
    "DeadlineExceededError",
    "DeviceInfo",
    "EmbedItem",
    "Embedding",
    "Error",
    "EvalItem",
    "EvalResult",
    "Event",
    "EventKind",
    "FailedPreconditionError",
    "Generation",
    "InvalidArgumentError",
    "InvalidHandleError",
    "LibraryNotFoundError",
    "Load",
    "LogLine",
    "Logprob",
    "Message",
    "Model",
    "ModelInfo",
    "NO_TOKEN",
    "NotFoundError",
    "OptionInfo",
    "OptionValue",
    "Options",
    "OptionsKind",
    "OutOfRangeError",
    "Output",
    "PROMPT",
    "PermissionDeniedError",
    "PluginInfo",
    "Pooling",
    "Prefix",
    "PrefixInfo",
    "Progress",
    "Queue",
    "Reason",
    "Request",
    "ResourceExhaustedError",
    "Runtime",
    "Score",
    "ScoreItem",
    "Severity",
    "Status",
    "Stream",
    "Tokenizer",
    "TokenizerInfo",
    "UnavailableError",
    "UnimplementedError",
    "describe_snapshot",
    "library_path",
    "option_keys",
    "status_name",
    "version",
]
