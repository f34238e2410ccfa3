#!/usr/bin/env bash
# The processor time that a binding costs, against streams.c: overhead.sh MODEL NUM_STREAMS NUM_TOKENS ROUNDS PAUSE_US
# COMMAND... COMMAND is a program of the binding that takes the first three and prints what streams.c does; PAUSE_US is
# for streams.c. SKEIN_DIR is the prefix of libskein. The two run in turn. Printed are the medians, and how much longer
# the reading thread of the binding takes, as a part of its process.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$1 streams=$2 tokens=$3 rounds=$4 pause_us=$5
shift 5
: "${SKEIN_DIR:?expected the prefix of libskein}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LD_LIBRARY_PATH=$SKEIN_DIR/lib

cc -O2 -std=c99 -D_POSIX_C_SOURCE=200809L "-I$SKEIN_DIR/include" "$here/streams.c" "-L$SKEIN_DIR/lib" -lskein \
  -o "$work/streams"
for ((i = 0; i < rounds; ++i)); do
  "$work/streams" "$model" "$streams" "$tokens" "$pause_us" >>"$work/c"
  "$@" "$model" "$streams" "$tokens" >>"$work/binding"
done
[[ $(cut -d' ' -f3 "$work/c" | sort -u) == $(cut -d' ' -f3 "$work/binding" | sort -u) ]] ||
  { echo "overhead: the two did not write the same number of bytes" >&2; exit 1; }
median() { cut -d' ' -f"$2" "$work/$1" | sort -g | sed -n "$(((rounds + 1) / 2))p"; }
paste -d' ' "$work/c" "$work/binding" | awk '{ print 100 * ($6 - $2) / $5 }' >"$work/share"
printf 'C: %s s of processor time, %s s of its reader, in %s s\n' "$(median c 1)" "$(median c 2)" "$(median c 4)"
printf 'binding: %s s, %s s, in %s s\n' "$(median binding 1)" "$(median binding 2)" "$(median binding 4)"
printf 'the binding costs %.2f %% of the processor time\n' "$(median share 1)"
