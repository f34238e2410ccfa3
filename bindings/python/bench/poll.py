"""What poll.c does, in Python: poll.py MODEL STREAMS TOKENS [events|generate|asyncio]. Prints the
tokens, the seconds of the run, the seconds of processor time of the process, and those of the
thread that polls. The way to read is a loop over events, if no other is named."""

import asyncio
import sys
import time
from typing import Any, Callable, Dict, List

import skein


def read_events(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    tokens = size = 0
    with runtime.create_queue() as queue:
        queue.submit(*requests)
        for event in queue:
            size += len(event.data)
            tokens += event.kind == skein.EventKind.TOKEN
    assert size
    return tokens


def read_texts(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    """One after the other, as they were all begun together."""
    generations = [request.run() for request in requests]
    return sum(len(generation.tokens) for generation in generations if generation.read())


def read_async(runtime: skein.Runtime, requests: List[skein.Request]) -> int:
    async def one(request: skein.Request, queue: skein.AsyncQueue) -> int:
        generation = request.run_async(queue)
        async for _ in generation:
            pass
        return len(generation.tokens)

    async def main() -> int:
        async with skein.AsyncQueue(runtime) as queue:
            return sum(await asyncio.gather(*(one(request, queue) for request in requests)))

    return asyncio.run(main())


WAYS: Dict[str, Callable[[skein.Runtime, List[skein.Request]], int]] = {
    "events": read_events,
    "generate": read_texts,
    "asyncio": read_async,
}


def main() -> None:
    path, num_streams, num_tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    read = WAYS[sys.argv[4] if len(sys.argv) > 4 else "events"]
    runtime = skein.Runtime()
    model = runtime.load_model(path, calibrate=0, tokenizer="bytes")
    options: Dict[str, Any] = {"max_tokens": num_tokens, "stop_at_end": 0}
    streams = [model.create_stream() for _ in range(num_streams)]
    requests = [s.create_request("And ", seed=i, **options) for i, s in enumerate(streams)]
    clocks = [time.monotonic, time.process_time, time.thread_time]
    begin = [clock() for clock in clocks]
    tokens = read(runtime, requests)
    wall, process, thread = (clock() - start for clock, start in zip(clocks, begin))
    print(f"{tokens} {wall:.6f} {process:.6f} {thread:.6f}")


if __name__ == "__main__":
    main()
