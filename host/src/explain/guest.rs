//! Codes of the job's own code while it runs.

use super::{Entry, exit};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "RECORD_FAILED",
        exit: exit::FAILED,
        title: "The job could not process a record, and records may not fail",
        meaning: "The record did not parse, or the job's code said so with `out.fail(…)` or an Err in try_map. Nothing of the batch \
was published; the state is that of the batch before.",
        why: "The default is to stop: dropping records in silence is how totals go wrong for weeks.",
        example: "error[RECORD_FAILED]: events.jsonl, record 1042: the line is not the JSON that is expected: missing field `user` at line 1 column 17",
        fix: "Look at the record that the message names. Then repair the input, or make the job take it (Option<T> for fields that \
may be missing), or set `records.on-failure = \"dead-letter\"` and `records.dead-letter` to a folder where such records are kept \
with the reason.",
    },
    Entry {
        code: "GUEST_PANIC",
        exit: exit::FAILED,
        title: "The job's code panicked",
        meaning: "An unwrap, an index, an overflow check or a panic! in the job. The message has the panic's own text, the operator \
and the row. Nothing of the batch was published.",
        why: "A panic leaves no answer for any record of the call, so the call's records were tried again before giving up.",
        example: "error[GUEST_PANIC]: operator `totals`, row 17 of the call panicked: attempt to divide by zero",
        fix: "Copy the record into a unit test: test.feed(\"SOURCE\", [record]).batch() panics natively, with a backtrace. For input \
that may be wrong use try_map or out.fail(…) instead of unwrap: it then fails that record alone.",
    },
    Entry {
        code: "GUEST_TRAP",
        exit: exit::FAILED,
        title: "The job's code trapped",
        meaning: "The sandbox stopped the code without a panic message: an `unreachable`, an access out of bounds, or the like. \
Nothing of the batch was published and the host is unharmed.",
        why: "A trapped instance cannot be trusted, so it is thrown away and the call is tried on a fresh one first.",
        example: "error[GUEST_TRAP]: operator `split` trapped: wasm `unreachable` instruction executed",
        fix: "Most often this is unsafe code or std::process::abort. Run the job's unit tests on the same records; \
then `cargo test` under Miri if there is unsafe code. A panic inside of a panic also ends here.",
    },
    Entry {
        code: "GUEST_FAILED",
        exit: exit::FAILED,
        title: "The job's code gave up on a call",
        meaning: "The code itself answered that it cannot do what it was asked: most often stored state that it cannot read.",
        why: "This concerns the whole call, not one record, so no record can be left out to go on.",
        example: "error[GUEST_FAILED]: the guest gave up: operator `totals`: the state is not what its schema says",
        fix: "If the job was changed since the state was written, compare the two with `wasmstream check`. Else look at the job's \
log just above the error; it is the code's own message.",
    },
    Entry {
        code: "GUEST_BREACH",
        exit: exit::FAILED,
        title: "The module broke the contract between host and job",
        meaning: "What a call returned does not fit: a damaged column, more rows consumed than given, an unknown edge. None of it was \
used.",
        why: "The host checks everything that a module returns; the rest of the system relies on it.",
        example: "error[GUEST_BREACH]: the guest broke the contract: column offsets do not ascend",
        fix: "A job written with the Rust SDK cannot do this by itself: check for unsafe code, rebuild with the SDK of this host \
(`wasmstream new` writes it to vendor/wasmstream), and report it if it comes back. For a module made otherwise, read wit/.",
    },
    Entry {
        code: "GUEST_DEADLINE",
        exit: exit::FAILED,
        title: "The job's code took too long",
        meaning: "A call did not come back within `guest.time` (for each 64 k records), was tried again with a longer limit, and did \
not come back then either. Nothing of the batch was published.",
        why: "An endless loop must not hold the job and the machine for ever.",
        example: "error[GUEST_DEADLINE]: operator `match`, row 801 of the call did not come back within 1000 ms (guest.time)",
        fix: "Look at the operator and row that the message names: a loop without an end, or work that grows with the square of the \
input. If the work is really that heavy, raise `guest.time`. On an overloaded machine, check that first.",
    },
    Entry {
        code: "GUEST_MEMORY",
        exit: exit::FAILED,
        title: "The job's code needs more memory than it may have",
        meaning: "Within one call the code asked for more than `guest.memory` (128 MiB by default). Nothing of the batch was published.",
        why: "Memory is bounded for each call, so that one job cannot take the machine down with it.",
        example: "error[GUEST_MEMORY]: operator `totals` ran out of memory: the limit is 128 MiB (guest.memory)",
        fix: "Each call starts with empty memory, so this is one call's need, never a leak over days. Look for a key whose state grows \
without bound (a Vec that is only pushed to): keep totals instead of lists, or give the state a timeout. Smaller calls help too \
(`chunk.rows`, `chunk.bytes`). Else raise `guest.memory`.",
    },
    Entry {
        code: "GUEST_STACK",
        exit: exit::FAILED,
        title: "The job's code recursed too deeply",
        meaning: "The call used more stack than `guest.stack` (1 MiB by default).",
        why: "A bound turns an endless recursion into an error message instead of a crash of the process.",
        example: "error[GUEST_STACK]: operator `walk` ran out of stack: the limit is 1024 KiB (guest.stack)",
        fix: "Look for a function that calls itself without an end, or for input that nests deeper than expected. Use a loop with a \
Vec instead of recursion, or raise `guest.stack`.",
    },
    Entry {
        code: "STATE_OVERFLOW",
        exit: exit::FAILED,
        title: "A sum or count does not fit its type",
        meaning: "An integer aggregate that the host keeps (count, sum) would exceed 64 bits, or a state or a cell its largest size. \
The state is that of the batch before.",
        why: "A sum that wraps around is wrong from then on, and nobody notices.",
        example: "error[STATE_OVERFLOW]: operator `bytes`, key \"total\": the sum does not fit a 64-bit integer",
        fix: "Check the input first: one absurd value is the usual cause. Else sum as f64 (map the values before `sum`), in a \
larger unit, or under keys that start anew, such as one per day.",
    },
    Entry {
        code: "NONDETERMINISTIC",
        exit: exit::FAILED,
        title: "A replay gave other output than the first run",
        meaning: "(Reserved: this version does not raise it.) After a restart a batch is run again over the same input. Its output differs from what was recorded, so the job has \
stopped rather than publish a mixture of two runs.",
        why: "Exactly-once rests on replays giving the same bytes.",
        example: "error[NONDETERMINISTIC]: batch 812, sink `counts`: the replay's digest is 9f31…, recorded is 04ab…",
        fix: "`wasmstream test` runs a job under two different cuts and finds most causes: the order of a HashMap in the output, \
state kept in statics, a reduce_by_key whose function depends on the grouping. If the machine changed as well, \
check that the module's hash is the recorded one.",
    },
];
