"""Requests in an asyncio loop: the loop watches the descriptor of a queue, so that nothing is
waited for in a thread."""

import asyncio
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, AsyncIterator, Dict, List, Optional, Type

from ._errors import FailedPreconditionError, InvalidHandleError, Status
from ._generation import Reader
from ._queue import NUM_EVENTS, Piece, Queue, pause_after

if TYPE_CHECKING:
    from ._request import Request
    from ._runtime import Runtime


class AsyncQueue:
    """A queue that the running loop watches, for any number of requests. While several run, events
    are taken once in one to eight milliseconds, the later the longer they take. To be used in the
    thread of that loop, and closed there, by close() or `async with`."""

    def __init__(self, runtime: "Runtime") -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: Queue = runtime.create_queue()
        # By the handles of the requests that run. A reader that nobody refers to gets no events.
        self._readers: "Dict[int, weakref.ref[AsyncGeneration]]" = {}
        self._fd = self._queue.fileno()
        # Set in a pause between two polls. The loop does not watch the descriptor then.
        self._pause: Optional[asyncio.Handle] = None
        self._loop.add_reader(self._fd, self._drain)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that watches it."""
        return self._loop

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._queue.closed

    def submit(self, request: "Request", reader: "AsyncGeneration") -> None:
        """Submits a request, whose events go to `reader` while it is alive."""
        self._queue.submit(request)
        self._readers[request.handle] = weakref.ref(reader)

    def _drain(self) -> None:
        """Takes the events that are there. Where several requests run, the next ones are taken
        after a pause, until none are found."""
        begin = self._loop.time()
        num_events, pieces_of = self._queue.poll_pieces()
        for handle, pieces in pieces_of.items():
            reader = self._readers[handle]()
            event = pieces[-1][2]
            ends = event is not None and event.is_terminal
            if ends:
                del self._readers[handle]
            if reader is not None:
                reader.deliver(pieces, ends)
        if num_events > 0 and self._queue.num_running > 1:
            if self._pause is None:
                self._loop.remove_reader(self._fd)
            # Behind the turns of the tasks that were woken: they are a part of reading.
            self._pause = self._loop.call_soon(self._rest, begin, num_events)
        elif self._pause is not None:
            self._pause = None
            self._loop.add_reader(self._fd, self._drain)

    def _rest(self, begin: float, num_events: int) -> None:
        """Lets the next poll follow after a pause; at once, if the last one left some."""
        now = self._loop.time()
        due = begin + pause_after(now - begin) if num_events < NUM_EVENTS else now
        self._pause = self._loop.call_at(due, self._drain)

    def close(self) -> None:
        """Cancels the requests that run, and ends their iterations with InvalidHandleError."""
        if self._queue.closed:
            return
        if self._pause is not None:
            self._pause.cancel()
        elif not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        self._queue.close()
        readers, self._readers = self._readers, {}
        for reference in readers.values():
            reader = reference()
            if reader is not None:
                reader.wake()

    async def __aenter__(self) -> "AsyncQueue":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


class AsyncGeneration(Reader, AsyncIterator[str]):
    """The text of a request, piece by piece, for `async for`. The request runs from the moment that
    this is made.

    A task that is cancelled while it waits here cancels the request. An iteration that is left
    early in another way should be closed, by aclose() or `async with`: the stream is free again
    when that is done."""

    def __init__(self, request: "Request", queue: Optional[AsyncQueue] = None) -> None:
        super().__init__(request)
        self._waiter: "Optional[asyncio.Future[None]]" = None
        self._owns_queue = queue is None
        self._queue = AsyncQueue(request.stream.model.runtime) if queue is None else queue
        try:
            self._queue.submit(request, self)
            request.begin_reading()
        except BaseException:
            self._release()
            raise

    def deliver(self, pieces: List[Piece], ends: bool) -> None:
        """Takes pieces from the queue; `ends`: the last one is the end."""
        self._pending.extend(pieces)
        self.wake()
        if ends:
            self._release()

    def wake(self) -> None:
        """Lets the task that waits here look again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def __aiter__(self) -> "AsyncGeneration":
        return self

    async def __anext__(self) -> str:
        # As _next_piece and _wait say, without their calls: this runs for every token.
        pending, tokens = self._pending, self.tokens
        while True:
            while pending:
                token, text, event = pending.popleft()
                if event is not None:
                    text = self._read(event)
                else:
                    tokens.append(token)
                    if self._has_window:
                        self.request.acknowledge(1)
                if text:
                    return text
            if self.end is not None:
                raise StopAsyncIteration
            waiter = self._waiter = self._new_waiter()
            try:
                await waiter
            except BaseException:
                self._cancel()
                raise
            finally:
                self._waiter = None

    def _new_waiter(self) -> "asyncio.Future[None]":
        """What is done when a piece is here."""
        if self._queue.closed:
            raise InvalidHandleError(Status.INVALID_HANDLE, "the queue of this request is closed")
        if self._waiter is not None:
            raise FailedPreconditionError(
                Status.FAILED_PRECONDITION,
                "another task is waiting for the next piece of this text",
            )
        return self._queue.loop.create_future()

    async def _wait(self) -> None:
        """Waits until a piece is here."""
        self._waiter = self._new_waiter()
        try:
            await self._waiter
        except BaseException:
            self._cancel()
            raise
        finally:
            self._waiter = None

    async def read(self) -> str:
        """All of the text that is left."""
        return "".join([piece async for piece in self])

    async def aclose(self) -> None:
        """Cancels the request, if it runs, and waits until its stream is free."""
        self._skip_to_end()
        if self.end is None and not self._queue.closed:
            self._cancel()
            while self.end is None:
                await self._wait()
                self._skip_to_end()
        self._release()

    def _release(self) -> None:
        if self._owns_queue:
            self._queue.close()

    async def __aenter__(self) -> "AsyncGeneration":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        queue: Optional[AsyncQueue] = getattr(self, "_queue", None)
        if queue is None or queue.closed or self.end is not None:
            return
        self._cancel()
        if self._owns_queue and not queue.loop.is_closed():
            queue.loop.call_soon_threadsafe(queue.close)  # this may be any thread
