//! Modules: bytes that are known to be a component of our world, with the job spec that they carry.
//!
//! Invariant: nothing of a module is run or compiled here, so a hostile one can be looked at without danger.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};
use wasmstream_model::graph::{Graph, JobSpec};

use super::encode::SPEC_SECTION;
use super::errors::ModuleError;

/// The interface that a job exports, without its patch version.
const GUEST: &str = "wasmstream:job/guest@0.1.";
/// The interfaces that the host offers, without their patch version. `types` has no functions.
const OFFERED: [&str; 2] = ["wasmstream:job/log@0.1.", "wasmstream:job/types@0.1."];

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A component of our world.
#[derive(Debug)]
pub struct Module {
    bytes: Vec<u8>,
    hash: Hash,
    imports: Vec<String>,
    graph: Option<Graph>,
}

impl Module {
    /// Reads and checks a file of at most `limit` bytes.
    pub fn read(path: &Path, limit: u64) -> Result<Module, ModuleError> {
        let read = |error| ModuleError::Read { path: path.to_owned(), error };
        let bytes = std::fs::metadata(path).map_err(read)?.len();
        if bytes > limit {
            return Err(ModuleError::TooLarge { bytes, limit });
        }
        Module::new(std::fs::read(path).map_err(read)?)
    }

    /// Checks bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Module, ModuleError> {
        let Outline { imports, exports, spec } = outline(&bytes)?;
        if !exports.iter().any(|name| name.starts_with(GUEST)) {
            let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(ModuleError::WrongWorld { wanted: format!("{GUEST}0"), exports });
        }
        if let Some(name) = imports.iter().find(|name| !OFFERED.iter().any(|offered| name.starts_with(offered))) {
            return Err(ModuleError::UnknownImport(name.clone()));
        }
        let graph = spec.map(|json| graph_of(&json)).transpose()?;
        Ok(Module { hash: Hash::of(&bytes), bytes, imports, graph })
    }

    /// The module's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 of its bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The graph that was embedded when it was built.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }
}

/// The graph of a job spec in JSON.
pub(super) fn graph_of(json: &[u8]) -> Result<Graph, ModuleError> {
    let spec: JobSpec = serde_json::from_slice(json).map_err(|error| ModuleError::Spec(error.to_string()))?;
    Ok(Graph::new(spec)?)
}

/// What a component's outermost layer says.
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    spec: Option<Vec<u8>>,
}

fn outline(bytes: &[u8]) -> Result<Outline, ModuleError> {
    match bytes {
        [] => return Err(ModuleError::NotWasm("the file is empty".into())),
        [b'\0', b'a', b's', b'm', ..] => {}
        _ => return Err(ModuleError::NotWasm("it does not start with the magic bytes `\\0asm`".into())),
    }
    let invalid = |error: wasmparser::BinaryReaderError| ModuleError::Invalid(error.to_string());
    let mut outline = Outline { imports: Vec::new(), exports: Vec::new(), spec: None };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(ModuleError::NotAComponent);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    outline.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    outline.exports.push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 0 && section.name() == SPEC_SECTION => {
                outline.spec = Some(section.data().to_vec());
            }
            _ => {}
        }
    }
    Ok(outline)
}
