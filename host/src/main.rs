//! The `wasmstream` binary: hands over to [`wasmstream_host::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long freed memory stays with the process, in milliseconds. Batches allocate and free buffers of the same sizes over
/// and over; giving the pages back in between costs a tenth of the run in page faults.
const PURGE_DELAY_MS: std::ffi::c_long = 100;

/// `mi_option_purge_delay`, which the crate has no name for.
const PURGE_DELAY: std::ffi::c_int = 15;

fn main() -> ExitCode {
    // SAFETY: sets a number in the allocator's options; the option's number is that of `mimalloc.h`.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
    wasmstream_host::cli::main()
}
