//! The `wasmstream` binary: hands over to [`wasmstream_host::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wasmstream_host::cli::main()
}
