#!/usr/bin/env bash
# Checks the CUDA backend on this machine's GPU, layer by layer, and measures it: within eight minutes, and without a
# network. It stops at the first layer that is broken, because all others stand on it. Whatever happens, it writes
# report.json and prints a table. The report is written before each stage too, for whoever kills the script in one.
# Ends with 0: all passed; 1: something failed; 2: a wrong command line; 3: there is no GPU.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: check.sh [--prebuilt DIR] [--plugin FILE] [--device N] [--quick] [--size SIZE] [--seconds N] [--keep-going]
                [--stages LIST] [--out DIR]
  --prebuilt DIR  take programs and libraries from DIR, a folder of ./dev gpu-bundle or a build, instead of building
  --plugin FILE   the backend to check, instead of the one that was built
  --device N      of the plugin, 0 by default
  --quick         two minutes instead of eight
  --size SIZE     full, quick, or toy for a device that is no GPU
  --seconds N     for all stages, instead of 480, or 120 with --quick
  --keep-going    run every stage, even behind one that failed
  --stages LIST   run these alone, with commas between them; roofs are for the benchmarks of the same run
  --out DIR       the folder for report.json, logs and builds; cuda-check by default
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all_stages=device,roofs,contract,numbers,cuts,migration,invariance,benchmark,kernels,switches
all_stages+=,benchmark-switched,kernels-switched,soak,memcheck,racecheck,conformance,golden,abi
prebuilt='' plugin='' device=0 size=full budget='' keep_going='' stages=$all_stages out=cuda-check
while (($#)); do
  case $1 in
    --prebuilt) prebuilt=${2-} && shift ;;
    --plugin) plugin=${2-} && shift ;;
    --device) device=${2-} && shift ;;
    --quick) size=quick ;;
    --size) size=${2-} && shift ;;
    --seconds) budget=${2-} && shift ;;
    --keep-going) keep_going=yes ;;
    --stages) stages=${2-} && shift ;;
    --out) out=${2-} && shift ;;
    --help | -h) usage; exit 0 ;;
    *) echo "check.sh: no option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift || { echo "check.sh: expected a value behind the last option" >&2; exit 2; }
done
case $size in
  full | toy) budget=${budget:-480} ;;
  quick) budget=${budget:-120} ;;
  *) echo "check.sh: --size: expected full, quick or toy, found \"$size\"" >&2; exit 2 ;;
esac

