#!/bin/sh
# The jar as a stranger gets it: the program of the README is run as it stands, with nothing but java, the
# jar and an installed Skein; and without Skein the error says where it was looked for:
# package_test.sh MODEL JAR FOLDER
set -eu
readme=$(dirname "$0")/../README.md
model=$1
jar=$2
folder=$3
rm -rf "$folder"
mkdir -p "$folder"
cp "$jar" "$folder/skein.jar"
sed -n '/^```java$/,/^```$/p' "$readme" | sed '/^```/d' > "$folder/Hello.java"
cd "$folder"
text=$(java -cp skein.jar Hello.java "$model")
echo "$text"
test "${#text}" -ge 20
# SKEIN_LIBRARY goes first, and what does not load is passed over.
touch broken.so
SKEIN_LIBRARY=$folder/broken.so java -cp skein.jar Hello.java "$model" > again.txt
test "$(wc -c < again.txt)" -ge 20
if SKEIN_DIR=$folder/none SKEIN_LIBRARY=$folder/broken.so java -cp skein.jar Hello.java "$model" 2> error.txt; then
  exit 1
fi
for place in broken.so none/lib/libskein.so.1 libskein_jni.so 'native/.* in the jar\|skein.*\.so: '; do
  grep -q "$place" error.txt || { cat error.txt; exit 1; }
done
if env -u SKEIN_DIR java -cp skein.jar Hello.java "$model" 2> error.txt; then
  exit 0 # the system has a Skein
fi
grep -q 'SKEIN_DIR: not set' error.txt
