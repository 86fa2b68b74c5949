//! What a verb gives up with: a code, a message, a way out, and an exit code.

use std::process::ExitCode;

use serde_json::json;

use super::output::Output;
use crate::config::ConfigError;
use crate::explain::{Code, exit, exit_code};
use crate::guest::ModuleError;
use crate::run::Fault;

/// Why a verb failed.
#[derive(Debug)]
pub struct Failure {
    code: Code,
    message: String,
    help: Option<String>,
    exit: u8,
}

impl Failure {
    /// A failure with the exit code that `wasmstream explain` lists for the code.
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), help: None, exit: exit_code(code) }
    }

    /// What the person can do now.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Failure {
        Failure { help: Some(help.into()), ..self }
    }

    /// A failure of usage: exit code 2.
    #[must_use]
    pub fn usage(self) -> Failure {
        Failure { exit: exit::USAGE, ..self }
    }

    /// Names the job that failed.
    #[must_use]
    pub fn in_job(self, job: &str) -> Failure {
        Failure { message: format!("job `{job}`: {}", self.message), ..self }
    }

    /// Tells the person or the program.
    pub fn report(&self, output: Output) -> ExitCode {
        match output {
            Output::Json => {
                let error = json!({"code": self.code.0, "message": self.message, "fix": self.help});
                eprintln!("{}", json!({"error": error}));
            }
            Output::Text => {
                eprintln!("error[{}]: {}", self.code, self.message);
                if let Some(help) = &self.help {
                    eprintln!("  = help: {help}");
                }
                eprintln!("  = more: wasmstream explain {}", self.code);
            }
        }
        ExitCode::from(self.exit)
    }
}

impl From<ModuleError> for Failure {
    fn from(error: ModuleError) -> Failure {
        let help = match &error {
            ModuleError::NotAComponent => Some("build it with `wasmstream build`, which makes a component of it"),
            ModuleError::UnknownImport(name) if name.starts_with("wasi:") => {
                Some("build the job for wasm32-unknown-unknown (`wasmstream build` does), so that it needs no WASI")
            }
            _ => None,
        };
        let failure = Failure::new(error.code(), error.to_string());
        help.map_or(Failure { help: None, ..Failure::new(error.code(), error.to_string()) }, |help| failure.help(help))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let failure = Failure::new(error.code(), error.to_string());
        match error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Module(error) => error.into(),
            other => Failure::new(other.code(), other.to_string()),
        }
    }
}
