//! Codes of building a module and of looking at one before it runs.

use super::{Entry, exit};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "BUILD_CARGO",
        exit: exit::FAILED,
        title: "Cargo could not build the job",
        meaning: "`wasmstream build` runs `cargo build` for wasm32-unknown-unknown. Cargo failed, or could not be started. The \
last module that was built is still there.",
        why: "The compiler's own messages stand above this one; they say more than we could.",
        example: "error[BUILD_CARGO]: cargo build failed with exit status 101",
        fix: "Read the first error of the compiler, not the last. `cargo test` builds the same code natively and is the quickest \
way to try a repair. If cargo is not found, install Rust from https://rustup.rs or put ~/.cargo/bin in PATH.",
    },
    Entry {
        code: "BUILD_TARGET_MISSING",
        exit: exit::FAILED,
        title: "The Rust target for WebAssembly is not installed",
        meaning: "This Rust toolchain has no standard library for wasm32-unknown-unknown, so nothing can be built for it.",
        why: "The target is small but not part of a plain installation of Rust.",
        example: "error[BUILD_TARGET_MISSING]: the target wasm32-unknown-unknown is not installed",
        fix: "Run `rustup target add wasm32-unknown-unknown` and build again. If Rust came from your distribution, install its \
package for the target instead (on Debian: libstd-rust-dev-wasm32).",
    },
    Entry {
        code: "BUILD_NOT_A_JOB",
        exit: exit::FAILED,
        title: "What was built is not a job",
        meaning: "The package compiles, but no wasmstream job came out: it is no `cdylib`, or no function has \
#[wasmstream::job].",
        why: "Only a cdylib becomes a .wasm file, and only the attribute exports the functions that the host calls.",
        example: "error[BUILD_NOT_A_JOB]: the package `hits` makes no module",
        fix: "In Cargo.toml: [lib] crate-type = [\"cdylib\", \"rlib\"]. In src/lib.rs: #[wasmstream::job] above \
`pub fn job(j: &mut Job)`. `wasmstream new NAME` makes a project that has both, to compare with.",
    },
    Entry {
        code: "BUILD_WRITE",
        exit: exit::FAILED,
        title: "The module that was built cannot be written",
        meaning: "Cargo has built the job, but the module's file could not be written. A module of that name from before is as it \
was, or gone; it is never half a module.",
        why: "A module that is cut off would be refused later, far from the cause.",
        example: "error[BUILD_WRITE]: cannot write hits.wasm: Permission denied (os error 13)",
        fix: "Check the folder's permissions and the room on the disk, or write elsewhere with `wasmstream build --out FILE`.",
    },
    Entry {
        code: "TEST_DIFFERS",
        exit: exit::FAILED,
        title: "The job's output is not what the test expects",
        meaning: "`wasmstream test` runs the real module over the files in testdata/. Its rows differ from the expected ones, or \
two runs that cut the same input differently gave different rows.",
        why: "How input is cut depends on load and on restarts. A job whose output depends on it gives other results after a \
crash than without one.",
        example: "error[TEST_DIFFERS]: sink `counts`: row 3 is [\"be\",2], expected [\"be\",3]",
        fix: "If the new output is right, update the expected rows. If two cuts of the input disagree, look for what outlives a \
record: statics, thread-locals, the order of a HashMap, a reduce whose result depends on the grouping.",
    },
    Entry {
        code: "MODULE_READ",
        exit: exit::FAILED,
        title: "The module file cannot be read",
        meaning: "The path does not exist, is a folder, or may not be read by you.",
        why: "Nothing else can be said about a file that cannot be opened.",
        example: "error[MODULE_READ]: cannot read hits.wasm: No such file or directory (os error 2)",
        fix: "Check the path. `wasmstream build` prints where it has put the module.",
    },
    Entry {
        code: "MODULE_TOO_LARGE",
        exit: exit::FAILED,
        title: "The module is larger than allowed",
        meaning: "The file has more bytes than `guest.module-max` (64 MiB by default). It was not compiled.",
        why: "Compiling takes time and memory in proportion to the module, so the size is bounded before it starts.",
        example: "error[MODULE_TOO_LARGE]: the module has 80000000 bytes; at most 67108864 are allowed",
        fix: "Check that this is a release build with `strip = true`, and that no data set is embedded with include_bytes!: input \
belongs in a source. If it must be so large, set `guest.module-max`.",
    },
    Entry {
        code: "NOT_WASM",
        exit: exit::FAILED,
        title: "The file is not valid WebAssembly",
        meaning: "The file is something else, is cut off, or uses features of WebAssembly that are switched off here (threads, \
64-bit memory, garbage collection, exceptions, relaxed SIMD).",
        why: "Features that make a run depend on the machine are off, so that a replay gives the same bytes everywhere.",
        example: "error[NOT_WASM]: this is not WebAssembly: bad magic number",
        fix: "Check the path and that the copy is complete (`sha256sum` on both sides). If the message names a feature, remove the \
compiler flag that switches it on, often one in RUSTFLAGS.",
    },
    Entry {
        code: "NOT_A_COMPONENT",
        exit: exit::FAILED,
        title: "The file is a core module, not a component",
        meaning: "`cargo build` makes a core WebAssembly module. The host runs components: modules with typed imports and exports.",
        why: "A core module's exports are bare numbers; what they mean could only be guessed.",
        example: "error[NOT_A_COMPONENT]: this is a core WebAssembly module, not a component",
        fix: "Run `wasmstream build` in the job's folder and use the file that it names, not the one in \
target/wasm32-unknown-unknown/.",
    },
    Entry {
        code: "WRONG_WORLD",
        exit: exit::FAILED,
        title: "The component is not a wasmstream job",
        meaning: "The component does not export the interface `wasmstream:job/guest` in a version that this host knows, or its \
types differ from the contract.",
        why: "The host keeps every version of the contract that was ever released; what it does not know it cannot call.",
        example: "error[WRONG_WORLD]: the component does not export `wasmstream:job/guest@0.1.0`; it exports `wasi:cli/run@0.2.0`",
        fix: "If this is another program's component, use the right file. If the version is newer than the host, update the host: \
`wasmstream --version`. If it is older than any, rebuild the job.",
    },
    Entry {
        code: "UNKNOWN_IMPORT",
        exit: exit::FAILED,
        title: "The component needs something that jobs do not get",
        meaning: "The component imports an interface that the host does not offer. A job may log, and nothing else: it has no \
clock, no randomness, no files and no network.",
        why: "Whatever a job reads beside its input makes a replay after a crash give other results.",
        example: "error[UNKNOWN_IMPORT]: the component imports `wasi:filesystem/types@0.2.0`, which this host does not offer",
        fix: "Find the dependency that asks for it (`cargo tree`), or switch its feature off. Time comes from `out.batch_time()`, \
values to tune from `j.setting(…)`, data from a source. Build for wasm32-unknown-unknown, as `wasmstream build` does.",
    },
    Entry {
        code: "SPEC_INVALID",
        exit: exit::FAILED,
        title: "The module's description of its job cannot be read",
        meaning: "A module says as JSON which sources, operators and sinks its job has. This one's is no such JSON, or has a format \
that this host does not know.",
        why: "The graph, the schemas and the settings are taken from it; nothing can be checked without it.",
        example: "error[SPEC_INVALID]: the module's job spec cannot be read: missing field `sources` at line 1 column 40",
        fix: "Rebuild the job with the SDK that belongs to this host: `wasmstream new` writes it to vendor/wasmstream. If the \
message names a newer format, update the host.",
    },
    Entry {
        code: "SPEC_MISMATCH",
        exit: exit::FAILED,
        title: "The module does not describe itself as it was built",
        meaning: "`wasmstream build` embeds the job's description in the module. What the module's code answers now is another one.",
        why: "Either the file was changed after it was built, or the job's graph depends on something that changes. Both would \
make `inspect` and `check` say things about another job than the one that runs.",
        example: "error[SPEC_MISMATCH]: the job spec embedded in the module is not what the module answers: it was changed after it was built",
        fix: "Build again. If it comes back, look at `fn job` for a graph that depends on anything: statics, the order of a \
HashMap, a setting's value. The graph must be the same each time; settings are read inside of operators.",
    },
    Entry {
        code: "GRAPH_INVALID",
        exit: exit::FAILED,
        title: "The job's graph makes no sense",
        meaning: "Two operators have one id, a name has characters that are not allowed, a stream leads nowhere, or the like. The \
message names the operators, and where they are written.",
        why: "State is stored under operator ids and is found by them after an upgrade, so they must be unique and lasting.",
        example: "error[GRAPH_INVALID]: two operators have the id `split`: at src/lib.rs:9:10 and at src/lib.rs:15:10",
        fix: "Give each operator an id of its own. `cargo test` with a TestJob finds such mistakes without a build.",
    },
];
