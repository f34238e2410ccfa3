//! Tells dependents the folder of libskein, in `DEP_SKEIN_SAFE_LIBDIR`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:libdir={}", std::env::var("DEP_SKEIN_LIBDIR").expect("skein-sys says where the library is"));
}
