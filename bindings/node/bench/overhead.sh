#!/usr/bin/env bash
# The processor time that the package costs, against a program in C that does the same: overhead.sh APP MODEL
# [NUM_STREAMS [NUM_TOKENS [ROUNDS]]]. APP is a folder in which the package is installed. The two run in turn; printed
# are the medians of both, and their ratio.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
app=$1 model=$2 streams=${3:-32} tokens=${4:-200} rounds=${5:-9}
library=$app/node_modules/skein/native
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

: "${SKEIN_DIR:?expected the prefix of libskein, for its headers}"
cc -O2 -std=c99 -D_POSIX_C_SOURCE=200809L "-I$SKEIN_DIR/include" "$here/../../bench/streams.c" "$library/libskein.so.1" \
  "-Wl,-rpath,$library" -o "$work/streams"
cp "$here/streams.js" "$app/streams.js"
for ((i = 0; i < rounds; ++i)); do
  "$work/streams" "$model" "$streams" "$tokens" 1000 >>"$work/c"  # the package takes events once in a millisecond
  (cd "$app" && node streams.js "$model" "$streams" "$tokens") >>"$work/js"
done
median() { sort -n "$1" | awk '{ print $1 }' | sed -n "$(((rounds + 1) / 2))p"; }
awk -v c="$(median "$work/c")" -v js="$(median "$work/js")" 'BEGIN { printf "C %.3f s, Node.js %.3f s: %+.1f %%\n", c, js, 100 * (js / c - 1) }'
