#!/usr/bin/env bash
# The processor time that the package costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS]]]. SKEIN_DIR is the prefix of libskein. The programs run in turn; printed are the medians, and
# how much longer Java takes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath "$1") streams=${2:-32} tokens=${3:-400} rounds=${4:-9}
: "${SKEIN_DIR:?expected the prefix of libskein}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -std=c99 -D_POSIX_C_SOURCE=200809L "-I$SKEIN_DIR/include" "$here/../../bench/streams.c" \
  "-L$SKEIN_DIR/lib" "-Wl,-rpath,$SKEIN_DIR/lib" -lskein -o "$work/c_streams"
jar=$("$here/../package" "$work/repository")
javac --release 17 -encoding UTF-8 --add-modules jdk.management -cp "$jar" -d "$work/classes" "$here/Streams.java"
for ((i = 0; i < rounds; ++i)); do
  "$work/c_streams" "$model" "$streams" "$tokens" >>"$work/c"
  for way in queue futures; do
    java -cp "$jar:$work/classes" Streams "$model" "$streams" "$tokens" "$way" >>"$work/$way"
  done
done
median() { sort -n "$work/$1" | cut -d' ' -f1 | sed -n "$(((rounds + 1) / 2))p"; }
awk -v c="$(median c)" -v queue="$(median queue)" -v futures="$(median futures)" 'BEGIN {
  printf "C %.3f s; Java with one queue %.3f s (%+.1f %%), with futures %.3f s (%+.1f %%)\n",
    c, queue, 100 * (queue / c - 1), futures, 100 * (futures / c - 1)
}'
