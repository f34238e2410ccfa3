"""The text of one request, as an iterator."""

import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Deque, Iterator, List, Optional, Type

from . import _abi
from ._errors import (
    CancelledError,
    FailedPreconditionError,
    Status,
    invalid_argument,
    make_error,
)
from ._queue import Event, Piece

if TYPE_CHECKING:
    from ._request import Request


class Reader:
    """Reads the events of one request as pieces of text: what iterators of both kinds share.

    tokens: the tokens so far, without those that are still on their way.
    end: the terminal event, which says why the text ended and has the counts and times; None: it
    has not come yet."""

    def __init__(self, request: "Request") -> None:
        if request.num_samples != 1:
            raise invalid_argument(
                f"n: expected 1 for one text, found {request.num_samples}; use a Queue for several"
            )
        self.request = request
        self.tokens: List[int] = []
        self.end: Optional[Event] = None
        self._has_window = request.window > 0
        self._pending: Deque[Piece] = deque()

    def _next_piece(self) -> str:
        """The next piece of text among those that are here; "": there is none. Raises what the
        request ended with."""
        pending = self._pending
        while pending:
            token, text, event = pending.popleft()
            if event is not None:
                text = self._read(event)
            else:
                self.tokens.append(token)
                if self._has_window:
                    self.request.acknowledge(1)
            if text:
                return text
        return ""

    def _read(self, event: Event) -> str:
        """Reads an event other than that of a token."""
        if event.kind == _abi.SKEIN_EVENT_SAMPLE_DONE:
            return event.text if event.status == _abi.SKEIN_OK else ""
        self.end = event
        if event.kind == _abi.SKEIN_EVENT_ERROR:
            raise make_error(event.status, event.text)
        if event.kind == _abi.SKEIN_EVENT_CANCELLED:
            raise CancelledError(Status.CANCELLED, "the request was cancelled")
        return event.text

    def _cancel(self) -> None:
        if not self.request.closed:  # else closing it has cancelled it
            self.request.cancel()

    def _skip_to_end(self) -> None:
        """Drops what is here, for a text that nobody wants any more."""
        while self._pending:
            event = self._pending.popleft()[2]
            if event is not None and event.is_terminal:
                self.end = event


class Generation(Reader, Iterator[str]):
    """The text of a request, piece by piece. The request runs from the moment that this is made.

    An iteration that is left early should be closed, by close() or `with`: the request is cancelled
    then, and the stream is free again when close() returns, which takes a step at most. The last
    reference does the same. One thread at a time reads it; another may close it. Whoever reads a
    text that was closed before its end gets CancelledError, so that half a text does not pass for
    a whole one."""

    def __init__(self, request: "Request") -> None:
        super().__init__(request)
        self._reading = threading.RLock()
        self._closed_early = False
        self._queue = request.stream.model.runtime.create_queue()
        self._queue.submit(request)
        request.begin_reading()

    def __iter__(self) -> "Generation":
        return self

    def __next__(self) -> str:
        if not self._reading.acquire(blocking=False):
            if not self._closed_early:
                raise FailedPreconditionError(
                    Status.FAILED_PRECONDITION, "another thread is reading this text"
                )
            self._reading.acquire()  # from close(), which gives it back within a step
        try:
            if self._closed_early:
                raise CancelledError(Status.CANCELLED, "the text was closed before its end")
            piece = self._next_piece()
            while not piece:
                if self.end is not None:
                    self._queue.close()
                    raise StopIteration
                self._take()
                piece = self._next_piece()
            return piece
        finally:
            self._reading.release()

    def _take(self) -> None:
        """Waits for events, and takes them."""
        self._queue.wait()
        for pieces in self._queue.poll_pieces()[1].values():
            self._pending.extend(pieces)

    def read(self) -> str:
        """All of the text that is left."""
        return "".join(self)

    def close(self) -> None:
        """Cancels the request, if it runs, and waits until its stream is free."""
        if self.end is None and not self._queue.closed:
            self._closed_early = True
            self._cancel()
            with self._reading:
                self._skip_to_end()
                while self.end is None:
                    self._take()
                    self._skip_to_end()
        self._queue.close()

    def __enter__(self) -> "Generation":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_queue", None) is not None:  # None if the constructor raised
            self._queue.close()
