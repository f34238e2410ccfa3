"""Requests in an asyncio loop: the loop watches the descriptor of a queue, so that nothing is
waited for in a thread."""

import asyncio
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, AsyncIterator, Optional, Type

from ._errors import InvalidHandleError, Status
from ._generation import Reader
from ._queue import Queue

if TYPE_CHECKING:
    from ._request import Request
    from ._runtime import Runtime


class AsyncQueue:
    """A queue that the running loop watches, for any number of requests. To be used in the thread
    of that loop, and closed there, by close() or `async with`."""

    def __init__(self, runtime: "Runtime") -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: Queue = runtime.create_queue()
        self._readers: "weakref.WeakValueDictionary[int, AsyncGeneration]" = (
            weakref.WeakValueDictionary()
        )
        self._fd = self._queue.fileno()
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
        self._readers[request.handle] = reader
        self._queue.submit(request)

    def _drain(self) -> None:
        for event in self._queue.poll():
            reader = self._readers.get(event.request.handle)
            if reader is not None:
                reader.deliver(event)

    def close(self) -> None:
        """Cancels the requests that run, and ends their iterations with InvalidHandleError."""
        if self._queue.closed:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        self._queue.close()
        for reader in list(self._readers.values()):
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
        except BaseException:
            self._release()
            raise

    def deliver(self, event: "object") -> None:
        """Takes an event from the queue."""
        self._pending.append(event)  # type: ignore[arg-type]
        self.wake()

    def wake(self) -> None:
        """Lets the task that waits here look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> "AsyncGeneration":
        return self

    async def __anext__(self) -> str:
        try:
            while True:
                piece = self._next_piece()
                if piece:
                    return piece
                if self.end is not None:
                    raise StopAsyncIteration
                await self._wait()
        finally:
            if self.end is not None and not self._pending:
                self._release()

    async def _wait(self) -> None:
        if self._queue.closed:
            raise InvalidHandleError(Status.INVALID_HANDLE, "the queue of this request is closed")
        if self._pending:
            return
        self._waiter = self._queue.loop.create_future()
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
        if self.end is None and not self._queue.closed:
            self._cancel()
            self._skip_to_end()
            while self.end is None:
                await self._wait()
                self._skip_to_end()
        self._release()

    def _cancel(self) -> None:
        if not self.request.closed:
            self.request.cancel()

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
