//! From what cargo builds to a module: the core module becomes a component, and the job spec is embedded.
//!
//! Invariant: the same core module gives the same bytes.

use wasm_encoder::{CustomSection, Encode, Section};

/// The custom section that holds the job spec.
pub const SPEC_SECTION: &str = "wasmstream:spec";

/// Why a core module cannot become a module.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It is not a core module with our world in it.
    #[error("the crate was built, but is not a job: {0}")]
    NotAJob(String),
}

/// Makes a component of a core module that was built with the SDK.
pub fn encode_component(core: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let not_a_job = |error: wit_component_error::Error| EncodeError::NotAJob(format!("{error:#}"));
    let encoder = wit_component::ComponentEncoder::default().validate(true);
    encoder.module(core).and_then(|mut encoder| encoder.encode()).map_err(not_a_job)
}

/// The error type of wit-component, which it does not name itself.
mod wit_component_error {
    pub type Error = anyhow::Error;
}

/// Appends the job spec to a component, in place of any that it has.
pub fn embed_spec(component: &[u8], spec: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let section = CustomSection { name: SPEC_SECTION.into(), data: spec.as_bytes().into() };
    bytes.push(section.id());
    section.encode(&mut bytes);
    bytes
}
