"""Tokens and arrays: what goes in, and who owns what comes out."""

import array
import gc
import math
import unittest
from typing import Any, List, Tuple

from support import ModelTest

import skein

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]


def flat(values: Any) -> Any:
    return memoryview(values).cast("B").cast("f").tolist()


class ArrayTest(ModelTest):
    def test_logits_have_their_shape(self) -> None:
        stream = self.stream()
        self.assertEqual(memoryview(stream.eval([65, 66])).shape, (256,))
        self.assertEqual(memoryview(stream.eval([65, 66], skein.Output.ALL_LOGITS)).shape, (2, 256))
        self.assertEqual(memoryview(stream.eval([65], skein.Output.LAST_HIDDEN)).shape, (192,))
        self.assertEqual(
            memoryview(stream.eval([65, 1, 2], skein.Output.ALL_HIDDEN)).shape, (3, 192)
        )
        self.assertIsNone(stream.eval([65], skein.Output.NONE))
        self.assertEqual(len(flat(stream.state())), self.model.info.num_state_floats)

    def test_arrays_outlive_everything(self) -> None:
        stream = self.model.create_stream()
        logits, state = stream.eval([65, 66]), stream.state()
        before = flat(logits)[:8], flat(state)[:8]
        stream.close()
        del stream
        gc.collect()
        self.assertEqual((flat(logits)[:8], flat(state)[:8]), before)

    def test_out_is_written_in_place(self) -> None:
        out = array.array("f", bytes(4 * 256))
        given = self.stream().eval([65], out=out)
        self.assertIs(given, out)
        self.assertEqual(out.tolist(), flat(self.stream().eval([65])))

    def test_out_of_the_wrong_kind_is_refused(self) -> None:
        for out in (
            array.array("f", bytes(4)),
            array.array("d", bytes(1024)),
            bytes(1024),
            bytearray(1024),
        ):
            with self.assertRaisesRegex(
                skein.InvalidArgumentError, "expected 256 writable float32"
            ):
                self.stream().eval([65], out=out)

    def test_tokens_are_any_integers(self) -> None:
        expected = flat(self.stream().eval([65, 66]))
        given: List[Any] = [(65, 66), array.array("I", [65, 66]), range(65, 67), iter([65, 66])]
        for tokens in given + (
            [numpy.array([65, 66]), numpy.array([65, 66], numpy.uint32)] if numpy else []
        ):
            self.assertEqual(flat(self.stream().eval(tokens)), expected)

    def test_tokens_that_are_none_are_refused(self) -> None:
        stream = self.stream()
        wrong: List[Any] = [["a"], "ab", b"ab", [1.5], 7]
        for bad in wrong:
            with self.assertRaises(TypeError):
                stream.eval(bad)
        for bad in ([-1], [1 << 32], [(1 << 32) + 65], [256], []):
            with self.assertRaises(ValueError):
                stream.eval(bad)
        self.assertEqual(stream.position, 0)

    def test_results_of_a_batch_come_with_its_error(self) -> None:
        one, two = self.stream(), self.stream()
        logits = skein.Output.LAST_LOGITS
        with self.assertRaisesRegex(skein.InvalidArgumentError, "item 1") as caught:
            self.model.eval([skein.EvalItem(one, [65]), skein.EvalItem(two, [999], logits)])
        results = caught.exception.results
        self.assertEqual(
            [result.status for result in results], [skein.Status.OK, skein.Status.INVALID_ARGUMENT]
        )
        self.assertEqual(flat(results[0].output), flat(self.stream().eval([65])))
        self.assertIsNone(results[1].output)

    def test_scores_are_the_logits(self) -> None:
        stream = self.stream()
        stream.eval([65])
        (score,) = self.model.score([skein.ScoreItem(stream, [66, 67], num_top=2)])
        logprobs = flat(score.logprobs)
        self.assertTrue(math.isnan(logprobs[0]))
        logits = flat(self.stream().eval([65, 66]))
        total = math.log(sum(math.exp(x) for x in logits))
        self.assertAlmostEqual(logprobs[1], logits[67] - total, places=4)
        self.assertAlmostEqual(score.logprob, logprobs[1], places=6)
        self.assertEqual(score.num_scored, 1)
        self.assertAlmostEqual(score.top[1][0].logprob, max(logits) - total, places=4)
        self.assertEqual(score.top[0][0].token, skein.NO_TOKEN)

    def test_embeddings(self) -> None:
        one, two, three = self.model.embed(
            [
                skein.EmbedItem("light", normalise=True),
                skein.EmbedItem(b"light", pooling=skein.Pooling.MEAN),
                skein.EmbedItem([108, 105, 103, 104, 116], normalise=True),
            ]
        )
        self.assertAlmostEqual(sum(x * x for x in flat(one.embedding)), 1, places=4)
        self.assertEqual(flat(one.embedding), flat(three.embedding))
        self.assertNotEqual(flat(one.embedding), flat(two.embedding))
        self.assertEqual(two.num_read, 5)

    def test_a_text_alone_is_an_item_to_embed(self) -> None:
        alone, item = self.model.embed(["light", skein.EmbedItem("light")])
        self.assertEqual(flat(alone.embedding), flat(item.embedding))

    def test_what_is_no_item_is_named(self) -> None:
        calls: List[Tuple[Any, str]] = [
            (self.model.eval, "EvalItem"),
            (self.model.score, "ScoreItem"),
            (self.model.embed, "EmbedItem"),
        ]
        for call, expected in calls:
            with self.assertRaisesRegex(TypeError, f"item 1: expected {expected}, found int"):
                call([(self.stream(), [65]), 7])
            with self.assertRaisesRegex(TypeError, f"items: expected several {expected}"):
                call("light")

    @unittest.skipIf(numpy is None, "numpy not found")
    def test_with_numpy_arrays_are_numpys(self) -> None:
        logits = self.stream().eval([65])
        self.assertIsInstance(logits, numpy.ndarray)
        self.assertEqual(logits.dtype, numpy.float32)
        self.assertIsInstance(self.stream().state(), numpy.ndarray)
        out = numpy.zeros((2, 256), numpy.float32)
        self.stream().eval([65, 66], skein.Output.ALL_LOGITS, out)
        self.assertTrue((out[0] == logits).all())
        with self.assertRaises(skein.InvalidArgumentError):
            self.stream().eval([65], out=out[:, :128])

    @unittest.skipIf(numpy is not None, "numpy is there")
    def test_without_numpy_arrays_are_memoryviews(self) -> None:
        logits = self.stream().eval([65])
        self.assertIsInstance(logits, memoryview)
        self.assertEqual(logits.format, "f")
        rows = self.stream().eval([65, 66], skein.Output.ALL_LOGITS)
        self.assertEqual([rows[0, column] for column in range(256)], logits.tolist())


if __name__ == "__main__":
    unittest.main()
