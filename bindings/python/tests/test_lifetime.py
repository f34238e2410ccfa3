"""Objects that come and go: in any order, under the collector, on many threads, thousands of
times."""

import asyncio
import gc
import os
import threading
import time
import unittest
import unittest.mock
from typing import Any, Callable, List

from support import MODEL, ModelTest

import skein

ROUNDS = int(os.environ.get("SKEIN_TEST_ROUNDS", "300"))


def num_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_kib() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether it does within a time in which any request that was cancelled has ended."""
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class LifetimeTest(ModelTest):
    def test_any_order_of_closing(self) -> None:
        runtime = skein.Runtime(threads=1)
        model = runtime.load_model(MODEL, device="reference", calibrate=0)
        stream, queue = model.create_stream(), runtime.create_queue()
        request = stream.create_request("And ", max_tokens=10**6, stop_at_end=0)
        queue.submit(request)
        for thing in (runtime, model, stream):
            thing.close()
        kinds = [event.kind for event in queue]
        self.assertEqual(kinds[-1], skein.EventKind.CANCELLED)
        queue.close()
        request.close()

    def test_nothing_has_to_be_named(self) -> None:
        text = (
            skein.Runtime(threads=1)
            .load_model(MODEL, device="reference", calibrate=0)
            .create_stream()
        )
        gc.collect()
        self.assertGreater(len(text.generate("And ", max_tokens=4, stop_at_end=0).read()), 0)

    def test_a_request_lives_until_its_end(self) -> None:
        with self.runtime.create_queue() as queue:
            queue.submit(self.stream().create_request("And ", max_tokens=5, logprobs=0))
            gc.collect()
            events = list(queue)
            self.assertEqual(len(events), 6)
            self.assertEqual(len(events[-1].request.logprobs(0, 0, 5)), 5)

    def one_round(self) -> None:
        with self.model.create_stream() as stream, self.model.tokenizer() as tokenizer:
            stream.eval(tokenizer.encode("ab"))
            stream.generate("And ", max_tokens=2).read()
            generation = stream.generate(max_tokens=1000, stop_at_end=0)
            next(generation)
            generation.close()
            with stream.fork() as fork, stream.create_prefix(
                "p"
            ) as prefix, prefix.start() as start:
                fork.restore(stream.snapshot())
                start.create_request("x").close()
            try:
                stream.truncate(1 << 40)
            except skein.OutOfRangeError:
                pass
        with self.runtime.create_queue() as queue:
            queue.set_wakeup(lambda: None)
            queue.submit(self.model.create_stream().create_request("And ", max_tokens=2))

    def test_nothing_leaks(self) -> None:
        def rounds(count: int) -> None:
            for _ in range(count):
                self.one_round()
            gc.collect()
            # The requests of closed queues may still be on their way to their ends.
            self.assertTrue(comes_true(lambda: self.model.load().num_streams == 0))

        rounds(100)
        descriptors, objects = num_descriptors(), len(gc.get_objects())
        growths: List[int] = []
        # The least that a round could lose is a handle with its request, some hundred bytes. What
        # the C library keeps for itself grows once; a leak grows in each of the batches.
        limit = 2048 + ROUNDS // 8
        while len(growths) < 3 and min(growths, default=limit) >= limit:
            memory = resident_kib()
            rounds(ROUNDS)
            growths.append(resident_kib() - memory)
        self.assertLess(min(growths), limit, growths)
        # The queue of the last request goes a moment after its stream.
        self.assertTrue(comes_true(lambda: num_descriptors() <= descriptors))
        self.assertLess(len(gc.get_objects()) - objects, 50)

    def test_the_collector_under_load(self) -> None:
        failures: List[BaseException] = []

        def work(seed: int) -> None:
            try:
                for i in range(20):
                    stream = self.model.create_stream()
                    cycle: List[object] = [
                        stream,
                        stream.create_prefix(),
                        stream.generate("And ", max_tokens=50),
                    ]
                    cycle.append(cycle)
                    self.assertGreater(
                        len(self.model.create_stream().generate("A", max_tokens=3, seed=i).tokens),
                        -1,
                    )
                    gc.collect()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(failures, [])
        self.assertFalse(any(thread.is_alive() for thread in threads))

    def test_threads_share_a_queue(self) -> None:
        with self.runtime.create_queue() as queue:
            streams = [self.stream() for _ in range(12)]
            queue.submit(*(stream.create_request("And ", max_tokens=30) for stream in streams))
            ends: List[skein.Event] = []

            def drain() -> None:
                while queue.num_running:
                    if queue.wait(0.05):
                        ends.extend(event for event in queue.poll(5) if event.is_terminal)

            threads = [threading.Thread(target=drain) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(len(ends), 12)

    def test_a_poll_ends_before_another_begins(self) -> None:
        real, inside, other_done = skein.Queue._events, threading.Event(), threading.Event()
        found: List[skein.Event] = []

        def slow(queue: skein.Queue, buffers: Any) -> List[skein.Event]:
            if not inside.is_set():
                inside.set()
                other_done.wait(0.5)  # in vain: the other poll has to wait for this one
            return real(queue, buffers)

        with self.runtime.create_queue() as queue:
            request = self.stream().create_request("And ", max_tokens=3)
            queue.submit(request)
            while request.stream.tokens()[4:] == [] or self.model.load().num_running:
                queue.wait()
            with unittest.mock.patch.object(skein.Queue, "_events", slow):
                first = threading.Thread(target=lambda: found.extend(queue.poll(2)))
                first.start()
                inside.wait(20)
                last = queue.poll()
                other_done.set()
                first.join(20)
            # The load falls before the last event comes.
            while not last or not last[-1].is_terminal:
                queue.wait()
                last += queue.poll()
        self.assertEqual([event.kind for event in found], [skein.EventKind.TOKEN] * 2)
        self.assertEqual(len(last), 2)

    def test_one_thread_reads_a_text_and_another_may_close_it(self) -> None:
        stream = self.stream()
        generation = stream.generate("And ", max_tokens=10**6, stop_at_end=0)
        started = threading.Event()
        failures: List[skein.Error] = []

        def read() -> None:
            while not failures:
                try:
                    next(generation)
                    started.set()
                except skein.FailedPreconditionError:
                    pass  # the two have met, and this thread was the second
                except skein.CancelledError as error:
                    failures.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        started.wait(20)
        with self.assertRaisesRegex(skein.FailedPreconditionError, "another thread"):
            while True:  # until the two meet
                next(generation)
        generation.close()
        thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertEqual(len(failures), 1)
        stream.reset()

    def test_a_request_closed_under_its_reader_ends(self) -> None:
        for window in (0, 1):
            stream = self.stream()
            text = stream.generate("And ", max_tokens=10**6, stop_at_end=0, window=window)
            text.request.close()
            text.close()
            stream.reset()  # the stream is free

        async def main() -> None:
            async with skein.AsyncQueue(self.runtime) as queue:
                stream = self.stream()
                text = stream.generate_async(
                    "And ", queue=queue, max_tokens=10**6, stop_at_end=0, window=1
                )
                text.request.close()
                await asyncio.wait_for(text.aclose(), 20)
                stream.reset()

        asyncio.run(main())

    def test_a_text_closed_before_its_end_does_not_look_whole(self) -> None:
        generation = self.stream().generate("And ", max_tokens=10**6, stop_at_end=0)
        next(generation)
        generation.close()
        with self.assertRaisesRegex(skein.CancelledError, "closed before its end"):
            next(generation)

    def test_a_reader_waits_for_a_close_that_has_begun(self) -> None:
        generation = self.stream().generate("And ", max_tokens=10**6, stop_at_end=0)
        inside = threading.Event()
        real = generation._skip_to_end

        def slow() -> None:
            inside.set()
            time.sleep(0.1)  # the reader comes meanwhile
            real()

        failures: List[skein.Error] = []

        def read() -> None:
            inside.wait(20)
            try:
                next(generation)
            except skein.Error as error:
                failures.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        with unittest.mock.patch.object(generation, "_skip_to_end", slow):
            generation.close()
        thread.join(20)
        self.assertEqual([type(error) for error in failures], [skein.CancelledError])

    def test_others_run_while_one_waits(self) -> None:
        def turns_meanwhile() -> int:
            done = threading.Event()

            def evaluate() -> None:
                self.stream().eval([65] * 2000, skein.Output.NONE)
                done.set()

            thread = threading.Thread(target=evaluate)
            thread.start()
            turns = 0
            while not done.is_set():
                turns += 1
            thread.join()
            return turns

        # Other programs may have the processor for a whole call, but not for each of many.
        self.assertTrue(any(turns_meanwhile() > 100 for _ in range(20)))


if __name__ == "__main__":
    unittest.main()