[[ $budget =~ ^[0-9]{1,5}$ ]] || { echo "check.sh: --seconds: expected a number, found \"$budget\"" >&2; exit 2; }
for stage in ${stages//,/ }; do
  [[ ,$all_stages, == *,$stage,* ]] && continue
  echo "check.sh: --stages: expected some of $all_stages, found \"$stage\"" >&2; exit 2
done

# In a bundle, the script lies beside what was built.
[[ -n $prebuilt || ! -x $here/tests/cuda_check ]] || prebuilt=$here
if [[ -n $prebuilt ]]; then
  [[ -d $prebuilt ]] || { echo "check.sh: --prebuilt: there is no folder $prebuilt" >&2; exit 2; }
  prebuilt=$(cd "$prebuilt" && pwd)
fi
[[ -z $plugin ]] || plugin=$(realpath -m "$plugin")
predict=$here/check/predict.py
[[ -r $predict ]] || predict=$here/predict.py  # in a bundle
mkdir -p "$out/stages" || exit 2
out=$(cd "$out" && pwd)
rm -f "$out"/stages/* "$out/report.json"
rm -rf "$out/cache"
# What the backend times at load is of this run.
export XDG_CACHE_HOME=$out/cache
start=$SECONDS
result=0     # of the whole: 1 as soon as a stage failed
broken=''    # the stage that stopped the others
order=()     # of the stages, for the report
running=''   # the process that the script waits for
bandwidth='' matrix_rate=''

# --- the report ---

# A text as a JSON string.
json_text() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/ }
  printf '"%s"' "$(tr -d '\000-\010\013-\037' <<<"$text")"
}

# Notes a stage that has no report of its own: stage_report NAME OUTCOME SUMMARY SECONDS.
stage_report() {
  printf '{"stage": %s, "outcome": %s, "summary": %s, "seconds": %s}\n' \
    "$(json_text "$1")" "$(json_text "$2")" "$(json_text "$3")" "$4" >"$out/stages/$1.json"
  printf '%s: %s: %s (%s s)\n' "$1" "$2" "$3" "$4"
}

# The checkout may be another user's.
find_commit() {
  if [[ -n $prebuilt && -r $prebuilt/COMMIT ]]; then cat "$prebuilt/COMMIT"; return; fi
  timeout 20 git -c safe.directory='*' -C "$here" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown
}

# Name, driver, memory and clocks of the GPU, where the driver's own tool says them. Nobody waits for it: on a GPU that
# hangs it hangs too.
ask_driver() {
  timeout 60 nvidia-smi -i "$device" \
    --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit \
    --format=csv,noheader </dev/null >"$out/stages/driver.txt" 2>/dev/null &
}
driver_says() {
  [[ ! -s $out/stages/driver.txt ]] || { head -n 1 "$out/stages/driver.txt"; return; }
  echo "nvidia-smi says nothing"
}

write_report() {
  local stage first=yes
  {
    printf '{"project": "skein", "check": "cuda", "result": %s,\n' "$(json_text "$1")"
    printf '"date": "%s", "commit": %s, "size": "%s", "seconds": %d,\n' \
      "$(date -u +%FT%TZ)" "$(json_text "$commit")" "$size" $((SECONDS - start))
    printf '"machine": %s, "cpus": %d, "driver": %s,\n' \
      "$(json_text "$(uname -srm), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")" "$(nproc)" \
      "$(json_text "$(driver_says)")"
    printf '"switches": %s, "bandwidth": %s, "matrix_rate": %s,\n"stages": [' \
      "$(json_text "${SKEIN_CUDA-}")" "${bandwidth:-null}" "${matrix_rate:-null}"
    for stage in "${order[@]}"; do
      [[ -s $out/stages/$stage.json ]] || continue
      [[ $first ]] || printf ',\n'
      first=''
      cat "$out/stages/$stage.json"
    done
    printf ']}\n'
  } >"$out/report.json.new" && mv "$out/report.json.new" "$out/report.json"
}

# What the figures' lines say, once more, and then a line for each stage.
print_table() {
  local stage
  printf '\n== figures ==\n'
  for stage in benchmark benchmark-switched switches abi; do
    [[ ! -s $out/stages/$stage.log ]] || sed -n 's/^  //p' "$out/stages/$stage.log"
  done
  for stage in kernels kernels-switched; do
    [[ ! -s $out/stages/$stage-predicted.log ]] || { printf '\n== %s ==\n' "$stage" && cat "$out/stages/$stage-predicted.log"; }
  done
  printf '\n== defaults to change ==\n'
  { grep -h '; turn on ' "$out/stages/switches.log" | sed 's/^  //'; } 2>/dev/null || echo none
  printf '\n== stages ==\n'
  for stage in "${order[@]}"; do
    printf '%-19s %s\n' "$stage" \
      "$(sed -n 's/.*"outcome": "\([^"]*\)".*"seconds": \([0-9]*[.]*[0-9]\{0,1\}\).*/\1, \2 s/p' "$out/stages/$stage.json" | head -n 1)"
  done
  printf '\nreport: %s\n' "$out/report.json"
}

finish() {
  trap - EXIT INT TERM HUP
  trap '' PIPE
  [[ -z $running ]] || kill "$running" 2>/dev/null
  local text=passed
  case $result in
    1) text=failed ;;
    3) text='no GPU' ;;
  esac
  write_report "$text"
  print_table
  exit "$result"
}
trap finish EXIT
trap 'result=1; exit' INT TERM HUP PIPE

# Runs a command so that a signal ends the script meanwhile, and not behind it.
wait_for() {
  local code
  "$@" &
  running=$!
  wait "$running"
  code=$?
  running=''
  return "$code"
}

# --- stages ---

seconds_left() { echo $((budget - (SECONDS - start))); }

# The seconds that a stage may take: its share of the budget, or what is left: share FULL QUICK.
share() {
  local left wanted=$1
  [[ $size != quick ]] || wanted=$2
  left=$(($(seconds_left) - 5))
  echo $((left < wanted ? left : wanted))
}

# The end of a stage that failed, and what that means for the others: failed NAME KIND. Foundations stop them.
failed() {
  result=1
  [[ $2 != foundation || -n $keep_going ]] || broken=$1
}

