#!/usr/bin/env bash
# Plants a fault in the inline assembly of the kernels, as it stands in their PTX word for word, and runs tests of the
# kernels over it: they must fail. The emulator's own runs see none of these faults, since it puts functions in C++ in the
# place of the assembly.
# usage: assembly_faults_test.sh LIST PROGRAM_OF_PRODUCTS PROGRAM_OF_KERNELS PROGRAM_OF_THE_PERSISTENT_STEP
set -euo pipefail
list=$1 products=$2 kernels=$3 persistent=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Name, module, the edit, the program, its tests. Register lists: d, a, b, c.
mma='mma\.[^{]*'
some='[^{},]*'
faults=(
  "mma: two registers of a|tile_products|s/($mma\{[^}]*\}, \{$some), ($some), ($some), /\1, \3, \2, /|$products|Types/TileProductsTest.EveryShapeGivesTheSums*"
  "mma: the registers of b|tile_products|s/($mma\{[^}]*\}, \{[^}]*\}, \{)($some), ($some)\}/\1\3, \2}/|$products|Types/TileProductsTest.EveryShapeGivesTheSums*"
  "mma: two registers of d|tile_products|s/($mma\{$some), ($some), ($some), /\1, \3, \2, /|$products|Types/TileProductsTest.EveryShapeGivesTheSums*"
  "mma: the type of its numbers|tile_products|s/f32\.f16\.f16\.f32/f32.bf16.bf16.f32/|$products|Types/TileProductsTest.EveryShapeGivesTheSums/f16"
  "mma of tf32: two registers of a|wkv7_chunk|s/($mma\{[^}]*\}, \{$some), ($some), ($some), /\1, \3, \2, /|$kernels|Wkv7Test.LongSequencesGoByChunks"
  "mma of tf32: the registers of b|wkv5_chunk|s/($mma\{[^}]*\}, \{[^}]*\}, \{)($some), ($some)\}/\1\3, \2}/|$kernels|Wkv5Test.LongSequencesGoByChunks"
  "ldmatrix: two of four registers|tile_products|s/(ldmatrix[^{]*x4[^{]*\{$some), ($some), ($some), /\1, \3, \2, /|$products|Types/TileProductsTest.EveryShapeGivesTheSums*"
  "ldmatrix: the two registers|tile_products|s/(ldmatrix[^{]*x2[^{]*)\{($some), ($some)\}/\1{\3, \2}/|$products|Types/TileProductsTest.*"
  "ldmatrix: transposed|tile_products|s/m8n8\.x4\.shared/m8n8.x4.trans.shared/|$products|Types/TileProductsTest.EveryShapeGivesTheSums*"
  "cp.async: it waits for a group less|tile_products|s/wait_group 2/wait_group 3/|$products|Types/TileProductsTest.*"
  "cp.async: no wait|tile_products|s/cp\.async\.wait_group 2;//|$products|Types/TileProductsTest.*"
  "cp.async: no group is made|tile_products|s/cp\.async\.commit_group;//|$products|Types/TileProductsTest.*"
  "ld.acquire: relaxed|persistent_step|s/ld\.acquire\.gpu/ld.relaxed.gpu/|$persistent|*ARightKernelIsNotAccused"
  "atom.release: relaxed|persistent_step|s/atom\.release\.gpu/atom.relaxed.gpu/|$persistent|*ARightKernelIsNotAccused"
  "atom.release: for its block alone|persistent_step|s/atom\.release\.gpu/atom.release.cta/|$persistent|*ARightKernelIsNotAccused"
  "wide tiles, mma: two registers of a|wide_tile_products|s/($mma\{[^}]*\}, \{$some), ($some), ($some), /\1, \3, \2, /|$products|Types/WideTilesTest.EveryShape*"
  "wide tiles, cp.async: it waits for no group|wide_tile_products|s/wait_group ([12]);/wait_group \13;/|$products|Types/WideTilesTest.*"
  "lop3: another table|nibble_products|s/0xEA/0xE8/|$products|*Nibble*"
  "lop3: two sources|tile_products|s/(lop3\.b32 %r[0-9]+, %r[0-9]+), (%r[0-9]+), (%r[0-9]+), 0xEA/\1, \3, \2, 0xEA/|$products|Types/TileProductsTest.EveryShapeGivesTheSums/q*"
)

num_missed=0
for fault in "${faults[@]}"; do
  IFS='|' read -r name module edit program filter <<<"$fault"
  path=$(grep "skein_ptx_90.*/$module\.ptx$" "$list")
  sed -E "$edit" "$path" >"$folder/$module.ptx"
  if cmp -s "$path" "$folder/$module.ptx"; then
    echo "$name: nothing to change in $path"
    num_missed=$((num_missed + 1))
    continue
  fi
  grep skein_ptx_90 "$list" | sed "s|^.*/$module\.ptx$|$folder/$module.ptx|" >"$folder/list"
  # A fault of memory ends the program, of which bash would tell.
  if (SKEIN_CUDA_EMULATOR=ptx=$folder/list "$program" --gtest_filter="$filter" --gtest_fail_fast || exit 1) \
    >"$folder/log" 2>&1; then
    echo "$name: no test fails"
    num_missed=$((num_missed + 1))
  elif ! grep -qE 'FAILED|cuda emulator:' "$folder/log"; then
    echo "$name: the tests did not run"
    tail -n 5 "$folder/log"
    num_missed=$((num_missed + 1))
  else
    echo "$name: seen: $(grep -m1 -hoE 'Failure|a copy still goes on|a barrier that.*|cuda emulator:.*' "$folder/log" | cut -c1-120)"
  fi
done
((num_missed == 0))
