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
cat >Cargo.toml <<'END'
[package]
name = "stranger"
version = "0.1.0"
edition = "2021"

[dependencies]
skein = "1.0"
END
cat >.cargo/config.toml <<END
[source.crates-io]
replace-with = "skein"
[source.skein]
directory = "$work/packages/crates"
END
awk '/^```rust$/ { on = 1; next } /^```/ { on = 0 } on' "$rust/README.md" >src/main.rs
ln -s "$rust/../../samples" samples

fail() { echo "package: $1" >&2; exit 1; }
(($(wc -l <src/main.rs) <= 10)) || fail "the example of the README has more than ten lines"
text=$(cargo run --quiet)
((${#text} >= 40)) || fail "the example wrote '$text', expected 40 characters"

# Without cargo, by an rpath.
cat >build.rs <<'END'
fn main() {
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", std::env::var("DEP_SKEIN_SAFE_LIBDIR").unwrap());
}
END
cargo build --quiet
[[ $("$work/target/debug/stranger") == "$text" ]] || fail "the program wrote another text when it was started by itself"

# Where there is no library, the build says where it looked.
if reason=$(SKEIN_DIR=$work/nowhere cargo build 2>&1); then fail "it was built without a library"; fi
[[ $reason == *"$work/nowhere/lib: is no folder"* ]] || fail "a missing library gave: $reason"
echo "$text"
