#!/bin/sh
# Maven, without a network: it builds the jar from pom.xml, and a stranger's project takes the jar of ./package from the
# repository of files: maven_test.sh MODEL REPOSITORY FOLDER
set -eu
binding=$(cd "$(dirname "$0")/.." && pwd)
model=$1
repository=$2
folder=$3
plugins=/usr/share/maven-repo/org/apache/maven/plugins
command -v mvn > /dev/null || { echo "mvn (maven) not found"; exit 77; }
for plugin in compiler resources jar surefire; do
  test -d "$plugins/maven-$plugin-plugin" || { echo "maven-$plugin-plugin, as Debian has it, not found"; exit 77; }
done
rm -rf "$folder"
mkdir -p "$folder"
cp -rs /usr/share/maven-repo "$folder/local" # Maven writes beside what it finds there
maven() { mvn --offline --batch-mode --quiet "-Dmaven.repo.local=$folder/local" -Daether.offline.protocols=file "$@"; }

mkdir -p "$folder/tree/bindings/java"
cp "$binding/../../LICENSE" "$folder/tree"
cp -R "$binding/src" "$binding/native" "$binding/pom.xml" "$folder/tree/bindings/java"
cd "$folder/tree/bindings/java"
./native target/native
maven package
for jar in target/skein-*.jar "$repository"/dev/skein/skein/*/skein-*.jar; do
  jar --list --file "$jar" | grep -E "(class|so|LICENSE)$" | sort > "$folder/$(basename "$(dirname "$jar")").list"
done
diff "$folder/target.list" "$folder"/[0-9]*.list

mkdir -p "$folder/stranger/src/main/java"
cd "$folder/stranger"
sed -n '/^```java$/,/^```$/p' "$binding/README.md" | sed '/^```/d' > src/main/java/Hello.java
sed "s:@REPOSITORY@:$repository:" "$binding/tests/stranger.xml" > pom.xml
maven package
jar=$(find "$folder/local/dev/skein" -name 'skein-*.jar')
text=$(java -cp "target/stranger-1.jar:$jar" Hello "$model")
echo "$text"
test "${#text}" -ge 20
