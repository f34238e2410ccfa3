#!/bin/sh
# The processor time that the package costs, against a program in C that does the same: overhead.sh MODEL [NUM_STREAMS
# [NUM_TOKENS [ROUNDS [PAUSE_US [WAY]]]]]. SKEIN_DIR is the prefix of libskein. PAUSE_US is that of the C program; 0: it
# takes events as they come. WAY is one of streams.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH="$here/../src" PYTHONDONTWRITEBYTECODE=1
exec "$here/../../bench/overhead.sh" "$1" "${2:-32}" "${3:-400}" "${4:-9}" "${5:-1000}" \
  "${PYTHON:-python3}" "$here/streams.py" "${6:-events}"
