#!/usr/bin/env bash
# The processor time that the crate costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS]]]. SKEIN_DIR is the prefix of libskein. The two run in turn. Printed are the medians of the
# process's time and of that of the thread that reads, and how much longer that thread takes, as a part of the process.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
model=$(realpath "$1") streams=${2:-32} tokens=${3:-400} rounds=${4:-9}
: "${SKEIN_DIR:?expected the prefix of libskein}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target} LD_LIBRARY_PATH=$SKEIN_DIR/lib

cc -O2 -std=c99 -D_POSIX_C_SOURCE=200809L "-I$SKEIN_DIR/include" "$here/../../bench/streams.c" "-L$SKEIN_DIR/lib" -lskein \
  -o "$work/streams"
cargo build --quiet --release --offline --manifest-path "$here/Cargo.toml"
for ((i = 0; i < rounds; ++i)); do
  "$work/streams" "$model" "$streams" "$tokens" >>"$work/c"
  "$CARGO_TARGET_DIR/release/streams" "$model" "$streams" "$tokens" >>"$work/rust"
done
[[ $(cut -d' ' -f3 "$work/c" | sort -u) == $(cut -d' ' -f3 "$work/rust" | sort -u) ]] ||
  { echo "overhead: the two did not write the same number of bytes" >&2; exit 1; }
median() { cut -d' ' -f"$2" "$1" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
awk -v c="$(median "$work/c" 1)" -v c_reader="$(median "$work/c" 2)" \
  -v rust="$(median "$work/rust" 1)" -v rust_reader="$(median "$work/rust" 2)" 'BEGIN {
    printf "C %.3f s, its reader %.4f s; Rust %.3f s, its reader %.4f s; the crate costs %.2f %%\n",
      c, c_reader, rust, rust_reader, 100 * (rust_reader - c_reader) / c
  }'
