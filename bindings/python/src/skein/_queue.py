"""Queues: where the events of requests arrive."""

import atexit
import ctypes
import os
import struct
import threading
import time
from collections import defaultdict
from contextlib import nullcontext
from ctypes import byref
from enum import IntEnum
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    DefaultDict,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
    TypeVar,
)

from . import _abi
from ._calls import c_integer, call, read_number
from ._errors import Error, invalid_argument, make_error
from ._handle import Handle
from ._library import abi

if TYPE_CHECKING:
    from ._request import Request
    from ._runtime import Runtime


Taken = TypeVar("Taken")


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


def _piece_format() -> struct.Struct:
    """Of an event only what a text is made of: kind, request, token, text_offset, text_bytes."""
    parts, end = "@", 0
    for name in ("kind", "request", "token", "text_offset", "text_bytes"):
        field = getattr(_abi.skein_event, name)
        parts += f"{field.offset - end}x" + {4: "I", 8: "Q"}[field.size]
        end = field.offset + field.size
    return struct.Struct(f"{parts}{_EVENT_BYTES - end}x")


_PIECE = _piece_format()
_TOKEN = _abi.SKEIN_EVENT_TOKEN

# What a text is read from: a token, its text, and the whole event if it is another than that of a
# token.
Piece = Tuple[int, str, Optional[Event]]

# The events that one poll takes.
NUM_EVENTS = 256

# Ctrl-C is noticed between two waits of the library.
_WAIT_MS = 100

# With several requests, a loop rests between two polls, in seconds. The tokens of a step come one
# after the other within microseconds; taken one by one they cost more than twice the processor time
# (bench/overhead.sh, and the package's README).
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.008

# In between, a rest is so many times as long as reading the last events took, so that reading
# takes about a thirtieth of a processor.
_REST = 30


def pause_after(seconds: float) -> float:
    """How long after a poll the next one is due, if reading its events took `seconds`."""
    return min(max(SHORTEST_PAUSE, _REST * seconds), LONGEST_PAUSE)


# How many forks lie between the first process and this one. In a child of a fork a lock of the
# parent may be held for ever, by a thread that is not there.
_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class _Buffers:
    """The memory of one call. It is kept for the next one, because calls come with every token."""

    def __init__(self, num_events: int, text_bytes: int) -> None:
        self.num_events = num_events
        self.text_bytes = text_bytes
        self.events = ctypes.create_string_buffer(num_events * _EVENT_BYTES)
        self.view = memoryview(self.events)
        self.text = ctypes.create_string_buffer(text_bytes)
        self.text_address = ctypes.addressof(self.text)
        self.number = ctypes.c_uint32()  # of events, or whether there are some
        self.size = ctypes.c_uint64()
        self.error = _abi.skein_error()
        self.number_ref, self.size_ref = byref(self.number), byref(self.size)
        self.error_ref = byref(self.error)

    def failure(self, status: int) -> Error:
        """The exception for a status of a call that had this memory."""
        message = self.error.message.decode("utf-8", "replace")
        return make_error(status, message, self.error.retry_after_ms)


