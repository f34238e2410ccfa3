//! The C ABI of Skein as it is: the functions, structs and constants of `skein/skein.h`, under their own names.
//!
//! The headers are the documentation. Nothing here is checked or released by itself; the crate `skein` is the safe
//! layer over it. `ffi.rs` is generated from the description of the ABI.

#![allow(non_camel_case_types)]

#[rustfmt::skip] // It is as the generator writes it.
mod ffi;

pub use ffi::*;
