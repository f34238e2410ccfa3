"""Puts an installation's library and plugins into a folder, with the libraries that they need: a
package of a language is used on machines that lack them. glibc and the runtime of the compiler are
the system's. What loads the library finds it beside itself, by the run path $ORIGIN.

As a program: bundle.py PREFIX FOLDER"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable

# What every system has, or what must be there once in a process.
OF_THE_SYSTEM = re.compile(
    r"(ld-linux.*|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so(\..*)?"
)


def needed_by(files: Iterable[Path]) -> Dict[str, Path]:
    """The libraries that files load, by the name that they load them by. One that is missing is an
    error."""
    found: Dict[str, Path] = {}
    for file in files:
        for line in subprocess.run(
            ["ldd", str(file)], check=True, capture_output=True, text=True
        ).stdout.splitlines():
            match = re.match(r"\s*(\S+) => (not found|\S+)", line)
            if match is None or OF_THE_SYSTEM.fullmatch(match[1]):
                continue
            if match[2] == "not found":
                raise SystemExit(f"{file}: needs {match[1]}, which is not installed")
            found[match[1]] = Path(match[2])
    return found


def copy_licence(library: Path, folder: Path) -> None:
    """The licence of a library that the distribution's package manager knows."""
    if shutil.which("dpkg") is None:
        return
    # Where /lib is /usr/lib, a file may be known by either name.
    path = str(library.resolve())
    for name in (path, path.removeprefix("/usr")):
        owner = subprocess.run(["dpkg", "-S", name], capture_output=True, text=True).stdout
        package = owner.split(":")[0]
        licence = Path("/usr/share/doc") / package / "copyright"
        if package and licence.exists():
            folder.mkdir(exist_ok=True)
            shutil.copy(licence, folder / package)
            return


def bundle(prefix: Path, folder: Path) -> None:
    """Fills `folder` from the installation in `prefix`."""
    library = next(
        iter(
            sorted(prefix.glob("lib*/libskein.so.1")) + sorted(prefix.glob("lib/*/libskein.so.1"))
        ),
        None,
    )
    if library is None:
        raise SystemExit(f"SKEIN_DIR={prefix}: no libskein.so.1 in lib, lib64 or lib/<multiarch>")
    plugins = folder / "skein" / "plugins-1"
    folder.mkdir(parents=True)
    shutil.copy(library, folder / library.name)
    shutil.copytree(library.parent / "skein" / "plugins-1", plugins)
    own = [folder / library.name, *sorted(plugins.glob("*.so"))]
    others = needed_by(own)
    if shutil.which("patchelf") is None:
        print(
            f"patchelf not found: the package needs {', '.join(sorted(others))} of the system",
            file=sys.stderr,
        )
        return
    for name, path in others.items():
        shutil.copy(path, folder / name)
        copy_licence(path, folder / "licences")
    for file in [*own, *(folder / name for name in others)]:
        here = "$ORIGIN/../.." if file.parent == plugins else "$ORIGIN"
        subprocess.run(["patchelf", "--set-rpath", here, str(file)], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: bundle.py PREFIX FOLDER")
    bundle(Path(sys.argv[1]), Path(sys.argv[2]))