class Queue(Handle):
    """Where the events of any number of requests of one runtime arrive. Made by
    Runtime.create_queue.

    Any number of threads may use it. It has a descriptor, so that selectors and event loops can
    watch it. Closing it cancels its requests, and their events are lost."""

    __slots__ = ("_runtime", "_requests", "_buffers", "_polling", "_forks")
    _release = abi.skein_queue_release

    def __init__(self, value: int, runtime: "Runtime") -> None:
        super().__init__(value)
        self._runtime = runtime
        # Those whose terminal event was not polled yet. The handle of a request lives until then.
        self._requests: Dict[int, "Request"] = {}
        self._polling = threading.RLock()
        self._forks = _forks
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

    def poll(self, max_events: int = NUM_EVENTS) -> List[Event]:
        """Takes the events that are there, oldest first, without waiting."""
        if c_integer(max_events, "max_events") < 1:
            raise invalid_argument(f"max_events: expected 1 at least, found {max_events}")
        return self._take(self._events, max_events)

    def poll_pieces(self) -> Tuple[int, Dict[int, List[Piece]]]:
        """As poll(), with no more of an event than its text needs: what iterators over texts call
        for every token. Gives the number of events, and the pieces by the handles of requests."""
        return self._take(self._pieces, NUM_EVENTS)

    def _take(self, read: Callable[[_Buffers], Taken], max_events: int) -> Taken:
        buffers = self._take_buffers()
        try:
            if buffers.num_events < max_events:
                buffers = _Buffers(max_events, buffers.text_bytes)
            # One thread at a time: the last event of a request must not be known before the others.
            with self._lock():
                self._poll(buffers, max_events)
                return read(buffers)
        finally:
            self._buffers.append(buffers)

    def _lock(self) -> ContextManager[object]:
        if self._forks == _forks:
            return self._polling
        return nullcontext()

    def _take_buffers(self) -> _Buffers:
        try:
            return self._buffers.pop()
        except IndexError:
            return _Buffers(NUM_EVENTS, 1 << 15)

    def _poll(self, buffers: _Buffers, max_events: int) -> None:
        while True:
            status = abi.skein_queue_poll(
                self.handle,
                buffers.events,
                _EVENT_BYTES,
                max_events,
                buffers.text,
                buffers.text_bytes,
                buffers.number_ref,
                buffers.size_ref,
                buffers.error_ref,
            )
            if status == _abi.SKEIN_OK:
                return
            needed = buffers.size.value
            if status != _abi.SKEIN_OUT_OF_RANGE or needed <= buffers.text_bytes:
                raise buffers.failure(status)
            buffers.__init__(buffers.num_events, 2 * needed)  # type: ignore[misc]

    def _pieces(self, buffers: _Buffers) -> Tuple[int, Dict[int, List[Piece]]]:
        num_events = buffers.number.value
        data = ctypes.string_at(buffers.text_address, buffers.size.value)
        # One text for all is decoded once, if its places are those of the bytes.
        text = data.decode("ascii") if data.isascii() else None
        pieces: DefaultDict[int, List[Piece]] = defaultdict(list)
        view = buffers.view[: num_events * _EVENT_BYTES]
        for index, (kind, handle, token, offset, num_bytes) in enumerate(_PIECE.iter_unpack(view)):
            if kind != _TOKEN:
                event = self._event(_EVENT.unpack_from(view, index * _EVENT_BYTES), data)
                pieces[handle].append((0, event.text, event))
            elif text is not None:
                pieces[handle].append((token, text[offset : offset + num_bytes], None))
            else:
                piece = data[offset : offset + num_bytes].decode("utf-8", "replace")
                pieces[handle].append((token, piece, None))
        return num_events, pieces

    def _event(self, fields: Tuple[Any, ...], data: bytes) -> Event:
        """An event by itself: its fields as in the library's struct, and the texts of its poll."""
        kind, handle, offset = fields[0], fields[2], fields[6]
        request = (self._requests.pop if kind in _TERMINAL else self._requests.__getitem__)(handle)
        text = data[offset : offset + fields[7]]
        return Event._make((*fields[:2], request, *fields[3:6], text, *fields[8:]))

    def _events(self, buffers: _Buffers) -> List[Event]:
        texts = ctypes.string_at(buffers.text_address, buffers.size.value)
        requests, terminal, make, new = self._requests, _TERMINAL, Event, tuple.__new__
        events = []
        # Naming each field is faster than cutting and joining tuples, and than a call for each.
        for (
            kind,
            reason,
            handle,
            user_data,
            token,
            status,
            offset,
            num_bytes,
            num_prompt_tokens,
            num_tokens,
            position,
            logprob,
            sample,
            num_cached_tokens,
            queue_us,
            prefill_us,
            decode_us,
            logprob_sum,
            cache,
        ) in _EVENT.iter_unpack(buffers.view[: buffers.number.value * _EVENT_BYTES]):
            fields = (
                kind,
                reason,
                requests.pop(handle) if kind in terminal else requests[handle],
                user_data,
                token,
                status,
                texts[offset : offset + num_bytes],
                num_prompt_tokens,
                num_tokens,
                position,
                logprob,
                sample,
                num_cached_tokens,
                queue_us,
                prefill_us,
                decode_us,
                logprob_sum,
                cache,
            )
            events.append(new(make, fields))
        return events

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Waits until an event is there, for `timeout` seconds at most; None: for ever. True: there
        is one. Ctrl-C ends the wait. If another thread closes the queue, InvalidHandleError does.
        """
        buffers = self._take_buffers()
        try:
            if timeout is None:
                while not self._wait(buffers, _WAIT_MS):
                    pass
                return True
            end = time.monotonic() + timeout
            while True:
                left_ms = max(0, int((end - time.monotonic()) * 1000 + 0.999))
                if self._wait(buffers, min(left_ms, _WAIT_MS)) or left_ms == 0:
                    return bool(buffers.number.value)
        finally:
            self._buffers.append(buffers)

    def _wait(self, buffers: _Buffers, milliseconds: int) -> int:
        number, error = buffers.number_ref, buffers.error_ref
        status = abi.skein_queue_wait(self.handle, milliseconds, number, error)
        if status != _abi.SKEIN_OK:
            raise buffers.failure(status)
        return buffers.number.value

    def events(self) -> Iterator[Event]:
        """All events until no request of the queue runs any more. Waits for them. While several
        run, events are taken once in one to eight milliseconds, the later the longer they take."""
        due = 0.0
        while self._requests:
            pause = due - time.monotonic()
            rests = pause > 0 and len(self._requests) > 1
            if rests:
                time.sleep(pause)
            # Another thread may take the last event meanwhile.
            if rests or self.wait(_WAIT_MS / 1000):
                begin = time.monotonic()
                events = self.poll()
                yield from events
                if 0 < len(events) < NUM_EVENTS:  # else there is nothing, or more
                    due = begin + pause_after(time.monotonic() - begin)

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
        if handle is not None:
            _wakeups.pop(handle, None)


# The function to call for each queue that wants one.
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
