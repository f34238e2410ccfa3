"""Models: streams are made from them, and what many streams do at once goes through them."""

import ctypes
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Union

from . import _abi
from ._batch import (
    Embedding,
    EmbedItem,
    EvalItem,
    EvalResult,
    Score,
    ScoreItem,
    run_embed,
    run_eval,
    run_score,
)
from ._calls import Path, Text, c_path, c_text, call, read_handle, read_record, read_text
from ._chat import Message, c_messages
from ._handle import Handle
from ._library import abi
from ._options import Options, OptionsKind, OptionValue, handle_of, use_options
from ._prefix import Prefix
from ._records import Load, ModelInfo
from ._stream import Stream
from ._tokenizer import Tokenizer

if TYPE_CHECKING:
    from ._runtime import Runtime


class Model(Handle):
    """A loaded model, immutable and shared by all its streams. Made by Runtime.load_model. Any
    number of threads may use it."""

    __slots__ = ("_runtime", "_info")
    _release = abi.skein_model_release

    def __init__(self, value: int, runtime: "Runtime") -> None:
        super().__init__(value)
        self._runtime = runtime
        self._info: ModelInfo = read_record(
            ModelInfo, _abi.skein_model_info, abi.skein_model_get_info, value
        )

    @property
    def runtime(self) -> "Runtime":
        """The runtime that it was loaded in."""
        return self._runtime

    @property
    def info(self) -> ModelInfo:
        """Dimensions, types, devices and the name. They do not change."""
        _ = self.handle  # as any other use, not after close()
        return self._info

    def create_stream(self, options: Optional[Options] = None, **values: OptionValue) -> Stream:
        """Makes a stream in the initial state. Keyword arguments: state, tenant, cache_salt."""
        used = use_options(OptionsKind.STREAM, options, values)
        return Stream(read_handle(abi.skein_stream_create, self.handle, handle_of(used)), self)

    def load_prefix(self, path: Path) -> Prefix:
        """Reads a file of Prefix.save, or any other snapshot."""
        return Prefix(read_handle(abi.skein_prefix_load, self.handle, c_path(path)), self)

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model. NotFoundError: it has none."""
        return Tokenizer(read_handle(abi.skein_model_tokenizer, self.handle), self._runtime)

    def chat_prompt(
        self, messages: Iterable[Message], options: Optional[Options] = None, **values: OptionValue
    ) -> str:
        """A conversation as the text that the model was trained on. Keyword arguments: template,
        think."""
        used = use_options(OptionsKind.CHAT, options, values)
        return read_text(
            abi.skein_model_chat_prompt, self.handle, *c_messages(messages), handle_of(used)
        )

    def eval(self, items: Iterable[EvalItem]) -> List[EvalResult]:
        """Feeds tokens to many streams as one batch, each stream at most once. Waits until all are
        done. If an item fails, the first error is raised; its `results` tell what became of
        each."""
        return run_eval(self, items)

    def score(self, items: Iterable[ScoreItem]) -> List[Score]:
        """The log-probabilities of texts behind streams, which do not move. Waits, and fails, as
        eval()."""
        return run_score(self, items)

    def embed(self, items: Iterable[Union[EmbedItem, Text]]) -> List[Embedding]:
        """Embeddings of texts, each an item or a text alone. Waits, and fails, as eval()."""
        return run_embed(self, items)

    def set_tenant(
        self, name: str, options: Optional[Options] = None, **values: OptionValue
    ) -> None:
        """Sets the policy of a tenant; "" is the common one. Keyword arguments: weight,
        max_queued_tokens, max_running."""
        used = use_options(OptionsKind.TENANT, options, values) or Options(OptionsKind.TENANT)
        call(abi.skein_model_set_tenant, self.handle, c_text(name, "name"), used.handle)

    def reset_tenant(self, name: str) -> None:
        """Gives a tenant the default policy, with which it is forgotten with its last stream."""
        call(abi.skein_model_set_tenant, self.handle, c_text(name, "name"), None)

    def load(self, tenant: Optional[str] = None) -> Load:
        """The load of the model, or of one of its tenants, and the limits that hold."""
        name = None if tenant is None else c_text(tenant, "tenant")
        load = _abi.skein_load()
        load.struct_size = ctypes.sizeof(load)
        call(abi.skein_model_get_load, self.handle, name, ctypes.byref(load))
        values: Any = (getattr(load, field) for field in Load._fields)
        return Load(*values)
