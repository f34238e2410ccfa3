#!/bin/sh
# Builds the wheel and installs it into a fresh environment: install.sh PYTHON FOLDER. SKEIN_DIR is the installation.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PYTHON=$1 "$here/../package" "$2/dist"
rm -rf "$2/venv"
"$1" -m venv "$2/venv"
"$2/venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-index "$2"/dist/skein-*.whl
