"""Text from a stream: iterators, queues, stops, samples, chats."""

import math
import selectors
import threading
import time
import unittest
import unittest.mock
from typing import Any, List

from support import ModelTest

import skein
from skein._queue import pause_after


class GenerateTest(ModelTest):
    def test_pieces_are_the_text(self) -> None:
        generation = self.stream().generate("In the beginning", max_tokens=20, seed=1)
        pieces = list(generation)
        self.assertEqual(
            "".join(pieces),
            self.stream().generate("In the beginning", max_tokens=20, seed=1).read(),
        )
        self.assertTrue(all(isinstance(piece, str) and piece for piece in pieces))
        assert generation.end is not None
        self.assertEqual(generation.end.reason, skein.Reason.LENGTH)
        self.assertEqual(len(generation.tokens), 20)

    def test_an_empty_prompt_goes_on(self) -> None:
        whole = self.stream().generate("And it came", max_tokens=12, temperature=0).read()
        stream = self.stream()
        first = stream.generate("And it came", max_tokens=5, temperature=0).read()
        self.assertEqual(first + stream.generate(max_tokens=7, temperature=0).read(), whole)

    def test_leaving_early_frees_the_stream(self) -> None:
        stream = self.stream()
        with stream.generate("And", max_tokens=100000, stop_at_end=0) as generation:
            next(generation)
        assert generation.end is not None
        self.assertEqual(generation.end.kind, skein.EventKind.CANCELLED)
        position = stream.position
        self.assertGreaterEqual(position, 3)
        stream.eval([65])
        self.assertGreater(stream.position, position)

    def test_an_exception_in_the_middle_frees_the_stream(self) -> None:
        stream = self.stream()
        with self.assertRaises(ZeroDivisionError):
            with stream.generate("And", max_tokens=100000, stop_at_end=0) as generation:
                for _ in generation:
                    raise ZeroDivisionError
        stream.reset()

    def test_a_generation_that_is_dropped_ends_its_request(self) -> None:
        stream = self.stream()
        generation = stream.generate("And", max_tokens=100000, stop_at_end=0)
        next(generation)
        del generation
        end = time.monotonic() + 20
        while True:  # the request ends at its next step; nobody says when
            try:
                stream.reset()
                break
            except skein.FailedPreconditionError:
                self.assertLess(time.monotonic(), end)

    def test_a_window_is_acknowledged_by_reading(self) -> None:
        text = self.stream().generate("And", max_tokens=40, temperature=0, window=4).read()
        self.assertEqual(text, self.stream().generate("And", max_tokens=40, temperature=0).read())

    def test_cancelling_raises(self) -> None:
        generation = self.stream().generate("And", max_tokens=100000, stop_at_end=0)
        generation.request.cancel()
        with self.assertRaises(skein.CancelledError):
            generation.read()

    def test_several_samples_are_no_text(self) -> None:
        with self.assertRaises(skein.InvalidArgumentError):
            self.stream().generate("And", n=2)

    def test_the_best_of_several_is_one_text(self) -> None:
        text = self.stream().generate("And", max_tokens=6, best_of=3, seed=2).read()
        self.assertGreater(len(text), 0)

    def test_stops_and_biases(self) -> None:
        text = (
            self.stream()
            .generate("And the ", max_tokens=60, temperature=0, stop=[" of", 10])
            .read()
        )
        self.assertNotIn(" of", text)
        text = (
            self.stream()
            .generate("And the ", max_tokens=5, temperature=0, logit_bias={122: 1000})
            .read()
        )
        self.assertEqual(text, "zzzzz")
        banned = (
            self.stream()
            .generate("And the ", max_tokens=40, temperature=0, logit_bias={101: -math.inf})
            .read()
        )
        self.assertNotIn("e", banned)

    def test_a_single_stop_is_no_list_of_letters(self) -> None:
        text = self.stream().generate("And the ", max_tokens=60, temperature=0, stop=" of").read()
        self.assertNotIn(" of", text)
        self.assertIn("o", text + "o")
        self.assertGreater(len(text), 1)

    def test_options_are_shared(self) -> None:
        with skein.Options(skein.OptionsKind.REQUEST, max_tokens=8, seed=3) as options:
            one = self.stream().generate("And", options).read()
            self.assertEqual(one, self.stream().generate("And", max_tokens=8, seed=3).read())
            with self.assertRaises(TypeError):
                self.stream().generate("And", options, seed=4)

    def test_a_conversation(self) -> None:
        messages: List[skein.Message] = [
            ("user", "Who?"),
            {"role": "assistant", "content": b"I."},
            ("user", "Why?"),
        ]
        prompt = self.model.chat_prompt(messages, template="world")
        self.assertEqual(prompt, "User: Who?\n\nAssistant: I.\n\nUser: Why?\n\nAssistant:")
        stream = self.stream()
        request = stream.create_request(max_tokens=4, temperature=0)
        request.set_chat(messages, template="world")
        text = request.run().read()
        self.assertEqual(text, self.stream().generate(prompt, max_tokens=4, temperature=0).read())


