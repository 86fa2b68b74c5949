//! Puts the SDK's sources and the templates of `wasmstream new` into the binary.
//!
//! Invariant: what is embedded is what is in the tree. Cargo runs this again when a file in one of the folders changes,
//! comes or goes, and the compiler when the contents do, since they are included by path.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What the SDK consists of, from the root of the repository. The places of the crates relative to each other are part of
/// their manifests, so they stay as they are.
const SDK: [&str; 6] = [
    "guest-sdk/Cargo.toml",
    "guest-sdk/src",
    "guest-sdk/derive/Cargo.toml",
    "guest-sdk/derive/src",
    "host/model/Cargo.toml",
    "host/model/src",
];

fn main() -> io::Result<()> {
    let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = host.parent().expect("the host is a folder of the repository");
    let mut code = String::new();
    list(&mut code, "SDK", "The SDK's files, by path below vendor/wasmstream.", root, &SDK.map(PathBuf::from))?;
    let templates = [PathBuf::from("templates")];
    list(&mut code, "TEMPLATES", "The templates' files, by path below host.", &host, &templates)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("embedded.rs"), code)
}

/// Writes a constant with all files below `parts` of `base`.
fn list(code: &mut String, name: &str, doc: &str, base: &Path, parts: &[PathBuf]) -> io::Result<()> {
    let mut files = Vec::new();
    for part in parts {
        println!("cargo::rerun-if-changed={}", base.join(part).display());
        collect(base, part, &mut files)?;
    }
    files.sort();
    let mut write = |line: String| writeln!(code, "{line}").expect("a string takes everything");
    write(format!("/// {doc}"));
    write(format!("pub(super) const {name}: &[(&str, &str)] = &["));
    for file in &files {
        let path = file.to_str().expect("our own files have plain names").replace('\\', "/");
        write(format!("    ({path:?}, include_str!({:?})),", base.join(file)));
    }
    write("];".to_owned());
    Ok(())
}

/// Finds files, but not those that an editor or a file browser leaves lying about.
fn collect(base: &Path, part: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_ours = |name: &str| !name.starts_with('.') && !name.ends_with(['~', '#']);
    if !base.join(part).is_dir() {
        files.push(part.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(base.join(part))? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(is_ours) {
            collect(base, &part.join(name), files)?;
        }
    }
    Ok(())
}
