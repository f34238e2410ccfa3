//! Finds libskein for the linker: in the prefix `SKEIN_DIR`, or else by pkg-config. Downloads and compiles nothing.
//!
//! Dependents find the library's folder in `DEP_SKEIN_LIBDIR`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a prefix calls the folder of its libraries, and what the linker looks for in it.
const LIBRARY: &str = "libskein.so";

fn main() {
    println!("cargo:rerun-if-env-changed=SKEIN_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    let folder = match env::var_os("SKEIN_DIR") {
        Some(prefix) => library_in_prefix(Path::new(&prefix)),
        None => library_of_pkg_config(),
    };
    let folder = folder.unwrap_or_else(|reason| {
        eprintln!("{reason}");
        std::process::exit(1);
    });
    link(&folder).unwrap_or_else(|error| {
        eprintln!("skein-sys: no link to the library in {}: {error}", folder.display());
        std::process::exit(1);
    });
    println!("cargo:libdir={}", folder.display());
}

/// Looks where installations put libraries: lib, lib64 and Debian's lib/x86_64-linux-gnu.
fn library_in_prefix(prefix: &Path) -> Result<PathBuf, String> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let folders = [prefix.join("lib"), prefix.join(format!("lib/{architecture}-linux-gnu")), prefix.join("lib64")];
    if let Some(folder) = folders.iter().find(|folder| folder.join(LIBRARY).exists()) {
        return Ok(folder.clone());
    }
    let reason = |folder: &PathBuf| {
        let reason = if folder.exists() { "has no such file" } else { "is no folder" };
        format!("  {}: {reason}", folder.display())
    };
    let reasons: Vec<String> = folders.iter().map(reason).collect();
    let prefix = prefix.display();
    Err(format!("skein-sys: SKEIN_DIR is {prefix}, and {LIBRARY} is in none of:\n{}", reasons.join("\n")))
}

fn library_of_pkg_config() -> Result<PathBuf, String> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let help = "skein-sys: install skein so that pkg-config finds it, or set SKEIN_DIR to its prefix";
    let output = Command::new(&program).args(["--variable=libdir", "skein"]).output();
    let output = output.map_err(|error| format!("skein-sys: {}: {error}\n{help}", program.to_string_lossy()))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if output.status.success() && !folder.is_empty() {
        return Ok(PathBuf::from(folder));
    }
    // `--variable` says nothing of a package that it does not find.
    let output = Command::new(&program).args(["--print-errors", "--exists", "skein"]).output();
    let reason = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    Err(format!("skein-sys: pkg-config does not know skein: {}{help}", reason.unwrap_or_default()))
}

/// Links to the library by a name in the build folder. `cargo run` and `cargo test` pass such folders on to the loader,
/// and so their programs start without an rpath. The library finds its plugins by its real path.
fn link(folder: &Path) -> io::Result<()> {
    let links = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for name in [LIBRARY, "libskein.so.1"] {
        let link = links.join(name);
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(fs::canonicalize(folder.join(name))?, link)?;
    }
    println!("cargo:rustc-link-search=native={}", links.display());
    println!("cargo:rustc-link-lib=dylib=skein");
    Ok(())
}
