"""Requests: a prompt with sampling and stops, which the library runs in a batch with all others."""

from typing import TYPE_CHECKING, Iterable, List, Mapping, Optional, Union

from . import _abi
from ._arrays import Prompt, c_prompt, is_text
from ._calls import Text, c_bytes, c_float, c_unsigned, call, read_array, read_handle
from ._chat import Message, c_messages
from ._aio import AsyncGeneration, AsyncQueue
from ._generation import Generation
from ._handle import Handle
from ._library import abi
from ._options import Options, OptionsKind, OptionValue, handle_of, use_options
from ._records import Logprob

if TYPE_CHECKING:
    from ._stream import Stream

# In place of the index of a sample: the prompt.
PROMPT = _abi.SKEIN_SAMPLE_PROMPT

# A stop string, or a stop token.
Stop = Union[Text, int]


class Request(Handle):
    """A prompt on a stream, to be submitted once. Made by Stream.create_request.

    A request that was submitted runs on when it is closed; cancel() ends it. One whose text is read
    by an iterator is ended by either. Any number of threads may use it."""

    __slots__ = ("_stream", "_window", "_num_samples", "_is_read")
    _release = abi.skein_request_release

    def __init__(self, stream: "Stream") -> None:
        super().__init__(read_handle(abi.skein_request_create, stream.handle))
        self._stream = stream
        self._window = 0
        self._num_samples = 1
        self._is_read = False

    def begin_reading(self) -> None:
        """Says that an iterator reads the text."""
        self._is_read = True

    def close(self) -> None:
        """Releases the handle. Never raises."""
        # An iterator could not end it any more, nor acknowledge what it waits for.
        if self._value is not None and self._is_read:
            abi.skein_request_cancel(self._value, None)
        super().close()

    @property
    def stream(self) -> "Stream":
        """The stream that it runs on."""
        return self._stream

    @property
    def num_samples(self) -> int:
        """The option n."""
        return self._num_samples

    @property
    def window(self) -> int:
        """The option of this name: the tokens that may be delivered and not acknowledged; 0:
        polling acknowledges."""
        return self._window

    def set_prompt(self, prompt: Prompt) -> None:
        """Sets the prompt: a text, which needs the model's tokenizer, or tokens. An empty one
        continues the stream."""
        data, count = c_prompt(prompt)
        text = is_text(prompt)
        call(
            abi.skein_request_set_prompt if text else abi.skein_request_set_prompt_tokens,
            self.handle,
            data,
            count,
        )

    def set_chat(
        self, messages: Iterable[Message], options: Optional[Options] = None, **values: OptionValue
    ) -> None:
        """Sets the prompt to a conversation, and the stops that end the assistant's turn. Keyword
        arguments: template, think."""
        used = use_options(OptionsKind.CHAT, options, values)
        call(abi.skein_request_set_chat, self.handle, *c_messages(messages), handle_of(used))

    def set_options(self, options: Optional[Options] = None, **values: OptionValue) -> None:
        """Sets sampling and limits: the options of skein_request_set_options, such as max_tokens
        and seed. A later call replaces all of an earlier one."""
        used = use_options(OptionsKind.REQUEST, options, values) or Options(OptionsKind.REQUEST)
        call(abi.skein_request_set_options, self.handle, used.handle)
        self._window = int(used.values.get("window", 0))  # type: ignore[arg-type]
        self._num_samples = int(used.values.get("n", 1))  # type: ignore[arg-type]

    def add_stop(self, stop: Stop) -> None:
        """Adds a stop string, found across token borders, or a stop token."""
        if isinstance(stop, int):
            call(abi.skein_request_add_stop_token, self.handle, c_unsigned(stop, 32, "stop token"))
        else:
            text = c_bytes(stop, "stop")
            call(abi.skein_request_add_stop, self.handle, text, len(text))

    def set_logit_bias(self, token: int, bias: float) -> None:
        """Adds to the logit of a token; -math.inf bans it."""
        c_token = c_unsigned(token, 32, "token")
        call(abi.skein_request_set_logit_bias, self.handle, c_token, c_float(bias, "bias"))

    def set_user_data(self, user_data: int) -> None:
        """Sets a number of the caller's own, which every event of the request carries."""
        call(abi.skein_request_set_user_data, self.handle, c_unsigned(user_data, 64, "user_data"))

    def configure(
        self, stop: Iterable[Stop] = (), logit_bias: Optional[Mapping[int, float]] = None
    ) -> None:
        """Several stops and biases at once."""
        for one in [stop] if isinstance(stop, (str, bytes, int)) else stop:
            self.add_stop(one)
        for token, bias in (logit_bias or {}).items():
            self.set_logit_bias(token, bias)

    def cancel(self) -> None:
        """Asks the request to end at the next step. Its CANCELLED event follows, unless it ended
        before. Never waits."""
        call(abi.skein_request_cancel, self.handle)

    def acknowledge(self, num_tokens: int) -> None:
        """Acknowledges delivered tokens of a request with the option window."""
        call(abi.skein_request_acknowledge, self.handle, c_unsigned(num_tokens, 64, "num_tokens"))

    def logprobs(self, sample: int = 0, first: int = 0, num_tokens: int = 1) -> List[List[Logprob]]:
        """The log-probabilities of a sample's tokens from `first` on (sample PROMPT: of the
        prompt's). A row has the token itself, then the most probable ones, falling."""
        sample, first = c_unsigned(sample, 32, "sample"), c_unsigned(first, 64, "first")
        count = c_unsigned(num_tokens, 64, "num_tokens")
        function, struct = abi.skein_request_logprobs, _abi.skein_logprob
        flat = read_array(struct, 0, function, self.handle, sample, first, count)
        width = len(flat) // count if count else 1
        pairs = [Logprob(one.token, one.logprob) for one in flat]
        return [pairs[start : start + width] for start in range(0, len(pairs), width)]

    def take_sample(self, sample: int) -> "Stream":
        """The stream of a sample other than the one that the request's own stream goes on from.
        Each can be taken once, when the request has ended."""
        from ._stream import Stream

        index = c_unsigned(sample, 32, "sample")
        return Stream(
            read_handle(abi.skein_request_take_sample, self.handle, index), self._stream.model
        )

    def run(self) -> Generation:
        """Submits the request to a queue of its own, and gives its text, piece by piece."""
        return Generation(self)

    def run_async(self, queue: Optional[AsyncQueue] = None) -> AsyncGeneration:
        """As run(), for `async for`. Many requests should share one AsyncQueue."""
        return AsyncGeneration(self, queue)
