#!/usr/bin/env bash
# Packs the crates and uses them as a stranger does: in an empty folder, with an empty cargo home, by the example of the
# README as it stands. package.sh FOLDER, which is emptied. SKEIN_DIR is the prefix of the library.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rust=$(dirname "$here")
rm -rf "$1"
mkdir -p "$1"
work=$(cd "$1" && pwd)
export CARGO_HOME=$work/home CARGO_TARGET_DIR=$work/target CARGO_NET_OFFLINE=true
unset LD_LIBRARY_PATH RUSTFLAGS

"$rust/package" "$work/packages"

mkdir -p "$work/project/src" "$work/project/.cargo"
cd "$work/project"
manifest() { printf '[package]\nname = "stranger"\nversion = "0.1.0"\nedition = "2021"\n'; }
readme() { awk -v begin="^\`\`\`$1\$" '$0 ~ begin { on = 1; next } /^```/ { on = 0 } on' "$rust/README.md"; }
{ manifest; readme toml | sed "s|FOLDER|$work/packages|"; } >Cargo.toml
readme rust >src/main.rs
ln -s "$rust/../../samples" samples

fail() { echo "package: $1" >&2; exit 1; }
(($(wc -l <src/main.rs) <= 10)) || fail "the example of the README has more than ten lines"
text=$(cargo run --quiet)
((${#text} >= 40)) || fail "the example wrote '$text', expected 40 characters"

# From a directory source, whose checksums cargo compares.
{ manifest; printf '[dependencies]\nskein = "1.0"\n'; } >Cargo.toml
rm Cargo.lock
cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "skein"
[source.skein]
directory = "$work/packages/crates"
END
[[ $(cargo run --quiet) == "$text" ]] || fail "the program wrote another text from the directory source"

# Without cargo, by an rpath.
cat >build.rs <<'END'
fn main() {
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", std::env::var("DEP_SKEIN_SAFE_LIBDIR").unwrap());
}
END
cargo build --quiet
[[ $("$work/target/debug/stranger") == "$text" ]] || fail "the program wrote another text when it was started by itself"

# By pkg-config, and in a prefix as Debian has it.
if command -v pkg-config >/dev/null; then
  config=$(find "$SKEIN_DIR" -name skein.pc -printf '%h')
  [[ $(env -u SKEIN_DIR PKG_CONFIG_PATH="$config" cargo run --quiet) == "$text" ]] || fail "no library by pkg-config"
fi
mkdir -p "$work/prefix/lib"
ln -s "$(dirname "$(find "$SKEIN_DIR" -name libskein.so)")" "$work/prefix/lib/$(uname -m)-linux-gnu"
[[ $(SKEIN_DIR=$work/prefix cargo run --quiet) == "$text" ]] || fail "no library in lib/$(uname -m)-linux-gnu"

# Where there is no library, the build says where it looked.
if reason=$(SKEIN_DIR=$work/nowhere cargo build 2>&1); then fail "it was built without a library"; fi
[[ $reason == *"$work/nowhere/lib: is no folder"* ]] || fail "a missing library gave: $reason"
echo "$text"
