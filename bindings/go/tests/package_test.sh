#!/bin/sh
# The module as a stranger gets it: an empty module takes the package from a proxy of files, and the
# program of the README is built as it stands and run: package_test.sh MODEL FOLDER
set -eu
binding=$(cd "$(dirname "$0")/.." && pwd)
model=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder/program"
"$binding/package" "$folder/proxy"
cd "$folder/program"
sed -n '/^```go$/,/^```$/p' "$binding/README.md" | sed '/^```/d' > main.go
export GOPROXY="file://$folder/proxy"
# The cache would keep the last package of this version.
rm -rf "$SKEIN_GO_CACHE/path/pkg/mod/skein.dev" "$SKEIN_GO_CACHE/path/pkg/mod/cache/download/skein.dev"
"$binding/tests/go" mod init example.org/program
"$binding/tests/go" get skein.dev/skein
"$binding/tests/go" build -o program .
text=$(./program "$model")
echo "$text"
test "${#text}" -ge 20
# Without its library the program names it.
if LD_LIBRARY_PATH='' ./program "$folder/none" 2> error; then exit 1; fi
grep -q NOT_FOUND error
