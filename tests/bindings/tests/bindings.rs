//! The bindings in the SDK are what wit-bindgen makes of the contract. `UPDATE=1 cargo test -p wasmstream-bindings-check`
//! writes them anew.

use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;
use wit_parser::Resolve;

fn generated(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).expect("the contract parses");
    let world = resolve.select_world(&[package], None).expect("the contract has one world");
    let options = Opts {
        format: true,
        std_feature: true,
        pub_export_macro: true,
        export_macro_name: Some("export_job".into()),
        default_bindings_module: Some("wasmstream::bindings".into()),
        generate_all: true,
        runtime_path: Some("::wit_bindgen::rt".into()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("bindings can be made");
    let (_, contents) = files.iter().find(|(name, _)| name.ends_with(".rs")).expect("a Rust file");
    String::from_utf8(contents.to_vec()).expect("Rust is UTF-8")
}

#[test]
fn the_bindings_are_what_the_contract_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let expected = generated(&root.join("wit"));
    let path = root.join("guest-sdk/src/bindings.rs");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &expected).expect("the bindings can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the bindings are there");
    let differs = expected.lines().zip(committed.lines()).position(|(a, b)| a != b);
    assert!(
        committed == expected,
        "guest-sdk/src/bindings.rs differs from line {:?} on; run with UPDATE=1",
        differs.map(|n| n + 1)
    );
}
