#!/usr/bin/env bash
# The processor time that skein.hpp costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS]]]. SKEIN_DIR is the prefix of libskein.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${SKEIN_DIR:?expected the prefix of libskein}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
c++ -O2 -std=c++17 "-I$here/../include" "-I$SKEIN_DIR/include" "$here/streams.cc" "-L$SKEIN_DIR/lib" -lskein \
  -o "$work/streams"
"$here/../../bench/overhead.sh" "$1" "${2:-32}" "${3:-400}" "${4:-9}" 0 "$work/streams"
