#!/usr/bin/env bash
# The processor time that the package costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS]]]. SKEIN_DIR is the prefix of libskein. The programs run in turn; printed are the medians, and
# how much longer Go takes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath "$1") streams=${2:-32} tokens=${3:-400} rounds=${4:-9}
: "${SKEIN_DIR:?expected the prefix of libskein}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -std=c99 -D_POSIX_C_SOURCE=200809L "-I$SKEIN_DIR/include" "$here/../../bench/streams.c" \
  "-L$SKEIN_DIR/lib" "-Wl,-rpath,$SKEIN_DIR/lib" -lskein -o "$work/c_streams"
(cd "$here/.." && SKEIN_GO_CACHE=${SKEIN_GO_CACHE:-$work/cache} tests/go build -o "$work/go_streams" ./bench/streams)
for ((i = 0; i < rounds; ++i)); do
  "$work/c_streams" "$model" "$streams" "$tokens" >>"$work/c"
  for way in queue generations; do "$work/go_streams" "$model" "$streams" "$tokens" "$way" >>"$work/$way"; done
done
median() { sort -n "$work/$1" | cut -d' ' -f1 | sed -n "$(((rounds + 1) / 2))p"; }
awk -v c="$(median c)" -v queue="$(median queue)" -v generations="$(median generations)" 'BEGIN {
  printf "C %.3f s; Go with one queue %.3f s (%+.1f %%), with generations %.3f s (%+.1f %%)\n",
    c, queue, 100 * (queue / c - 1), generations, 100 * (generations / c - 1)
}'
