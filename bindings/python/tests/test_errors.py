"""Failures: their kinds, what they say, and what C would have swallowed."""

import copy
import os
import pickle
import tempfile
import unittest
from typing import Any, Callable, List

from support import MODEL, ModelTest

import skein


class ErrorTest(ModelTest):
    def test_kinds_are_those_that_natives_expect(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            self.runtime.load_model("/nowhere/at-all.skein")
        error = caught.exception
        assert isinstance(error, skein.NotFoundError)
        self.assertIs(error.code, skein.Status.NOT_FOUND)
        self.assertEqual(error.name, "NOT_FOUND")
        self.assertIn("/nowhere/at-all.skein", error.message)
        self.assertEqual(str(error), f"NOT_FOUND: {error.message}")
        with self.assertRaises(LookupError):
            self.stream().find_checkpoint("nowhere")
        with self.assertRaises(ValueError):
            self.runtime.load_model(MODEL, type="f7")
        with self.assertRaises(IndexError):
            self.stream().truncate(7)
        with self.assertRaises(RuntimeError):
            self.model.chat_prompt([("user", "Hello")])
        with self.assertRaises(FileExistsError):
            self.runtime.convert_model(MODEL, MODEL)
        with self.assertRaises(skein.DataLossError):
            self.stream().restore(b"no snapshot")

    def test_names_are_those_of_the_library(self) -> None:
        for status in skein.Status:
            self.assertEqual(skein.status_name(status), status.name)
        self.assertEqual(skein.status_name(99), "UNKNOWN_CODE")

    def test_errors_travel(self) -> None:
        for status in [*skein.Status, 99]:
            error = skein._errors.make_error(status, "what was found", 250)
            twin = pickle.loads(pickle.dumps(error))
            self.assertIs(type(twin), type(error))
            self.assertEqual(
                (twin.code, twin.name, str(twin)), (error.code, error.name, str(error))
            )
            self.assertEqual(twin.retry_after_ms, 250)

    def test_a_full_model_says_when_to_try_again(self) -> None:
        with self.runtime.load_model(
            MODEL, device="reference", calibrate=0, max_streams=1
        ) as model:
            with model.create_stream():
                with self.assertRaises(skein.ResourceExhaustedError) as caught:
                    model.create_stream()
                self.assertGreater(caught.exception.retry_after_ms, 0)

    def test_options_of_the_wrong_kind(self) -> None:
        with self.assertRaisesRegex(skein.InvalidArgumentError, "max_tokens"):
            self.stream().create_request(max_token=3)
        with self.assertRaisesRegex(skein.InvalidArgumentError, "seed"):
            self.stream().create_request(seed=2**64)
        with self.assertRaisesRegex(
            TypeError, "top_k: expected a number, a str or a path, found list"
        ):
            self.stream().create_request(top_k=[1])  # type: ignore[arg-type]
        with self.assertRaises(skein.InvalidArgumentError):
            self.stream().create_request(top_k="many")
        with self.assertRaises(skein.InvalidArgumentError):
            self.stream().create_request(top_k=2.5)

    def test_what_c_would_cut_off_or_wrap_is_refused(self) -> None:
        stream = self.stream()
        calls: List[Callable[[], object]] = [
            lambda: self.runtime.load_model(MODEL + "\0.skein"),
            lambda: self.runtime.load_model(MODEL, device="cpu\0reference"),
            lambda: stream.set_checkpoint("a\0b"),
            lambda: stream.set_checkpoint("\ud800"),
            lambda: stream.generate("\ud800"),
            lambda: stream.truncate(-1),
            lambda: stream.tokens(2**64),
            lambda: stream.create_request("a").set_user_data(-1),
            lambda: stream.create_request("a", stop=[-1]),
            lambda: stream.create_request("a", logit_bias={2**32: 1}),
            lambda: stream.create_request("a", logit_bias={1: 10**400}),
        ]
        for call in calls:
            with self.assertRaises(ValueError):
                call()

    def test_numbers_of_the_wrong_type(self) -> None:
        request = self.stream().create_request("a")
        calls: List[Callable[[], object]] = [
            lambda: request.set_user_data(1.5),  # type: ignore[arg-type]
            lambda: request.set_logit_bias("a", 1),  # type: ignore[arg-type]
            lambda: self.stream().truncate("1"),  # type: ignore[arg-type]
            lambda: self.runtime.create_queue().poll(1.5),  # type: ignore[arg-type]
        ]
        for call in calls:
            with self.assertRaisesRegex(TypeError, ": expected an integer, found (float|str)"):
                call()
        with self.assertRaises(TypeError):
            request.set_logit_bias(1, None)  # type: ignore[arg-type]

    def test_options_are_no_dict(self) -> None:
        with self.assertRaisesRegex(TypeError, "keyword arguments, found dict"):
            self.stream().generate("a", {"max_tokens": 3})  # type: ignore[arg-type]

    def test_texts_of_the_wrong_type(self) -> None:
        with self.assertRaisesRegex(TypeError, "text: expected str or bytes, found int"):
            self.model.tokenizer().encode(7)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            self.stream().generate(7)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "snapshot: expected bytes, found str"):
            self.stream().restore("text")  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            self.model.chat_prompt([{"role": "user"}], template="world")

    def test_every_use_after_close_is_an_error(self) -> None:
        runtime = skein.Runtime(threads=1)
        model = runtime.load_model(MODEL, device="reference", calibrate=0)
        stream, queue, tokenizer = model.create_stream(), runtime.create_queue(), model.tokenizer()
        prefix, request = stream.create_prefix(), stream.create_request("And ")
        options = skein.Options(skein.OptionsKind.REQUEST)
        things: List[Any] = [runtime, model, stream, queue, tokenizer, prefix, request, options]
        for thing in things:
            thing.close()
            thing.close()
            self.assertTrue(thing.closed)
            self.assertIn("closed", repr(thing))
        uses: List[Callable[[], object]] = [
            runtime.metrics,
            lambda: runtime.devices,
            lambda: runtime.load_model(MODEL),
            lambda: model.info,
            model.create_stream,
            lambda: model.embed([skein.EmbedItem("a")]),
            lambda: stream.position,
            lambda: stream.generate("a"),
            lambda: stream.eval([1]),
            queue.poll,
            queue.wait,
            queue.fileno,
            lambda: queue.submit(request),
            lambda: queue.set_wakeup(print),
            lambda: tokenizer.encode("a"),
            lambda: prefix.info,
            prefix.start,
            request.cancel,
            lambda: request.run(),
            lambda: options.set("seed", 1),
        ]
        for use in uses:
            with self.assertRaisesRegex(skein.InvalidHandleError, "is closed"):
                use()

    def test_objects_are_neither_copied_nor_pickled(self) -> None:
        stream = self.stream()
        attempts: List[Callable[[Any], object]] = [copy.copy, copy.deepcopy, pickle.dumps]
        for attempt in attempts:
            with self.assertRaisesRegex(TypeError, "belongs to its process"):
                attempt(stream)

    def test_files(self) -> None:
        stream = self.stream()
        stream.eval([65, 66, 67])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.snapshot")
            stream.save(path, past=True)
            with self.assertRaises(FileExistsError):
                stream.save(path)
            stream.save(path, replace=True, past=True)
            twin = self.stream()
            twin.load(path)
            self.assertEqual(twin.tokens(), [65, 66, 67])
            self.assertIn("position", skein.describe_snapshot(path))


if __name__ == "__main__":
    unittest.main()
