#!/usr/bin/env bash
# The processor time that the crate costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS]]]. SKEIN_DIR is the prefix of libskein.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$work/target}
cargo build --quiet --release --offline --manifest-path "$here/Cargo.toml"
"$here/../../bench/overhead.sh" "$1" "${2:-32}" "${3:-400}" "${4:-9}" 0 "$CARGO_TARGET_DIR/release/streams"
