#!/bin/sh
# Builds the package into FOLDER/repository, and the tests and the player of the scenario against it:
# build.sh FOLDER
set -eu
binding=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
rm -rf "$folder"
mkdir -p "$folder"
jar=$("$binding/package" "$folder/repository")
cp "$jar" "$folder/skein.jar"
for part in unit scenario; do
  javac --release 17 -encoding UTF-8 -Xlint:all -Werror -cp "$folder/skein.jar" -d "$folder/$part" "$binding/tests/$part"/*.java
done
home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
${CC:-cc} -shared -fPIC -D_GNU_SOURCE -Wall -Wextra -Werror -I"$home/include" \
  -I"$home/include/linux" -o "$folder/liballocated.so" "$binding/tests/unit/allocated.c"
