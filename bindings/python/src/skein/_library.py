"""Finds libskein.so.1 and opens it. What is set is obeyed: SKEIN_LIBRARY (a file), else SKEIN_DIR
(an installation). Without them, the library inside this package counts, and then the loader's own
search."""

import ctypes
import os
import sysconfig
from typing import List, Tuple

from ._abi import Abi

SONAME = "libskein.so.1"


class LibraryNotFoundError(ImportError):
    """No library could be opened. The message has each path that was tried, and why it failed."""


def _candidates() -> Tuple[str, List[str]]:
    """The paths to try, in order, and why it is these."""
    file = os.environ.get("SKEIN_LIBRARY")
    if file:
        return "SKEIN_LIBRARY is set, so nothing else was tried", [file]
    prefix = os.environ.get("SKEIN_DIR")
    if prefix:
        folders = ["lib", "lib64", os.path.join("lib", sysconfig.get_config_var("MULTIARCH") or "")]
        paths = [os.path.join(prefix, folder, SONAME) for folder in dict.fromkeys(folders)]
        return "SKEIN_DIR is set, so nothing else was tried", paths
    inside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", SONAME)
    return "set SKEIN_LIBRARY to the file, or SKEIN_DIR to an installation of skein", [
        inside,
        SONAME,
    ]


def _open() -> Tuple[str, Abi]:
    advice, paths = _candidates()
    reasons = []
    for path in paths:
        try:
            return path, Abi(ctypes.CDLL(path))
        except OSError as error:
            reasons.append(f"  {path}: {error}")
        except AttributeError as error:
            reasons.append(f"  {path}: older than this package: {error}")
    raise LibraryNotFoundError("\n".join([f"{SONAME} could not be opened ({advice}):", *reasons]))


# The file that was opened, and its functions.
path, abi = _open()
