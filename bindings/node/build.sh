#!/usr/bin/env bash
# Builds the addon: build.sh [FOLDER]. It needs a C compiler, the headers of Node.js and an installed libskein: the
# prefix SKEIN_DIR, else the one that pkg-config knows. FOLDER is `native` beside this script unless it is given.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/native}

if [[ -n ${SKEIN_DIR:-} ]]; then
  library=$(find "$SKEIN_DIR/lib" -maxdepth 2 -name libskein.so | head -n 1)
  [[ -n $library ]] || { echo "skein: no libskein.so under SKEIN_DIR, in $SKEIN_DIR/lib" >&2; exit 1; }
  flags=("-I$SKEIN_DIR/include" "-L${library%/*}" -lskein)
  library_folder=${library%/*}
elif command -v pkg-config >/dev/null && pkg-config --exists skein; then
  read -ra flags <<<"$(pkg-config --cflags --libs skein)"
  library_folder=$(pkg-config --variable=libdir skein)
else
  echo "skein: libskein was not found: SKEIN_DIR is not set, and pkg-config does not know skein" >&2
  exit 1
fi

# The headers that come with the program `node`, else those of the distribution.
node=$(readlink -f "$(command -v node)")
for headers in "${NODE_INCLUDE_DIR:-}" "${node%/bin/node}/include/node" /usr/include/node; do
  [[ ! -f $headers/node_api.h ]] || break
done
[[ -f $headers/node_api.h ]] || { echo "skein: node_api.h was not found; Debian has it in libnode-dev" >&2; exit 1; }

mkdir -p "$folder"
# libskein is looked for beside the addon first. Where it lies there, as in the package, it is looked for nowhere else.
[[ -e $folder/libskein.so.1 ]] || flags+=("-Wl,-rpath,$library_folder")
# The addon stays in memory when the Worker that loaded it ends, because a thread may still be in it.
${CC:-cc} -std=c11 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror "-I$headers" '-Wl,-rpath,$ORIGIN' \
  -Wl,-z,nodelete "$here"/src/*.c "${flags[@]}" -pthread -o "$folder/skein.node"
