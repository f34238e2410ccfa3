#!/usr/bin/env python3
"""Writes the examples of bindings/README.md, or with --check compares: 1 if they differ.

Each is the first block of code in the README of its language, which the tests of that language run
as it stands.
"""

import pathlib
import re
import sys

BINDINGS = pathlib.Path(__file__).resolve().parent.parent
PAGE = BINDINGS / "README.md"
HEADING = "## The same program in each"
LANGUAGES = {
    "cpp": "C++",
    "python": "Python",
    "node": "Node.js",
    "rust": "Rust",
    "go": "Go",
    "java": "Java",
}


def example(folder):
    """The first block of code in a README, with its fences."""
    text = (BINDINGS / folder / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\w+\n.*?^```$", text, re.MULTILINE | re.DOTALL)
    if block is None:
        raise SystemExit(f"examples.py: bindings/{folder}/README.md has no example")
    return block.group(0)


def main():
    page = PAGE.read_text(encoding="utf-8")
    present = [folder for folder in LANGUAGES if (BINDINGS / folder / "README.md").exists()]
    parts = [f"### {LANGUAGES[folder]}\n\n{example(folder)}\n" for folder in present]
    renewed = page[: page.index(HEADING)] + "\n".join([HEADING + "\n"] + parts)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(renewed, encoding="utf-8")
    elif renewed != page:
        print(
            "bindings/README.md has other examples than the languages; run bindings/api/examples.py"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
