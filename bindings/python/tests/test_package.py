"""The package itself: where its library comes from, and that all of the ABI is in it."""

import ctypes
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Dict

import skein
from skein import _abi

PACKAGE = Path(skein.__file__).parent
API = os.environ.get("SKEIN_TEST_API")


def import_with(variables: Dict[str, str]) -> "subprocess.CompletedProcess[str]":
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("SKEIN_DIR", "SKEIN_LIBRARY")
    }
    command = [sys.executable, "-c", "import skein; print(skein.library_path)"]
    return subprocess.run(command, env={**clean, **variables}, capture_output=True, text=True)


class LibraryTest(unittest.TestCase):
    def test_a_file_that_is_named_is_used(self) -> None:
        run = import_with({"SKEIN_LIBRARY": skein.library_path})
        self.assertEqual((run.returncode, run.stdout.strip()), (0, skein.library_path), run.stderr)

    def test_an_installation_that_is_named_is_used(self) -> None:
        prefix = os.environ.get("SKEIN_TEST_PREFIX")
        if prefix is None:
            self.skipTest("SKEIN_TEST_PREFIX is not set")
        run = import_with({"SKEIN_DIR": prefix})
        self.assertTrue(run.stdout.strip().startswith(prefix + os.sep), run.stdout + run.stderr)

    def test_the_error_says_where_it_looked_and_why_each_failed(self) -> None:
        run = import_with({"SKEIN_DIR": "/nowhere"})
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(
            "LibraryNotFoundError: libskein.so.1 could not be opened (SKEIN_DIR is set", run.stderr
        )
        for folder in ("lib", "lib64"):
            self.assertIn(f"/nowhere/{folder}/libskein.so.1: ", run.stderr)
        self.assertIn("No such file", run.stderr)
        run = import_with({"SKEIN_LIBRARY": "/dev/null", "SKEIN_DIR": "/nowhere"})
        self.assertRegex(run.stderr, r"SKEIN_LIBRARY is set.*\n  /dev/null: .*")
        self.assertNotIn("/nowhere", run.stderr)

    def test_a_library_that_is_no_skein_is_named(self) -> None:
        run = import_with({"SKEIN_LIBRARY": "libc.so.6"})
        self.assertIn("older than this package", run.stderr)


class AbiTest(unittest.TestCase):
    def test_every_function_is_used(self) -> None:
        used = set()
        for file in PACKAGE.glob("*.py"):
            if file.name != "_abi.py":
                used |= set(
                    re.findall(
                        r"\b(?:abi|_functions)\.(skein_\w+)", file.read_text(encoding="utf-8")
                    )
                )
        self.assertEqual({name for name, _, _ in _abi.FUNCTIONS} - used, set())

    @unittest.skipIf(API is None, "SKEIN_TEST_API is not set")
    def test_the_structs_have_the_layout_of_the_abi(self) -> None:
        for struct in json.loads(Path(API or "").read_text(encoding="utf-8"))["structs"]:
            ctype = getattr(_abi, struct["name"])
            self.assertEqual(ctypes.sizeof(ctype), struct["size"], struct["name"])
            for field in struct["fields"]:
                offset = getattr(ctype, field["name"]).offset
                self.assertEqual(offset, field["offset"], f"{struct['name']}.{field['name']}")

    @unittest.skipIf(API is None, "SKEIN_TEST_API is not set")
    def test_every_constant_that_a_host_chooses_from_has_a_name(self) -> None:
        enums = {
            "SKEIN_OPTIONS_": skein.OptionsKind,
            "SKEIN_EVENT_": skein.EventKind,
            "SKEIN_REASON_": skein.Reason,
            "SKEIN_CACHE_": skein.CacheUse,
            "SKEIN_OUTPUT_": skein.Output,
            "SKEIN_POOLING_": skein.Pooling,
            "SKEIN_LOG_": skein.Severity,
            "SKEIN_": skein.Status,
        }
        for constant in json.loads(Path(API or "").read_text(encoding="utf-8"))["constants"]:
            group = constant["group"]
            enum = enums.get(group)
            if enum is not None and not (group == "SKEIN_" and constant["header"] != "status.h"):
                self.assertEqual(
                    enum[constant["name"][len(group) :]], constant["value"], constant["name"]
                )


if __name__ == "__main__":
    unittest.main()
