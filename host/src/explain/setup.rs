//! Codes of what goes wrong before a module is even looked at: the command, its configuration, new projects.

use super::{Entry, exit};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "USAGE",
        exit: exit::USAGE,
        title: "The command line cannot be understood",
        meaning: "A verb, an option or a value is unknown or missing. Nothing was started or changed.",
        why: "A command that guesses what was meant does the wrong thing one day. A misspelt option is refused instead.",
        example: "error[USAGE]: unexpected argument '--souce' found",
        fix: "Run the command with `--help`. `wasmstream completions SHELL` lets your shell complete verbs and options.",
    },
    Entry {
        code: "UNKNOWN_CODE",
        exit: exit::USAGE,
        title: "There is no such code or topic",
        meaning: "`wasmstream explain` was asked about a code that this version does not have.",
        why: "Codes are stable, so a code from an older version is still listed. One from a newer version is not yet.",
        example: "error[UNKNOWN_CODE]: there is no code or topic `SORCE_URL`",
        fix: "Run `wasmstream explain` for the list. If another version printed the code, ask that version.",
    },
    Entry {
        code: "JOB_NAME",
        exit: exit::USAGE,
        title: "The name cannot name a job",
        meaning: "A job's name has lower-case letters, digits and `-`, starts with a letter or digit, and has at most 63 characters. \
A new project's name is also its Cargo package's, so it starts with a letter and is no word that Rust or Cargo keeps for itself.",
        why: "The name becomes part of paths, of object-store keys and of log lines. With these characters it means the same in \
all of them and never needs quoting.",
        example: "error[JOB_NAME]: `Page_Hits` cannot name a job: it has characters other than lower-case letters, digits and `-`",
        fix: "Choose another name; the message suggests one where it can.",
    },
    Entry {
        code: "NEW_FOLDER",
        exit: exit::FAILED,
        title: "The folder for a new project is already in use",
        meaning: "`wasmstream new` writes into a folder that does not exist yet or is empty. Nothing was written.",
        why: "A template written over existing files would mix with them or destroy them.",
        example: "error[NEW_FOLDER]: the folder hits already has files in it",
        fix: "Choose another name, or give another folder with `--path DIR`, or move the old folder away.",
    },
    Entry {
        code: "NEW_IO",
        exit: exit::FAILED,
        title: "A new project cannot be written",
        meaning: "A file or folder could not be created. What was already written has been removed again.",
        why: "A project with files missing would fail later with a message that points at the wrong thing.",
        example: "error[NEW_IO]: cannot create /srv/jobs/hits: Permission denied (os error 13)",
        fix: "Check that the folder above exists, belongs to you, and that the disk has room.",
    },
    Entry {
        code: "OUTPUT_IO",
        exit: exit::FAILED,
        title: "The command's output cannot be written",
        meaning: "Writing to standard output or to the files that the command makes has failed.",
        why: "Half an answer that looks like a whole one is worse than none.",
        example: "error[OUTPUT_IO]: cannot write man/wasmstream.1: No such file or directory (os error 2)",
        fix: "Check the path, its permissions and the room on the disk, then run the command again.",
    },
    Entry {
        code: "CONFIG_READ",
        exit: exit::USAGE,
        title: "The configuration file cannot be read",
        meaning: "The file given with `--config`, or ./wasmstream.toml, cannot be opened, or is not TOML. Nothing was started.",
        why: "Going on with defaults would run the job with settings that nobody asked for.",
        example: "error[CONFIG_READ]: wasmstream.toml:3:12: invalid basic string, expected `\"`",
        fix: "Check the path and the permissions. If the message names a line, the mistake is there or just above: most often \
a missing quote; durations and sizes are written in quotes, as in interval = \"500ms\".",
    },
    Entry {
        code: "CONFIG_UNKNOWN_KEY",
        exit: exit::USAGE,
        title: "A setting has a name that does not exist",
        meaning: "A file or a flag sets a key that this version does not have, most often a spelling mistake. Nothing was started.",
        why: "A misspelt limit that is silently ignored is found out at the worst time.",
        example: "error[CONFIG_UNKNOWN_KEY]: wasmstream.toml:2: there is no setting `batch.intervall`",
        fix: "Use the name that the message suggests, or look it up with `wasmstream config show`. Keys of your own job belong \
under [settings].",
    },
    Entry {
        code: "CONFIG_TYPE",
        exit: exit::USAGE,
        title: "A setting's value does not fit its key",
        meaning: "The value has another type than the key, or is outside of what the key allows. Nothing was started.",
        why: "`interval = 500` could be milliseconds or seconds. A unit that is guessed is wrong half of the time.",
        example: "error[CONFIG_TYPE]: wasmstream.toml:2: `batch.interval` is a duration such as \"500ms\", \"2s\" or \"1m\"; 500 is none",
        fix: "Write the value as the message says. Durations and sizes need quotes in TOML. `wasmstream config show` prints each \
key with its type and default.",
    },
    Entry {
        code: "CONFIG_CONFLICT",
        exit: exit::USAGE,
        title: "Two settings contradict each other",
        meaning: "Each value is right by itself, but together they cannot be carried out. Nothing was started.",
        why: "Found out at the first bad record instead, the job would stop in the middle of its work.",
        example: "error[CONFIG_CONFLICT]: `records.on-failure` is dead-letter, but `records.dead-letter` names no folder",
        fix: "Set the missing key, or change the other one back. `wasmstream config show --origin` says where each comes from.",
    },
    Entry {
        code: "SOURCE_MISSING",
        exit: exit::USAGE,
        title: "A source of the job is not connected, or the job has no such source",
        meaning: "The job declares its sources by name; each needs exactly one URL when the job is run. Nothing was started.",
        why: "A job that waits for ever on a source that nobody connected looks like a job without input.",
        example: "error[SOURCE_MISSING]: the job reads the source `lines`, which is not connected",
        fix: "Give `--source NAME=URL`, or NAME = \"URL\" under [sources] in wasmstream.toml. `wasmstream inspect MODULE` lists the \
sources of a job.",
    },
    Entry {
        code: "SINK_MISSING",
        exit: exit::USAGE,
        title: "A sink of the job is not connected, or the job has no such sink",
        meaning: "The job declares its sinks by name; each needs exactly one URL when the job is run. Nothing was started.",
        why: "Output that goes nowhere is data lost without a word.",
        example: "error[SINK_MISSING]: the job writes to the sink `counts`, which is not connected",
        fix: "Give `--sink NAME=URL`, or NAME = \"URL\" under [sinks] in wasmstream.toml. `wasmstream inspect MODULE` lists the \
sinks of a job.",
    },
];
