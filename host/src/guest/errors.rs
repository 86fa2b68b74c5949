//! What can go wrong with a module and with a call, each kind a type of its own.
//!
//! Invariant: a guest's mistake, a bound that a guest ran into, and a fault of the host are never mistaken for each
//! other.

use wasmstream_model::graph::GraphError;
use wasmstream_model::semantics::call::{Breach, GuestFailed};

use crate::explain::Code;

/// Why a file is not a module that can be run.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is larger than allowed.
    #[error("the module has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It is not WebAssembly.
    #[error("this is not WebAssembly: {0}")]
    NotWasm(String),
    /// It is a core module.
    #[error("this is a core WebAssembly module, not a component")]
    NotAComponent,
    /// It is damaged, or uses what is switched off.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// It does not export what a job exports.
    #[error("the component does not export `{wanted}`; it exports {exports}")]
    WrongWorld {
        /// The interface that a job exports.
        wanted: String,
        /// What this one exports.
        exports: String,
    },
    /// It imports what the host does not offer.
    #[error("the component imports `{0}`, which this host does not offer: a job may import `wasmstream:job/log` alone")]
    UnknownImport(String),
    /// Its exports or imports have other types than the contract's.
    #[error("the component does not fit the contract: {0}")]
    Contract(String),
    /// Its job spec is not one.
    #[error("the module's job spec cannot be read: {0}")]
    Spec(String),
    /// What it says that it computes is no valid job.
    #[error("the module's job is not valid: {0}")]
    Graph(#[from] GraphError),
    /// The embedded job spec is not what `describe` answers.
    #[error("the job spec embedded in the module is not what the module answers: it was changed after it was built")]
    SpecMismatch,
    /// `describe` failed.
    #[error("the module cannot describe its job: {0}")]
    Describe(CallError),
    /// It needs more memory to start than a call may have.
    #[error("the module needs more than {} MiB of memory to start (guest.memory)", limit >> 20)]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The machine or the engine failed.
    #[error("the module cannot be compiled: {0}")]
    Compile(String),
}

impl ModuleError {
    /// The stable code.
    pub fn code(&self) -> Code {
        Code(match self {
            ModuleError::Read { .. } => "MODULE_READ",
            ModuleError::TooLarge { .. } => "MODULE_TOO_LARGE",
            ModuleError::NotWasm(_) => "NOT_WASM",
            ModuleError::NotAComponent => "NOT_A_COMPONENT",
            ModuleError::Invalid(_) => "NOT_WASM",
            ModuleError::WrongWorld { .. } | ModuleError::Contract(_) => "WRONG_WORLD",
            ModuleError::UnknownImport(_) => "UNKNOWN_IMPORT",
            ModuleError::Spec(_) => "SPEC_INVALID",
            ModuleError::Graph(_) => "GRAPH_INVALID",
            ModuleError::SpecMismatch => "SPEC_MISMATCH",
            ModuleError::Describe(error) => return error.code(),
            ModuleError::Memory { .. } => "GUEST_MEMORY",
            ModuleError::Compile(_) => "INTERNAL",
        })
    }
}

/// Where in the job a call was when something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The operator's id.
    pub operator: Option<String>,
    /// The row or key of the call's input.
    pub row: Option<u32>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.operator, self.row) {
            (Some(id), Some(row)) => write!(f, "operator `{id}`, row {row} of the call"),
            (Some(id), None) => write!(f, "operator `{id}`"),
            (None, Some(row)) => write!(f, "row {row} of the call"),
            (None, None) => f.write_str("the guest"),
        }
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The author's code panicked.
    #[error("{place} panicked: {message}")]
    Panic {
        /// Where.
        place: Place,
        /// What the panic said.
        message: String,
    },
    /// The code trapped without a panic.
    #[error("{place} trapped: {message}")]
    Trap {
        /// Where.
        place: Place,
        /// Which trap.
        message: String,
    },
    /// It asked for more memory than allowed.
    #[error("{place} ran out of memory: the limit is {} MiB (guest.memory)", limit >> 20)]
    Memory {
        /// Where.
        place: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// It recursed too deeply.
    #[error("{place} ran out of stack: the limit is {} KiB (guest.stack)", limit >> 10)]
    Stack {
        /// Where.
        place: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// It took too long.
    #[error("{place} did not come back within {} ms (guest.time)", limit.as_millis())]
    Deadline {
        /// Where.
        place: Place,
        /// The limit.
        limit: std::time::Duration,
    },
    /// It said that it cannot do what it was asked.
    #[error("the guest gave up: {0}")]
    Failed(GuestFailed),
    /// It broke the contract.
    #[error("the guest broke the contract: {0}")]
    Breach(#[from] Breach),
    /// The host failed; not the guest's fault.
    #[error("the call could not be made: {0}")]
    Host(String),
}

impl CallError {
    /// Whether the error says in which operator it happened.
    pub fn knows_operator(&self) -> bool {
        match self {
            CallError::Panic { place, .. }
            | CallError::Trap { place, .. }
            | CallError::Memory { place, .. }
            | CallError::Stack { place, .. }
            | CallError::Deadline { place, .. } => place.operator.is_some(),
            CallError::Failed(_) | CallError::Breach(_) | CallError::Host(_) => false,
        }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        Code(match self {
            CallError::Panic { .. } => "GUEST_PANIC",
            CallError::Trap { .. } => "GUEST_TRAP",
            CallError::Memory { .. } => "GUEST_MEMORY",
            CallError::Stack { .. } => "GUEST_STACK",
            CallError::Deadline { .. } => "GUEST_DEADLINE",
            CallError::Failed(_) => "GUEST_FAILED",
            CallError::Breach(_) => "GUEST_BREACH",
            CallError::Host(_) => "INTERNAL",
        })
    }
}
