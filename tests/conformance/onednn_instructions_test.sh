#!/usr/bin/env bash
# That a processor without AVX meets no AVX instruction, looked up in the object files of the onednn backend:
# - A file compiled for one instruction set defines its entries, which are dispatched to, and nothing else that other
#   files see: of a weak function, such as an inline one of a header, the linker would make this copy everyone's.
# - In the other files such instructions are in functions alone that Highway compiles per instruction set.
# onednn_instructions_test.sh NM OBJDUMP OBJECT_FOR_ONE_INSTRUCTION_SET... -- OBJECT...
set -euo pipefail

nm=$1 objdump=$2 status=0
shift 2

fail() {
  echo "$1" >&2
  status=1
}

entries=0
while [[ $1 != -- ]]; do
  symbols=$("$nm" --demangle --defined-only "$1")
  weak=$(grep -E '^[0-9a-f]+ W ' <<<"$symbols" || true)
  [[ -z $weak ]] || fail "$1: expected nothing that the linker may share, found
$weak"
  entries=$((entries + $(grep -cE '^[0-9a-f]+ T ' <<<"$symbols" || true)))
  shift
done
((entries)) || fail "expected functions in the files for one instruction set, found none"
shift

# Encoded as AVX is: names in v but for two old ones, wide registers, the masks and tiles, the scalar ones of BMI.
vector_instructions() {
  "$objdump" --disassemble --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ { name = $2; next }
    /^ *[0-9a-f]+:\t/ {
      sub(/^[^\t]*\t/, "")
      if ((/^v/ && !/^ver[rw] /) || /%[yz]mm|%k[0-7]|tmm[0-7]/ ||
          /^(andn|bextr|blsi|blsr|blsmsk|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx) /) print name, $0
    }'
}

dispatched=0
for object in "$@"; do
  found=$(vector_instructions "$object")
  elsewhere=$(grep -v '^<[^ ]*N_AVX' <<<"$found" | sort -u -k1,1 || true)
  [[ -z $elsewhere ]] || fail "$object: expected instructions of AVX in namespaces N_AVX... alone, found
$elsewhere"
  dispatched=$((dispatched + $(grep -c '^<[^ ]*N_AVX' <<<"$found" || true)))
done
((dispatched)) || fail "expected instructions of AVX in namespaces N_AVX..., found none"
exit "$status"