# True if a stage is to run, with its `seconds`; else it is noted why not: begins NAME FULL QUICK.
begins() {
  order+=("$1")
  seconds=$(share "$2" "$3")
  if [[ ,$stages, != *,$1,* ]]; then
    stage_report "$1" "not run" "not asked for" 0 >/dev/null
  elif [[ -n $broken ]]; then
    stage_report "$1" "not run" "because of stage $broken" 0 >/dev/null
  elif ((seconds < 2)); then
    stage_report "$1" "not run" "no time for it" 0
  else
    is_under_way "$1"
    printf '\n== %s ==\n' "$1"
    return 0
  fi
  return 1
}

# What the report says of a stage in which the script was killed.
is_under_way() {
  stage_report "$1" "not ended" "the script was ended first" 0 >/dev/null
  write_report "not ended"
}

# A stage of cuda_check: check NAME STAGE FULL QUICK KIND [OPTION...]. A stage that hangs is ended.
check() {
  local name=$1 stage=$2 seconds kind=$5 code log printer began=$SECONDS
  begins "$name" "$3" "$4" || return 0
  shift 5
  exec {log}> >(exec tee "$out/stages/$name.log")
  printer=$!
  wait_for timeout -k 5 $((seconds + 5)) "$program" "$stage" --name "$name" --plugin "$plugin" \
    --reference "$reference" --device "$device" --size "$size" --seconds "$seconds" \
    --json "$out/stages/$name.json" "$@" >&"$log" 2>&1
  code=$?
  exec {log}>&-
  wait "$printer"
  # The program ends with these, but so does a loader that lacks a library of it.
  [[ $code != [013] ]] || ! grep -q '"outcome": "not ended"' "$out/stages/$name.json" || code=127
  case $code in
    0) ;;
    1) failed "$name" "$kind" ;;
    3)
      result=3 broken=$name ;;
    *)
      stage_report "$name" FAILED "$(how_it_ended "$code"); last line: $(tail -n 1 "$out/stages/$name.log")" \
        $((SECONDS - began))
      echo "  again: $program $stage --plugin $plugin --reference $reference"
      failed "$name" "$kind" ;;
  esac
}

how_it_ended() {
  case $1 in
    124 | 137) echo "did not end in time" ;;
    1[3-9][0-9]) echo "was ended by signal $(($1 - 128))" ;;
    *) echo "ended with $1" ;;
  esac
}

# Another program as a stage: other NAME FULL QUICK COMMAND... Its last lines are the summary.
other() {
  local name=$1 seconds code began=$SECONDS
  begins "$name" "$2" "$3" || return 0
  shift 3
  wait_for timeout -k 5 "$seconds" "$@" >"$out/stages/$name.log" 2>&1
  code=$?
  if ((code == 0)); then
    stage_report "$name" passed "$(tail -n 1 "$out/stages/$name.log")" $((SECONDS - began))
    return
  fi
  tail -n 20 "$out/stages/$name.log"
  if ((code == 124 || code == 137)); then
    stage_report "$name" shortened "did not end in $seconds s: $(tail -n 1 "$out/stages/$name.log")" $((SECONDS - began))
  else
    stage_report "$name" FAILED "$(how_it_ended "$code"): $(tail -n 3 "$out/stages/$name.log")" $((SECONDS - began))
    echo "  again: $*"
    result=1
  fi
}

# A stage for which something is missing: left_out NAME WHY.
left_out() {
  order+=("$1")
  stage_report "$1" skipped "$2" 0
}

# --- what there is to check ---

# Builds the plugins and cuda_check with what every machine with CUDA has.
build() {
  local log=$out/stages/build.log began=$SECONDS code generator=()
  order+=(build)
  is_under_way build
  printf '== build ==\n'
  ! command -v ninja >/dev/null || generator=(-G Ninja)
  { wait_for timeout 120 cmake -S "$here/check" -B "$out/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CUDA_ARCHITECTURES="${SKEIN_CUDA_ARCHITECTURES:-native}" &&
    wait_for timeout "$(share 240 100)" cmake --build "$out/build" -j "$(nproc)"; } >"$log" 2>&1
  code=$?
  if ((code != 0)); then
    grep -iE 'error' "$log" | head -n 20
    tail -n 5 "$log"
    stage_report build FAILED "$(how_it_ended "$code"); see $log: $({ grep -iE 'error' "$log" || tail -n 1 "$log"; } | head -n 1)" \
      $((SECONDS - began))
    failed build foundation
    return 1
  fi
  stage_report build passed "in $out/build" $((SECONDS - began))
}

