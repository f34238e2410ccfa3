"""Queues: where the events of requests arrive."""

import atexit
import ctypes
import struct
import time
from ctypes import byref
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, NamedTuple, Optional

from . import _abi
from ._calls import call, read_number
from ._errors import make_error
from ._handle import Handle
from ._library import abi

if TYPE_CHECKING:
    from ._request import Request
    from ._runtime import Runtime


class EventKind(IntEnum):
    """What an event says. DONE, ERROR and CANCELLED are terminal: each request gets exactly one of
    them."""

    TOKEN = _abi.SKEIN_EVENT_TOKEN
    DONE = _abi.SKEIN_EVENT_DONE
    ERROR = _abi.SKEIN_EVENT_ERROR
    CANCELLED = _abi.SKEIN_EVENT_CANCELLED
    SAMPLE_DONE = _abi.SKEIN_EVENT_SAMPLE_DONE


class Reason(IntEnum):
    """Why a text ended."""

    NONE = _abi.SKEIN_REASON_NONE
    STOP_TOKEN = _abi.SKEIN_REASON_STOP_TOKEN
    STOP_TEXT = _abi.SKEIN_REASON_STOP_TEXT
    LENGTH = _abi.SKEIN_REASON_LENGTH


class CacheUse(IntEnum):
    """What the prefix cache had for a prompt."""

    UNKNOWN = _abi.SKEIN_CACHE_UNKNOWN
    HIT = _abi.SKEIN_CACHE_HIT
    OFF = _abi.SKEIN_CACHE_OFF
    NOT_AT_START = _abi.SKEIN_CACHE_NOT_AT_START
    COLD = _abi.SKEIN_CACHE_COLD
    NO_STATE = _abi.SKEIN_CACHE_NO_STATE
    EVICTED = _abi.SKEIN_CACHE_EVICTED
    ROWS = _abi.SKEIN_CACHE_ROWS


class Event(NamedTuple):
    """One event of a request. The fields are those of `skein_event` (skein/request.h), but for its
    text."""

    kind: int  # an EventKind
    reason: int  # a Reason, with DONE and SAMPLE_DONE
    request: "Request"
    user_data: int
    token: int  # with TOKEN
    status: int  # a Status, with ERROR, and with SAMPLE_DONE of a sample that failed
    data: bytes  # the text's bytes; with ERROR the message
    num_prompt_tokens: int
    num_tokens: int
    position: int
    logprob: float
    sample: int
    num_cached_tokens: int
    queue_us: int
    prefill_us: int
    decode_us: int
    logprob_sum: float
    cache: int  # a CacheUse

    @property
    def text(self) -> str:
        """The text, with U+FFFD in place of what the model writes that is not UTF-8."""
        return self.data.decode("utf-8", "replace")

    @property
    def is_terminal(self) -> bool:
        """Whether it is the request's last."""
        return self.kind in _TERMINAL


_TERMINAL = frozenset((_abi.SKEIN_EVENT_DONE, _abi.SKEIN_EVENT_ERROR, _abi.SKEIN_EVENT_CANCELLED))

# Reading a struct in one go is several times faster than reading each field of it through ctypes,
# and this is the part of the package that runs for every token.
_FORMATS = {ctypes.c_uint32: "I", ctypes.c_int32: "i", ctypes.c_uint64: "Q", ctypes.c_void_p: "Q"}
_FORMATS.update({ctypes.c_float: "f", ctypes.c_double: "d"})


def _event_format() -> struct.Struct:
    fields = [(name, ctype) for name, ctype, *_ in _abi.skein_event._fields_]
    expected = list(Event._fields)
    expected[expected.index("data") : expected.index("data") + 1] = ["text_offset", "text_bytes"]
    known = [("4x" if name == "reserved" else _FORMATS[ctype]) for name, ctype in fields]
    names = [name for name, _ in fields if name != "reserved"]
    packed = struct.Struct("@" + "".join(known))
    assert names == expected and packed.size == ctypes.sizeof(_abi.skein_event), names
    return packed


_EVENT = _event_format()
_EVENT_BYTES = _EVENT.size

# Ctrl-C is noticed between two waits of the library.
_WAIT_MS = 100


class _Buffers:
    """The memory of one poll."""

    def __init__(self, num_events: int, text_bytes: int) -> None:
        self.num_events = num_events
        self.text_bytes = text_bytes
        self.events = ctypes.create_string_buffer(num_events * _EVENT_BYTES)
        self.view = memoryview(self.events)
        self.text = ctypes.create_string_buffer(text_bytes)
        self.text_address = ctypes.addressof(self.text)
        self.count = ctypes.c_uint32()
        self.size = ctypes.c_uint64()


