//! The shipped catalogue: every file of `signatures/`, collected at build time.

/// File name, text, and the same as rows (`build/rows.rs`), none where it is not plainly right; in the order of the names.
pub const FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
