"""What the tests of the package share: the model in the box, and a process of its own for what ends
one."""

import os
import subprocess
import sys
import unittest
from typing import Any

import skein

MODEL = os.environ["SKEIN_TEST_MODEL"]


class ModelTest(unittest.TestCase):
    """A runtime and a model for the tests of a class."""

    runtime: skein.Runtime
    model: skein.Model

    @classmethod
    def setUpClass(cls) -> None:
        cls.runtime = skein.Runtime(threads=1)
        cls.model = cls.runtime.load_model(MODEL, device="reference", deterministic=1, calibrate=0)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.model.close()
        cls.runtime.close()

    def stream(self, **options: Any) -> skein.Stream:
        stream = self.model.create_stream(**options)
        self.addCleanup(stream.close)
        return stream


PRELUDE = f"""
import skein
runtime = skein.Runtime(threads=1)
model = runtime.load_model({MODEL!r}, device="reference", calibrate=0)
stream = model.create_stream()
endless = dict(max_tokens=10**6, stop_at_end=0)
"""


def run_python(script: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    """Runs a script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=timeout
    )
