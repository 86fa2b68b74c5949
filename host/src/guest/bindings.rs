//! The contract of `wit/` as Rust types. Parameters are borrowed, so columns go into the sandbox with one copy.

#![allow(missing_docs, reason = "generated from wit/, where everything is documented")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "job",
    ownership: Borrowing { duplicate_if_necessary: true },
});
