//! Subjects that are no errors, for `wasmstream explain TOPIC`.

use super::Topic;

pub(super) const TOPICS: &[Topic] = &[
    Topic {
        name: "exit-codes",
        title: "What the exit code of a command says",
        text: " 0  Done. What was asked for has happened. For a check: the new version can be deployed.
 1  Failed. It was tried and did not work; the message says what and where.
 2  Usage. It was asked for in a way that cannot be carried out: an unknown option, key or code. Nothing was touched.
 3  Needs a migration or a decision. The new version cannot take over the stored state by itself; each finding says
    what is needed. The old version is untouched.
 4  Incompatible. No migration leads from the stored state to the new version.
75  Fenced. A newer generation of the same job has taken over, so this one has stopped. Its work is safe. Do not restart
    it: whoever restarts on 75 has two processes fighting over one job. In a systemd unit: RestartPreventExitStatus=75.

Codes that are not listed mean that a signal ended the process: 128 plus the signal's number (137 is SIGKILL, most often
the kernel out of memory; 143 is SIGTERM).",
    },
    Topic {
        name: "configuration",
        title: "Where settings come from, and which one counts",
        text: "\
A setting is looked up in four places. The first that has it counts:

  1. a flag of the command              --set batch.interval=2s
  2. the environment                    WASMSTREAM_BATCH_INTERVAL=2s
  3. a file: --config FILE, else ./wasmstream.toml if there is one
                                        [batch]
                                        interval = \"2s\"
  4. the default

`wasmstream config show --origin` prints every setting, its value, and the place that it came from.

Durations have a unit: \"500ms\", \"2s\", \"1m\", \"1h\". Sizes are bytes, or have a unit: \"64kB\" is 64,000 bytes, \"32MiB\" is
33,554,432. In the file both are written in quotes.

The tables [sources], [sinks] and [settings] have names of your own. In the environment they are WASMSTREAM_SOURCES,
WASMSTREAM_SINKS and WASMSTREAM_SETTINGS, with one NAME=VALUE on each line.",
    },
];
