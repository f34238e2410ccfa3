"""Builds the package. With SKEIN_DIR, an installation of skein, the library and its plugins go
inside, and the wheel is for this platform; without it the package uses the library that it finds
where it runs."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Dict

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70 takes it from the package wheel
    from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
PREFIX = os.environ.get("SKEIN_DIR")


def version() -> str:
    """That of the headers which the raw layer was generated from."""
    text = (HERE / "src" / "skein" / "_abi.py").read_text(encoding="utf-8")
    return ".".join(
        re.findall(r"^SKEIN_VERSION_(?:MAJOR|MINOR|PATCH) = (\d+)$", text, re.MULTILINE)
    )


class BuildWithLibrary(build_py):  # type: ignore[misc]
    """Puts the library beside the modules."""

    def run(self) -> None:
        super().run()
        inside = Path(self.build_lib) / "skein" / "lib"
        shutil.rmtree(inside, ignore_errors=True)
        if PREFIX:
            # bundle.py is one folder up in the tree, and beside this file where ./package has put it.
            sys.path[:0] = [str(HERE), str(HERE.parent)]
            from bundle import bundle

            bundle(Path(PREFIX), inside)


class Wheel(bdist_wheel):  # type: ignore[misc]
    """A wheel with a library is for one platform, but for any version of Python: nothing is
    compiled for it."""

    def get_tag(self) -> Any:
        _, _, platform = super().get_tag()
        return "py3", "none", platform


class WithLibrary(Distribution):  # type: ignore[misc]
    """A package that is not the same on every platform."""

    def has_ext_modules(self) -> bool:
        return bool(PREFIX)


COMMANDS: Dict[str, Any] = {"build_py": BuildWithLibrary, "bdist_wheel": Wheel}
setup(
    version=version(),
    package_dir={"": "src"},
    packages=["skein"],
    package_data={"skein": ["py.typed"]},
    cmdclass=COMMANDS,
    distclass=WithLibrary,
)
