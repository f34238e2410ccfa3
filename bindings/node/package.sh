#!/usr/bin/env bash
# Makes the npm package, with the addon, libskein and its plugins inside: package.sh FOLDER leaves FOLDER/skein-*.tgz.
# Needs what build.sh needs, and npm. Nothing is downloaded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[[ $# == 1 ]] || { echo "usage: package.sh FOLDER" >&2; exit 2; }
command -v npm >/dev/null || { echo "npm not found" >&2; exit 77; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d "$folder/stage.XXXXXX")
trap 'rm -rf "$work"' EXIT

cp -r "$here"/{lib,package.json,index.d.ts,README.md} "$work"
"$here/build.sh" "$work/native"

# The library lies beside the addon, and its plugins where it looks for them first.
if [[ -n ${SKEIN_DIR:-} ]]; then
  library=$(find "$SKEIN_DIR/lib" -maxdepth 2 -name libskein.so.1 | head -n 1)
else
  library=$(pkg-config --variable=libdir skein)/libskein.so.1
fi
cp -L "$library" "$work/native/"
cp -r "${library%/*}/skein" "$work/native/"

rm -f "$folder"/skein-*.tgz
cd "$work"
HOME=$work npm pack --offline --silent --no-update-notifier --pack-destination "$folder"