class Queue(Handle):
    """Where the events of any number of requests of one runtime arrive. Made by
    Runtime.create_queue.

    Any number of threads may use it. It has a descriptor, so that selectors and event loops can
    watch it. Closing it cancels its requests, and their events are lost."""

    __slots__ = ("_runtime", "_requests", "_buffers")
    _release = abi.skein_queue_release

    def __init__(self, value: int, runtime: "Runtime") -> None:
        super().__init__(value)
        self._runtime = runtime
        # Those whose terminal event was not polled yet. The handle of a request lives until then.
        self._requests: Dict[int, "Request"] = {}
        self._buffers: List[_Buffers] = []  # not in use: several threads may poll at a time

    def submit(self, *requests: "Request") -> None:
        """Submits requests: all of them, or none. A request is submitted once. Never waits."""
        added = {request.handle: request for request in requests}
        array = (ctypes.c_void_p * len(requests))(*(request.handle for request in requests))
        known = self._requests
        new = [handle for handle in added if handle not in known]
        known.update(
            added
        )  # before the call: a poll of another thread may see an event before it returns
        try:
            call(abi.skein_queue_submit, self.handle, array, len(requests))
        except BaseException:
            for handle in new:
                known.pop(handle, None)
            raise

    @property
    def num_running(self) -> int:
        """The requests that were submitted and whose terminal event was not polled yet."""
        return len(self._requests)

    def poll(self, max_events: int = 256) -> List[Event]:
        """Takes the events that are there, oldest first, without waiting."""
        try:
            buffers = self._buffers.pop()
        except IndexError:
            buffers = _Buffers(256, 1 << 15)
        if buffers.num_events < max_events:
            buffers = _Buffers(max_events, buffers.text_bytes)
        try:
            return self._poll(buffers, max_events)
        finally:
            self._buffers.append(buffers)

    def _poll(self, buffers: _Buffers, max_events: int) -> List[Event]:
        count, size = buffers.count, buffers.size
        while True:
            error = _abi.skein_error()
            status = abi.skein_queue_poll(
                self.handle,
                buffers.events,
                _EVENT_BYTES,
                max_events,
                buffers.text,
                buffers.text_bytes,
                byref(count),
                byref(size),
                byref(error),
            )
            if status == _abi.SKEIN_OK:
                break
            if status != _abi.SKEIN_OUT_OF_RANGE or size.value <= buffers.text_bytes:
                raise make_error(
                    status, error.message.decode("utf-8", "replace"), error.retry_after_ms
                )
            buffers.__init__(buffers.num_events, 2 * size.value)  # type: ignore[misc]
        if not count.value:
            return []
        return self._events(buffers)

    def _events(self, buffers: _Buffers) -> List[Event]:
        texts = ctypes.string_at(buffers.text_address, buffers.size.value)
        requests, terminal, make, new = self._requests, _TERMINAL, Event, tuple.__new__
        events = []
        for raw in _EVENT.iter_unpack(buffers.view[: buffers.count.value * _EVENT_BYTES]):
            kind, reason, handle, user_data, token, status, offset, num_bytes = raw[:8]
            request = requests.pop(handle) if kind in terminal else requests[handle]
            text = texts[offset : offset + num_bytes]
            events.append(
                new(make, (kind, reason, request, user_data, token, status, text) + raw[8:])
            )
        return events

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until an event is there, for `timeout` seconds at most; None: for ever. True: there
        is one. Ctrl-C ends the wait. If another thread closes the queue, InvalidHandleError
        does."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left_ms = (
                _WAIT_MS if end is None else max(0, int((end - time.monotonic()) * 1000 + 0.999))
            )
            ready = read_flag(abi.skein_queue_wait, self.handle, min(left_ms, _WAIT_MS))
            if ready or left_ms == 0:
                return ready

    def events(self) -> Iterator[Event]:
        """All events until no request of the queue runs any more. Waits for them."""
        while self._requests:
            self.wait()
            yield from self.poll()

    __iter__ = events

    def fileno(self) -> int:
        """A descriptor that is readable while events are there, for selectors and event loops. It
        belongs to the queue: do not read, write or close it."""
        return read_number(ctypes.c_int32, abi.skein_queue_fd, self.handle)

    def set_wakeup(self, wakeup: Optional[Callable[[], object]]) -> None:
        """Calls `wakeup` when the queue turns from empty to not empty, on a thread of the library;
        None: nobody is called any more. It may only poll or submit; what it raises goes to
        sys.unraisablehook. When this returned, the one before is not running. So hold no lock that
        it waits for."""
        handle = self.handle
        if wakeup is None:
            call(abi.skein_queue_set_wakeup, handle, None, None)
            _wakeups.pop(handle, None)
        else:
            _wakeups[handle] = wakeup
            call(abi.skein_queue_set_wakeup, handle, _on_wakeup, handle)

    def close(self) -> None:
        """Closes the queue and cancels its requests. Waits for a wake-up that runs on another
        thread."""
        handle = self._value
        super().close()
        self._requests.clear()
        if handle is not None:
            _wakeups.pop(handle, None)


def read_flag(function: Callable[..., int], *arguments: Any) -> bool:
    """Calls a function whose last argument takes 0 or 1."""
    return bool(read_number(ctypes.c_uint32, function, *arguments))


# What to call for each queue that wants it.
_wakeups: Dict[int, Callable[[], object]] = {}


def _call_wakeup(handle: Optional[int]) -> None:
    wakeup = _wakeups.get(handle or 0)
    if wakeup is not None:
        wakeup()


# One function of C for all queues, which is never freed: a queue may be dropped by the very call
# that it made.
_on_wakeup = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_call_wakeup)


@atexit.register
def _remove_wakeups() -> None:
    """No thread of the library may enter the interpreter while it ends."""
    for handle in list(_wakeups):
        abi.skein_queue_set_wakeup(handle, None, None, None)
