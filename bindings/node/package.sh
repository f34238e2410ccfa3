#!/usr/bin/env bash
# Makes the npm package, with the addon, libskein and its plugins inside: package.sh FOLDER leaves FOLDER/skein-*.tgz.
# Needs what build.sh needs, npm, Python 3 and patchelf. Nothing is downloaded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ $# == 1 ]] || { echo "usage: package.sh FOLDER" >&2; exit 2; }
command -v npm >/dev/null || { echo "npm not found" >&2; exit 77; }
command -v python3 >/dev/null || { echo "python3 not found" >&2; exit 77; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d "$folder/stage.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -r "$here"/{lib,package.json,index.d.ts,README.md} "$here/../../LICENSE" "$work"

# The library lies beside the addon, its plugins where it looks for them first, and what they need beside it.
python3 "$here/../bundle.py" "${SKEIN_DIR:-$(pkg-config --variable=prefix skein)}" "$work/native"
"$here/build.sh" "$work/native"

rm -f "$folder"/skein-*.tgz
cd "$work"
HOME=$work npm pack --offline --silent --no-update-notifier --pack-destination "$folder"