# Unpacks a library beside itself, or where the programs look next if nobody may write there: unpack FILE FOLDER.
unpack() {
  local to=$2
  if [[ ! -w $to ]]; then
    to=$out/lib
    mkdir -p "$to"
    export LD_LIBRARY_PATH=$to${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  fi
  gunzip -c "$1" >"$to/${1##*/}.new" && mv "$to/${1##*/}.new" "$to/$(basename "$1" .gz)"
}

# The folder of a bundle, or a copy whose programs take the system's own C++ library: that of a bundle may want a newer
# glibc, which nothing else in it needs.
fitting() {
  local folder=$1
  if [[ -e $folder/lib/libstdc++.so.6 && $("$folder/tests/cuda_check" 2>&1) == *"version \`GLIBC_"* ]]; then
    folder=$out/bundle
    rm -rf "$folder"
    cp -r "$1" "$folder"
    rm "$folder"/lib/lib{stdc++.so.6,gcc_s.so.1}
  fi
  echo "$folder"
}

# Finds programs and plugins in a build or a bundle, and unpacks the libraries of a bundle that are packed.
find_parts() {
  local packed
  for packed in "$folder"/lib/*.gz; do
    [[ ! -e $packed || -e ${packed%.gz} ]] || unpack "$packed" "$folder/lib"
  done
  program=$folder/tests/cuda_check
  roofs=$folder/tests/cuda_roofs
  reference=$folder/lib/skein/plugins-1/backend-reference.so
  plugin=${plugin:-$folder/lib/skein/plugins-1/backend-cuda.so}
  local part
  order+=(parts)
  for part in "$program" "$reference" "$plugin"; do
    if [[ ! -r $part ]]; then
      stage_report parts FAILED "there is no $part" 0
      failed parts foundation
      return 1
    fi
  done
  stage_report parts passed "$plugin" 0
}

# The limits of the card, measured on it.
measure_roofs() {
  local seconds
  begins roofs 30 10 || return 0
  if [[ ! -x $roofs ]]; then
    stage_report roofs skipped "there is no $roofs: not measured" 0
    return
  fi
  local began=$SECONDS
  wait_for timeout -k 5 "$seconds" "$roofs" "$device" >"$out/stages/roofs.log" 2>"$out/stages/roofs.err"
  bandwidth=$(sed -n 's/^bandwidth //p' "$out/stages/roofs.log")
  matrix_rate=$(sed -n 's/^matrix_rate //p' "$out/stages/roofs.log")
  if [[ -n $bandwidth && -n $matrix_rate ]]; then
    stage_report roofs passed "$(tr '\n' ' ' <"$out/stages/roofs.log")" $((SECONDS - began))
  else
    stage_report roofs skipped "not measured: $(tail -n 1 "$out/stages/roofs.err")" $((SECONDS - began))
  fi
}

# Switches that the stage `switches` found right and faster.
good_switches() {
  sed -n 's/.*"good_switches": "\([^"]*\)".*/\1/p' "$out/stages/switches.json" 2>/dev/null | head -n 1
}

# The launches of steps one by one, each beside its prediction: measure_kernels NAME SWITCHES.
measure_kernels() {
  local name=$1 log=$out/stages/$1-launches.txt only=1.5B/f16/dense card=H200
  [[ $size != toy ]] || only=toy/f16/dense
  ! grep -q H100 "$out/stages/device.log" 2>/dev/null || card=H100
  SKEIN_CUDA=$2 SKEIN_CUDA_LAUNCHES=$log check "$name" benchmark 20 6 report --only "$only" "${limits[@]}"
  [[ -s $log && -r $predict ]] || return 0
  python3 -B "$predict" --card "$card" --measured "$log" 2>&1 | tee "$out/stages/$name-predicted.log"
}

# Programs of the tests that a bundle or a build has: test_program NAME FULL QUICK PROGRAM FILTER TOY_FILTER.
test_program() {
  local name=$1 full=$2 quick=$3 file=$4 filter=$5
  [[ $size != toy ]] || filter=$6
  if [[ ! -x $folder/tests/$file ]]; then left_out "$name" "there is no tests/$file"; return; fi
  # The paths in a bundle's tests begin at its folder.
  other "$name" "$full" "$quick" env -C "$folder" SKEIN_CONFORMANCE_PLUGIN="$plugin:$reference" \
    SKEIN_GOLDEN_DEVICE="$device_name" SKEIN_PLUGIN_PATH="$out/plugins" "tests/$file" --gtest_brief=1 --gtest_filter="$filter"
}

# The figures once more as a host of libskein sees them.
measure_abi() {
  if [[ ! -x $folder/bin/skein ]]; then left_out abi "there is no bin/skein"; return; fi
  local shape=1.5B amount=(--prefill 512 --decode 32 --streams 32)
  [[ $size != toy ]] || { shape=C=128,L=2,V=512; amount=(--prefill 8 --decode 2 --streams 3); }
  other abi 40 10 "$folder/bin/skein" bench --shape "$shape" --type f16 --device "$device_name" \
    --plugin-path "$out/plugins" "${amount[@]}" --runs 1 --sample
}

# Where toolkits have it, whether the path names them or not.
find_sanitizer() {
  local nvcc folder
  command -v compute-sanitizer && return
  nvcc=$(command -v nvcc) && nvcc=$(dirname "$(realpath "$nvcc")")
  for folder in ${nvcc:+"$nvcc"} ${CUDA_PATH:+"$CUDA_PATH/bin"} ${CUDA_HOME:+"$CUDA_HOME/bin"} /usr/local/cuda*/bin; do
    [[ ! -x $folder/compute-sanitizer ]] || { echo "$folder/compute-sanitizer"; return; }
  done
}

# compute-sanitizer over small shapes, where it is.
sanitize() {
  local tool=$1 sanitizer
  sanitizer=$(find_sanitizer)
  if [[ -z $sanitizer ]]; then left_out "$tool" "there is no compute-sanitizer"; return; fi
  # Calls of the runtime have an answer, "not ready" among them, which the backend asks for: no faults of kernels.
  local options=(--tool "$tool" --error-exitcode 9)
  [[ $tool != memcheck ]] || options+=(--report-api-errors no)
  other "$tool" 20 0 "$sanitizer" "${options[@]}" "$program" probe --plugin "$plugin" \
    --reference "$reference" --device "$device" --size toy --seconds 15
}

# --- all stages ---

# What others stand on comes first, and figures before what may take long, so that a short time gives them.

commit=$(find_commit)
ask_driver
folder=$prebuilt
[[ -n $prebuilt ]] || { build && folder=$out/build; }
if [[ -n $folder ]]; then
  folder=$(fitting "$folder")
  find_parts
fi
mkdir -p "$out/plugins"
[[ -z $plugin ]] || ln -sf "$plugin" "$out/plugins/${plugin##*/}"

# A driver that nothing keeps awake takes seconds for each GPU of the machine, before it answers for the first time.
check device device 60 30 foundation
device_name=$(sed -n 's/^  \([^:]*:[0-9]*\): .*/\1/p' "$out/stages/device.log" 2>/dev/null | head -n 1)
measure_roofs
check contract contract 30 10 foundation
check numbers numbers 60 25 foundation
check cuts cuts 30 8 foundation
check migration migration 15 5 foundation
check invariance invariance 30 10 foundation
limits=()
[[ -z $bandwidth ]] || limits+=(--bandwidth "$bandwidth")
[[ -z $matrix_rate ]] || limits+=(--matrix-rate "$matrix_rate")
check benchmark benchmark 80 18 report "${limits[@]}"
measure_kernels kernels ''
# More than a dozen trials, each a process that loads three models.
check switches switches 160 30 report
switches=$(good_switches)
if [[ -n $switches ]]; then
  SKEIN_CUDA=$switches check benchmark-switched benchmark 50 8 report "${limits[@]}"
  measure_kernels kernels-switched "$switches"
else
  left_out benchmark-switched "no switch is both right and faster"
  left_out kernels-switched "no switch is both right and faster"
fi
check soak soak 30 8 report
sanitize memcheck
sanitize racecheck
test_program conformance 30 0 backend_conformance_test '*' '*BackendContract*Slot*:*EntrySizes*'
test_program golden 30 0 golden_test '*NamedDevice*' '*NamedDeviceTest.LogitsAgree*'
measure_abi
