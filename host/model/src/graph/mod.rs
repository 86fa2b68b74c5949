//! What a module says that it computes ([`JobSpec`]), and the same once it is known to be a valid job ([`Graph`]).

pub mod aggregate;
mod spec;
mod valid;

pub use spec::{
    CsvFormat, EdgeSpec, JobSpec, Kind, Layout, Migration, Node, OperatorSpec, SPEC_FORMAT, SettingSpec, SinkSpec,
    SourceFormat, SourceSpec, StageSpec,
};
pub use valid::{Graph, GraphError};
