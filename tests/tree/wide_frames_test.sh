#!/usr/bin/env bash
# That every source whose functions have vectors of 64 bytes in memory is in a list of skein_wide_vectors(), looked up in
# the object files of a build with the address sanitizer. Without that a test crashes, or does not, as the compiler lays
# out a frame. Looks at the objects below the folders, those of programs that are no tests.
# wide_frames_test.sh NM OBJDUMP FOLDER...
set -euo pipefail

nm=$1 objdump=$2
shift 2

# The objects that have frames which the sanitizer may move.
mapfile -t objects < <(find "$@" -name '*.o' -print0 | xargs -0 "$nm" --print-file-name --undefined-only |
  awk -F: '/__asan_stack_malloc/ { print $1 }' | sort -u)
((${#objects[@]})) || { echo "expected objects with frames of the address sanitizer, found none in $*" >&2; exit 1; }

status=0
for object in "${objects[@]}"; do
  wide=$("$objdump" --disassemble --no-show-raw-insn "$object" |
    awk '/^[0-9a-f]+ <.*>:$/ { name = $2; next } /%zmm/ && /\(%/ { print "  " name, $0; if (++count == 3) exit }' || true)
  [[ -z $wide ]] || { echo "$object: expected no vectors of 64 bytes in memory, found
$wide" >&2; status=1; }
done
exit "$status"