class QueueTest(ModelTest):
    def start(self, queue: skein.Queue, count: int, **options: Any) -> List[skein.Request]:
        requests = [self.stream().create_request("And ", seed=i, **options) for i in range(count)]
        for i, request in enumerate(requests):
            request.set_user_data(i)
        queue.submit(*requests)
        return requests

    def test_events_name_their_requests(self) -> None:
        with self.runtime.create_queue() as queue:
            requests = self.start(queue, 8, max_tokens=5)
            texts = {request: "" for request in requests}
            ends = 0
            for event in queue:
                texts[event.request] += event.text
                self.assertIs(event.request, requests[event.user_data])
                ends += event.is_terminal
            self.assertEqual(ends, 8)
            self.assertEqual(queue.num_running, 0)
        for i, text in enumerate(texts.values()):
            self.assertEqual(text, self.stream().generate("And ", seed=i, max_tokens=5).read())

    def test_a_loop_over_several_requests_pauses_between_polls(self) -> None:
        for count, pauses in ((1, False), (2, True)):
            with self.runtime.create_queue() as queue:
                # A window of one token: the texts cannot be whole before the second poll.
                self.start(queue, count, max_tokens=5, window=1)
                ends = 0
                with unittest.mock.patch("skein._queue.time") as clock:
                    clock.monotonic.return_value = 1.0  # no time passes
                    for event in queue:
                        ends += event.is_terminal
                        if event.kind == skein.EventKind.TOKEN:
                            event.request.acknowledge(1)
                self.assertEqual(ends, count)
                self.assertEqual(clock.sleep.called, pauses)

    def test_the_pause_is_longer_where_events_cost_more(self) -> None:
        pauses = [pause_after(seconds) for seconds in (0, 0.0001, 1)]
        for pause, expected in zip(pauses, (0.001, 0.003, 0.008)):
            self.assertAlmostEqual(pause, expected)

    def test_pieces_are_the_texts_of_events(self) -> None:
        def ask() -> skein.Request:
            bias = {195: 50.0, 169: 50.0}  # the bytes of e acute
            stream = self.stream()
            return stream.create_request("And ", max_tokens=80, seed=3, logit_bias=bias)

        with self.runtime.create_queue() as queue:
            queue.submit(ask())
            events = list(queue)
        generation = ask().run()
        self.assertEqual(list(generation), [event.text for event in events if event.data])
        self.assertEqual(generation.tokens, [event.token for event in events[:-1]])
        self.assertEqual(generation.end.num_tokens, 80)  # type: ignore[union-attr]
        self.assertIn("\u00e9", "".join(event.text for event in events))

    def test_threads_may_loop_over_one_queue(self) -> None:
        with self.runtime.create_queue() as queue:
            self.start(queue, 6, max_tokens=20)
            ends: List[bool] = []
            threads = [
                threading.Thread(target=lambda: ends.extend(event.is_terminal for event in queue))
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            self.assertFalse(any(thread.is_alive() for thread in threads))
            self.assertEqual((len(ends), sum(ends)), (6 * 21, 6))

    def test_many_events_in_small_polls(self) -> None:
        with self.runtime.create_queue() as queue:
            self.start(queue, 4, max_tokens=50)
            count = 0
            while queue.num_running:
                queue.wait()
                events = queue.poll(3)
                self.assertLessEqual(len(events), 3)
                count += len(events)
            self.assertEqual(count, 4 * 51)
            for bad in (0, -1):
                with self.assertRaises(skein.InvalidArgumentError):
                    queue.poll(bad)

    def test_a_selector_sees_events(self) -> None:
        with self.runtime.create_queue() as queue, selectors.DefaultSelector() as selector:
            selector.register(queue, selectors.EVENT_READ)
            self.assertEqual(selector.select(0), [])
            self.start(queue, 2, max_tokens=3)
            while queue.num_running:
                self.assertTrue(selector.select(20))
                queue.poll()

    def test_a_wait_ends_in_time(self) -> None:
        with self.runtime.create_queue() as queue:
            self.assertFalse(queue.wait(0))
            self.assertFalse(queue.wait(0.25))

    def test_closing_a_queue_ends_its_waits(self) -> None:
        queue = self.runtime.create_queue()
        failures: List[Exception] = []
        waiting = threading.Event()

        def wait() -> None:
            waiting.set()
            try:
                queue.wait()
            except skein.InvalidHandleError as error:
                failures.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait()
        queue.close()
        thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertEqual(len(failures), 1)

    def test_a_wakeup_is_called(self) -> None:
        with self.runtime.create_queue() as queue:
            woken = threading.Event()
            queue.set_wakeup(woken.set)
            self.start(queue, 1, max_tokens=3)
            self.assertTrue(woken.wait(20))
            queue.set_wakeup(None)
            for _ in queue:
                pass

    def test_a_request_that_is_refused_is_not_running(self) -> None:
        with self.runtime.create_queue() as queue:
            (request,) = self.start(queue, 1, max_tokens=3)
            with self.assertRaises(skein.FailedPreconditionError):
                queue.submit(request)
            self.assertEqual(queue.num_running, 1)
            for _ in queue:
                pass
            with self.assertRaises(skein.FailedPreconditionError):
                queue.submit(request)
            self.assertEqual(queue.num_running, 0)

    def test_samples_have_streams(self) -> None:
        with self.runtime.create_queue() as queue:
            request = self.stream().create_request("And ", n=3, max_tokens=4, seed=5, logprobs=2)
            queue.submit(request)
            kinds = [event.kind for event in queue]
            self.assertEqual(kinds.count(skein.EventKind.SAMPLE_DONE), 3)
            with request.take_sample(2) as sample:
                self.assertEqual(len(sample.tokens()), 8)
            rows = request.logprobs(1, 0, 4)
            self.assertEqual([len(row) for row in rows], [3, 3, 3, 3])
            self.assertGreaterEqual(rows[0][1].logprob, rows[0][2].logprob)


if __name__ == "__main__":
    unittest.main()
