//! The shipped catalogue: file name and text of every file of `signatures/`, collected at build time.

/// File name and text, in the order of the names.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
