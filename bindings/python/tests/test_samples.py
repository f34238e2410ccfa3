"""The samples in Python, as a reader of their README runs them."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List

from support import MODEL

SAMPLES = Path(os.environ.get("SKEIN_TEST_ROOT", Path(__file__).resolve().parents[3])) / "samples"
BATCH_SCORE = SAMPLES / "batch-score"


class SampleTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = os.path.join(folder.name, "out")

    def run_sample(self, script: Path, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, str(script), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, code, run.stderr)
        return run.stdout + run.stderr


class BatchScoreTest(SampleTest):
    def score(self, name: str, *arguments: str) -> List[Dict[str, str]]:
        script, rows = BATCH_SCORE / "batch_score.py", BATCH_SCORE / name
        said = self.run_sample(script, MODEL, str(rows), self.out, *arguments)
        self.assertRegex(said, r"\[#{40}\] (\d+) of \1 rows")
        with open(self.out, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def test_rows_are_ranked(self) -> None:
        rows = self.score("verses.csv")
        self.assertEqual([row["id"] for row in rows[-3:]], ["2", "5", "3"])
        self.assertEqual({row["id"] for row in rows[:3]}, {"1", "4", "6"})
        self.assertGreater(float(rows[0]["logprob"]), -1)

    def test_rows_are_classified(self) -> None:
        labels = ["earth", "hand", "Israel"]
        rows = self.score("endings.csv", *(f"--label= {label}" for label in labels))
        self.assertEqual([row["label"] for row in rows], labels)

    def test_labels_are_scored_behind_what_follows_the_row(self) -> None:
        rows = self.score("endings.csv", "--after= land", "--label= of", "--label= zq")
        self.assertEqual([row["label"] for row in rows], ["of"] * 3)

    def test_a_column_that_is_missing_is_named(self) -> None:
        arguments = [MODEL, str(BATCH_SCORE / "verses.csv"), self.out, "--column", "body"]
        said = self.run_sample(BATCH_SCORE / "batch_score.py", *arguments, code=2)
        self.assertIn("expected rows with a column 'body'", said)

    def test_a_model_that_is_missing_is_named(self) -> None:
        arguments = ["none.skein", str(BATCH_SCORE / "verses.csv"), self.out]
        said = self.run_sample(BATCH_SCORE / "batch_score.py", *arguments, code=1)
        self.assertIn("NOT_FOUND: none.skein", said)

    def test_a_file_that_is_missing_is_named(self) -> None:
        arguments = [MODEL, self.out + ".csv", self.out]
        said = self.run_sample(BATCH_SCORE / "batch_score.py", *arguments, code=1)
        self.assertRegex(said, r"\Abatch_score: .*out\.csv'\n\Z")


@unittest.skipIf(importlib.util.find_spec("matplotlib") is None, "matplotlib not found")
class NotebookTest(SampleTest):
    def test_the_picture(self) -> None:
        script, text = SAMPLES / "notebook" / "notebook.py", SAMPLES / "notebook" / "text.txt"
        picture = self.out + ".png"
        said = self.run_sample(script, MODEL, str(text), picture)
        self.assertRegex(said, re.escape(picture) + r": 87 tokens, 0\.\d\d bits per token")
        data = Path(picture).read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertGreater(len(data), 20000)

    def test_a_text_that_is_missing_is_named(self) -> None:
        arguments = [MODEL, self.out, self.out + ".png"]
        said = self.run_sample(SAMPLES / "notebook" / "notebook.py", *arguments, code=1)
        self.assertRegex(said, r"\Anotebook: .*out'\n\Z")

    def test_an_empty_text_is_named(self) -> None:
        Path(self.out).touch()
        arguments = [MODEL, self.out, self.out + ".png"]
        said = self.run_sample(SAMPLES / "notebook" / "notebook.py", *arguments, code=1)
        self.assertIn("expected a text", said)


if __name__ == "__main__":
    unittest.main()
