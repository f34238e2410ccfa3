"""Many streams at once: streams.py WAY MODEL NUM_STREAMS NUM_TOKENS. Prints what
bindings/bench/streams.c does; the difference is what the package costs. WAY is how texts are read:
events, generate or asyncio."""

import asyncio
import sys
import time
from typing import Callable, Dict, List

import skein


def read_events(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    with runtime.create_queue() as queue:
        queue.submit(*requests)
        return sum(len(event.data) for event in queue)


def read_texts(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    """One after the other, as they were all begun together."""
    generations = [request.run() for request in requests]
    return sum(len(piece.encode()) for generation in generations for piece in generation)


def read_async(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    async def read(request: skein.Request, queue: skein.AsyncQueue) -> int:
        return sum([len(piece.encode()) async for piece in request.run_async(queue)])

    async def main() -> int:
        async with skein.AsyncQueue(runtime) as queue:
            return sum(await asyncio.gather(*(read(request, queue) for request in requests)))

    return asyncio.run(main())


WAYS: Dict[str, Callable[[skein.Runtime, List[skein.Request]], int]] = {
    "events": read_events,
    "generate": read_texts,
    "asyncio": read_async,
}


def main() -> None:
    read, path = WAYS[sys.argv[1]], sys.argv[2]
    num_streams, num_tokens = map(int, sys.argv[3:])
    runtime = skein.Runtime(threads=1)
    model = runtime.load_model(path, device="cpu", calibrate=0)
    streams = [model.create_stream() for _ in range(num_streams)]
    requests = [
        stream.create_request([65, 110, 100], max_tokens=num_tokens, stop_at_end=0, seed=seed)
        for seed, stream in enumerate(streams)
    ]
    clocks = [time.process_time, time.thread_time, time.monotonic]
    begin = [clock() for clock in clocks]
    num_bytes = read(runtime, requests)
    process, thread, wall = (clock() - start for clock, start in zip(clocks, begin))
    print(f"{process:.4f} {thread:.4f} {num_bytes} {wall:.4f}")


if __name__ == "__main__":
    main()
