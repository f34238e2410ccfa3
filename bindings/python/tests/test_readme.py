"""The example of the README, as it stands there."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(os.environ.get("SKEIN_TEST_ROOT", Path(__file__).resolve().parents[3]))


class ReadmeTest(unittest.TestCase):
    def test_the_example_runs(self) -> None:
        text = (ROOT / "bindings" / "python" / "README.md").read_text(encoding="utf-8")
        (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        self.assertLessEqual(len(example.splitlines()), 10)
        run = subprocess.run(
            [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertTrue(run.stdout.startswith("In the beginning"), run.stdout)
        self.assertGreater(len(run.stdout), 60)


if __name__ == "__main__":
    unittest.main()
