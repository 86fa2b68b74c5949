//! Codes of sources, sinks, batches and the processes that run them.

use super::{Entry, exit};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "SOURCE_URL",
        exit: exit::USAGE,
        title: "A source's URL cannot be used",
        meaning: "It is no URL, has a scheme that no source has, or an option that the scheme does not know. Nothing was started.",
        why: "An option that is silently ignored is one that somebody relies on.",
        example: "error[SOURCE_URL]: source `lines`: there is no scheme `flie`",
        fix: "A source is `file:PATH` (a file, a folder or a glob, with ?follow=true to wait for more), `stdin:`, `tcp://HOST:PORT` \
or `rate:rows=N`. In a shell, put the URL in quotes: `*`, `?` and `&` mean something there.",
    },
    Entry {
        code: "SOURCE_NO_FILES",
        exit: exit::FAILED,
        title: "A source's path stands for no file",
        meaning: "There is no such file, the folder is empty, or the glob matches nothing. Nothing was started.",
        why: "A misspelt path must not look like a job that has finished with no input.",
        example: "error[SOURCE_NO_FILES]: source `lines`: /data/in/*.txt: no file matches",
        fix: "Check the path with `ls`; a relative one is counted from the folder that the job was started in. If the files come \
later, add ?follow=true to the URL.",
    },
    Entry {
        code: "SOURCE_CONNECT",
        exit: exit::FAILED,
        title: "A source's server cannot be reached",
        meaning: "The connection to HOST:PORT was refused, timed out, or the name is unknown.",
        why: "Without its source a job has nothing to do, and waiting in silence would hide it.",
        example: "error[SOURCE_CONNECT]: source `events`: cannot connect to feed:9000: Connection refused (os error 111)",
        fix: "Try it by hand: `nc -vz HOST PORT`. Refused: the server is not up or listens on another address. No answer: a \
firewall. Unknown name: DNS. Start the job again when it works.",
    },
    Entry {
        code: "SOURCE_NO_REPLAY",
        exit: exit::FAILED,
        title: "A source cannot give its records a second time",
        meaning: "A batch must be run again, but its input came over a connection or standard input, which forget what they gave.",
        why: "Going on with other records in place of the lost ones would contradict output that may already be published.",
        example: "error[SOURCE_NO_REPLAY]: source `events`: tcp feed:9000 cannot be read a second time",
        fix: "Start the job anew, and let the sender send again what matters. For input that must not be lost, let it be written to \
files first and read those with file:FOLDER?follow=true.",
    },
    Entry {
        code: "SOURCE_IO",
        exit: exit::FAILED,
        title: "A source cannot be read",
        meaning: "A file or connection could not be opened or failed while being read. Batches that were published stay; \
nothing of a later one is visible.",
        why: "Leaving a file out would lose its records without a word.",
        example: "error[SOURCE_IO]: source `lines`: cannot read /data/in/a.txt: Permission denied (os error 13)",
        fix: "Check that the path exists and can be read by the user that the job runs as (`sudo -u USER head FILE`). For a \
connection: that the other side is up, and that a firewall lets it pass.",
    },
    Entry {
        code: "SOURCE_RECORD",
        exit: exit::FAILED,
        title: "A record in the input cannot be taken",
        meaning: "The record is longer than `record.max-bytes`, is not UTF-8, or a compressed file is damaged. The message has the file \
and the byte where it starts.",
        why: "The default is to stop: a record that is left out is not seen again.",
        example: "error[SOURCE_RECORD]: source `lines`: /data/in/a.txt, byte 83886080: the record is longer than 1048576 bytes",
        fix: "Look at it: `tail -c +OFFSET FILE | head -c 200 | xxd` (OFFSET is the byte plus one). One endless record often means \
wrong line ends or a binary file. Then repair the file, raise `record.max-bytes`, or set `records.on-bad` to skip or replace.",
    },
    Entry {
        code: "SOURCE_CHANGED",
        exit: exit::FAILED,
        title: "Input that was already read is not the same any more",
        meaning: "A replay after a restart found other bytes where a batch was read before: the file was edited, replaced or cut.",
        why: "The batch's output was computed from the old bytes and may already be published. A replay over others would contradict it.",
        example: "error[SOURCE_CHANGED]: source `lines`: /data/in/a.txt, bytes 0 to 65536: the checksum differs from the recorded one",
        fix: "Put the old file back under its name if there is a copy, and start again. Files are meant to be written once: \
write under another name and rename, and never edit in place. Add corrections as new files.",
    },
    Entry {
        code: "SINK_URL",
        exit: exit::USAGE,
        title: "A sink's URL cannot be used",
        meaning: "It is no URL, has a scheme that no sink has, or an option that the scheme does not know. Nothing was started.",
        why: "An option that is silently ignored is one that somebody relies on.",
        example: "error[SINK_URL]: sink `counts`: there is no sink `fiel:`",
        fix: "A sink is `file:FOLDER` (with ?format=csv, json or text, and header=true), `stdout:` or `null:`. In a shell, put the URL in quotes: `*`, `?` and `&` mean something there.",
    },
    Entry {
        code: "SINK_IO",
        exit: exit::FAILED,
        title: "A sink cannot be written",
        meaning: "Output could not be written. The run stopped; what was published before stays, and files appear whole or not at all.",
        why: "Going on without the output would lose rows.",
        example: "error[SINK_IO]: sink `counts`: cannot write /data/out: No space left on device (os error 28)",
        fix: "Check the room on the disk (`df -h`, and `df -i`), and who may write to the folder. Then start the job again.",
    },
    Entry {
        code: "SINK_NOT_EMPTY",
        exit: exit::FAILED,
        title: "The output folder holds something else",
        meaning: "The sink's folder has output files of an earlier run, or two sinks of the job were given one folder. Nothing was \
touched. Files that are no output of wasmstream are no obstacle.",
        why: "Old rows beside new ones look like one result to whoever reads the folder.",
        example: "error[SINK_NOT_EMPTY]: sink `counts`: /data/out already holds output, batch-0.csv for one",
        fix: "Give the sink a folder of its own, or move the old files away. If nobody needs them, ?overwrite=true removes them first.",
    },
    Entry {
        code: "BATCH_TOO_LARGE",
        exit: exit::FAILED,
        title: "A batch became too large on its way",
        meaning: "The job made so much out of a batch's input that the rows between its operators, and the output that waits for the \
batch to be complete, went over `batch.max-intermediate`. Nothing of the batch was published.",
        why: "A flat_map can multiply its input a thousandfold; without a bound the process would run out of memory instead.",
        example: "error[BATCH_TOO_LARGE]: job `hits`: batch 7, operator `tally`: the rows between its operators take more than 1024 MiB (batch.max-intermediate)",
        fix: "Lower `batch.max-bytes`, so that fewer records are taken at a time. Emit less in flat_map; filter before it, and \
aggregate natively (count, sum): that combines before the shuffle.",
    },
    Entry {
        code: "CLOCK_JUMP",
        exit: exit::FAILED,
        title: "The machine's clock has jumped",
        meaning: "(Reserved: this version does not raise it.) The wall clock is further away from the last batch's time than allowed. No new batch is planned until it is accepted.",
        why: "Batch time decides which state times out. A clock that is a year ahead for a minute would drop the state of every key.",
        example: "error[CLOCK_JUMP]: the clock says 2031-01-01T00:00:00Z, the last batch was at 2026-03-01T12:00:00Z",
        fix: "Check the clock (`date -u`, `timedatectl`) and repair it; the job then goes on by itself. If the clock is right, \
because the job or the machine slept that long, accept the jump as the message says.",
    },
    Entry {
        code: "WORKER_LOST",
        exit: exit::FAILED,
        title: "A worker of the job has ended unexpectedly",
        meaning: "A thread that runs part of the job is gone, or could not be started. The run stopped; what was published stays.",
        why: "The workers of a job depend on each other for every batch; with one missing the batch cannot be finished.",
        example: "error[WORKER_LOST]: job `hits`: a worker thread ended unexpectedly: index out of bounds",
        fix: "If it is a thread that could not be started, lower `engine.workers` or raise the limit on processes (`ulimit -u`). \
Anything else is a mistake in wasmstream: please report it with the message.",
    },
    Entry {
        code: "INTERNAL",
        exit: exit::FAILED,
        title: "A mistake in wasmstream itself",
        meaning: "Something happened that cannot happen. It is not the job's fault. The process stops before anything wrong is published.",
        why: "Going on with a broken assumption is how data is damaged.",
        example: "error[INTERNAL]: a chunk came back from a worker that never had it",
        fix: "Start the job again: it resumes from its last checkpoint. Please report it with the whole message, the output of \
`wasmstream --version`, and what the job does.",
    },
];
