"""Text in an asyncio loop."""

import asyncio
import time
import unittest
import unittest.mock
from typing import List

from support import ModelTest

import skein


class AsyncTest(ModelTest):
    def test_many_texts_share_a_queue(self) -> None:
        async def one(queue: skein.AsyncQueue, seed: int) -> str:
            pieces = []
            async for piece in self.stream().generate_async(
                "And ", queue=queue, max_tokens=20, seed=seed
            ):
                pieces.append(piece)
            return "".join(pieces)

        async def main() -> List[str]:
            async with skein.AsyncQueue(self.runtime) as queue:
                return list(await asyncio.gather(*(one(queue, seed) for seed in range(8))))

        texts = asyncio.run(main())
        expected = [
            self.stream().generate("And ", max_tokens=20, seed=seed).read() for seed in range(8)
        ]
        self.assertEqual(texts, expected)

    def test_a_text_alone(self) -> None:
        async def main() -> str:
            async with self.stream().generate_async(
                "And ", max_tokens=9, seed=1, window=2
            ) as generation:
                return await generation.read()

        self.assertEqual(
            asyncio.run(main()), self.stream().generate("And ", max_tokens=9, seed=1).read()
        )

    def test_the_loop_runs_on_meanwhile(self) -> None:
        async def main() -> int:
            # A window of one token: the text cannot be whole before the loop has had its turns.
            generation = self.stream().generate_async(
                "And ", max_tokens=200, stop_at_end=0, window=1
            )
            reading = asyncio.ensure_future(generation.read())
            turns = 0
            while not reading.done():
                await asyncio.sleep(0)
                turns += 1
            return turns

        self.assertGreater(asyncio.run(main()), 10)

    def test_cancelling_the_task_cancels_the_request(self) -> None:
        stream = self.stream()

        async def read(queue: skein.AsyncQueue, started: "asyncio.Future[None]") -> None:
            async for _ in stream.generate_async(
                "And ", queue=queue, max_tokens=100000, stop_at_end=0
            ):
                if not started.done():
                    started.set_result(None)

        async def main() -> None:
            async with skein.AsyncQueue(self.runtime) as queue:
                started = asyncio.get_running_loop().create_future()
                task = asyncio.ensure_future(read(queue, started))
                await started
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                async with stream_when_free(stream, queue) as again:
                    self.assertGreater(len(await again.read()), 0)

        asyncio.run(main())

    def test_one_task_reads_a_text(self) -> None:
        async def main() -> None:
            async with self.stream().generate_async(
                "And ", max_tokens=100000, stop_at_end=0
            ) as generation:
                first, second = (asyncio.ensure_future(generation.read()) for _ in range(2))
                with self.assertRaisesRegex(skein.FailedPreconditionError, "another task"):
                    await asyncio.wait_for(second, 20)
                first.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await first

        asyncio.run(main())

    def test_a_reader_that_is_dropped_leaves_the_others_alone(self) -> None:
        async def main() -> List[str]:
            async with skein.AsyncQueue(self.runtime) as queue:
                kept = [
                    self.stream().generate_async("And ", queue=queue, max_tokens=30, seed=seed)
                    for seed in range(2)
                ]
                dropped = self.stream().generate_async("And ", queue=queue, max_tokens=30)
                await dropped.__anext__()
                del dropped
                return [await one.read() for one in kept]

        expected = [
            self.stream().generate("And ", max_tokens=30, seed=seed).read() for seed in range(2)
        ]
        self.assertEqual(asyncio.run(main()), expected)

    def test_a_text_is_whole_after_its_queue_is_gone(self) -> None:
        async def main() -> str:
            generation = self.stream().generate_async("And ", max_tokens=9, seed=1)
            while not generation._queue.closed:
                await asyncio.sleep(0)
            return await generation.read()

        self.assertEqual(
            asyncio.run(main()), self.stream().generate("And ", max_tokens=9, seed=1).read()
        )

    def test_many_texts_are_taken_in_turns(self) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            async with skein.AsyncQueue(self.runtime) as queue:
                with unittest.mock.patch.object(loop, "call_at", wraps=loop.call_at) as later:
                    await self.stream().generate_async("And ", queue=queue, max_tokens=20).read()
                    self.assertEqual(later.call_count, 0)
                    # A window keeps both at work until they are read, behind the first poll.
                    texts = [
                        self.stream().generate_async("And ", queue=queue, max_tokens=20, window=1)
                        for _ in range(2)
                    ]
                    await asyncio.gather(*(text.read() for text in texts))
                    self.assertGreater(later.call_count, 0)
                # The loop watches the descriptor again.
                await self.stream().generate_async("And ", queue=queue, max_tokens=20).read()

        asyncio.run(main())

    def test_the_turns_of_tasks_count_as_reading(self) -> None:
        work = 0.01

        async def read(queue: skein.AsyncQueue) -> None:
            # A window keeps both at work until they are read, behind the first poll.
            generation = self.stream().generate_async("And ", queue=queue, max_tokens=3, window=1)
            async for _ in generation:
                time.sleep(work)  # what a program does with a piece

        async def main() -> List[float]:
            with unittest.mock.patch("skein._aio.pause_after", return_value=0) as pause_after:
                async with skein.AsyncQueue(self.runtime) as queue:
                    await asyncio.gather(read(queue), read(queue))
            return [call.args[0] for call in pause_after.call_args_list]

        self.assertGreaterEqual(max(asyncio.run(main())), work)

    def test_a_text_beside_it_that_is_not_ascii_moves_no_piece(self) -> None:
        biases = [{195: 50.0, 169: 50.0}, {97: 50.0, 98: 50.0}]  # the bytes of e acute; a and b

        async def main() -> List[str]:
            async with skein.AsyncQueue(self.runtime) as queue:
                texts = [
                    self.stream().generate_async(
                        "And ", queue=queue, max_tokens=80, seed=1, logit_bias=bias
                    )
                    for bias in biases
                ]
                return list(await asyncio.gather(*(text.read() for text in texts)))

        texts = asyncio.run(main())
        expected = [
            self.stream().generate("And ", max_tokens=80, seed=1, logit_bias=bias).read()
            for bias in biases
        ]
        self.assertEqual(texts, expected)
        self.assertIn("\u00e9", texts[0])
        self.assertLessEqual(set(texts[1]), {"a", "b"})

    def test_aclose_frees_the_stream(self) -> None:
        stream = self.stream()

        async def main() -> None:
            async with stream.generate_async(
                "And ", max_tokens=100000, stop_at_end=0
            ) as generation:
                async for _ in generation:
                    break
            stream.eval([65])

        asyncio.run(main())

    def test_closing_the_queue_ends_its_readers(self) -> None:
        async def main() -> None:
            queue = skein.AsyncQueue(self.runtime)
            generation = self.stream().generate_async(
                "And ", queue=queue, max_tokens=100000, stop_at_end=0
            )
            reading = asyncio.ensure_future(generation.read())
            await asyncio.sleep(0)
            queue.close()
            with self.assertRaises(skein.InvalidHandleError):
                await reading

        asyncio.run(main())

    def test_errors_come_where_the_text_would(self) -> None:
        async def main() -> None:
            with self.assertRaises(skein.DeadlineExceededError):
                await self.stream().generate_async("And ", max_tokens=100000, deadline_ms=1).read()

        asyncio.run(main())


class stream_when_free:
    """A generation on a stream whose request was cancelled and ends at its next step."""

    def __init__(self, stream: skein.Stream, queue: skein.AsyncQueue) -> None:
        self.stream, self.queue = stream, queue

    async def __aenter__(self) -> skein.AsyncGeneration:
        while True:
            try:
                return self.stream.generate_async("And ", queue=self.queue, max_tokens=3)
            except skein.FailedPreconditionError:
                await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    unittest.main()
