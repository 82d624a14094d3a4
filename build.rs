//! Collects `signatures/*.toml` into one table the binary includes: of each file its name, its text, and the same read already, so that a
//! start need not read TOML. A missing or empty folder gives an empty table.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "build/rows.rs"]
mod rows;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=signatures");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("catalogue.rs"), table(&root.join("signatures"))?)
}

fn table(folder: &Path) -> io::Result<String> {
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|e| e.map(|e| e.path())).collect::<io::Result<_>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let rows = rows::of(&fs::read_to_string(file)?).unwrap_or_default();
        text += &format!("    ({:?}, include_str!({:?}), {rows:?}),\n", format!("signatures/{name}"), file.display().to_string());
    }
    Ok(text + "]\n")
}
