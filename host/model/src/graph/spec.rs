//! The job spec: the JSON that a module's `describe` answers and that `wasmstream build` embeds.
//!
//! Invariant: fields are only ever added. A reader that meets a name in `requires` that it does not know refuses the
//! module; any other unknown field may be ignored.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::Schema;

/// The version of the spec that this build writes, and the newest that it reads.
pub const SPEC_FORMAT: u32 = 1;

/// What a module computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// [`SPEC_FORMAT`].
    pub format: u32,
    /// The name that the author gave.
    pub name: String,
    /// The version that the author gave.
    pub version: String,
    /// Name and version of the SDK that made it.
    pub sdk: String,
    /// Names of what a host must know to run this module.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Where data comes in.
    pub sources: Vec<SourceSpec>,
    /// What is done with it.
    pub operators: Vec<OperatorSpec>,
    /// Where data goes out.
    pub sinks: Vec<SinkSpec>,
    /// Stateless operators that run together in one guest call.
    pub stages: Vec<StageSpec>,
    /// How rows flow between sources, stages, keyed operators and sinks. An edge's number is its place here.
    pub edges: Vec<EdgeSpec>,
    /// Settings that the job reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<SettingSpec>,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// Its name, unique among sources.
    pub name: String,
    /// How records are cut from its bytes.
    pub format: SourceFormat,
    /// The type that the job reads them as.
    pub schema: Schema,
}

/// How records are cut from bytes. The guest parses them; the host cuts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceFormat {
    /// A record is a line of UTF-8 text.
    Text,
    /// A record is a line that holds one JSON value.
    Json,
    /// A record is a line, or several where quotes say so.
    Csv(CsvFormat),
}

/// A dialect of CSV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvFormat {
    /// Whether each file starts with a record of column names.
    pub header: bool,
    /// What stands between fields.
    pub delimiter: u8,
}

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSpec {
    /// The id that the author gave, unique within the job.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// The sources and operators that it reads.
    pub inputs: Vec<Node>,
    /// The type of what it emits.
    pub output: Schema,
    /// The type of its keys, if it is keyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Schema>,
    /// The type of the values that arrive under a key, if it is keyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Schema>,
    /// The type of the state that it keeps under each key, if it is keyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Schema>,
    /// What it can migrate older state from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Migration>,
}

/// A guest function that turns state of an older type into the present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The type of the older state.
    pub from: Schema,
}

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One row out for a row in.
    Map,
    /// Some rows pass, others do not.
    Filter,
    /// Any number of rows out for a row in.
    FlatMap,
    /// Puts a key beside each row.
    KeyBy,
    /// How many values a key had; native to the host.
    Count,
    /// The sum of a key's values; native to the host.
    Sum,
    /// The least of a key's values; native to the host.
    Min,
    /// The greatest of a key's values; native to the host.
    Max,
    /// The mean of a key's values; native to the host.
    Mean,
    /// A key's values, combined two by two by the guest.
    ReduceByKey,
    /// The guest's function of a key, its new values and its state.
    UpdateStateByKey,
    /// The guest's function of a key, one value and its state, with timeouts.
    MapWithState,
}

impl Kind {
    /// Whether the operator keeps state under keys; all others are stateless.
    pub fn is_keyed(self) -> bool {
        self.is_native() || matches!(self, Kind::ReduceByKey | Kind::UpdateStateByKey | Kind::MapWithState)
    }

    /// Whether the host runs the operator itself.
    pub fn is_native(self) -> bool {
        matches!(self, Kind::Count | Kind::Sum | Kind::Min | Kind::Max | Kind::Mean)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Map => "map",
            Kind::Filter => "filter",
            Kind::FlatMap => "flat-map",
            Kind::KeyBy => "key-by",
            Kind::Count => "count",
            Kind::Sum => "sum",
            Kind::Min => "min",
            Kind::Max => "max",
            Kind::Mean => "mean",
            Kind::ReduceByKey => "reduce-by-key",
            Kind::UpdateStateByKey => "update-state-by-key",
            Kind::MapWithState => "map-with-state",
        })
    }
}

/// A sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSpec {
    /// Its name, unique among sinks.
    pub name: String,
    /// The type of the rows that it gets.
    pub schema: Schema,
    /// The sources and operators that it reads.
    pub inputs: Vec<Node>,
}

/// Stateless operators that run together: one guest call a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpec {
    /// Their ids, in the order of the flow. None where rows are only parsed.
    pub operators: Vec<String>,
}

/// A flow of rows from one place of the graph to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSpec {
    /// Where rows come from: a source, a stage or a keyed operator.
    pub from: Node,
    /// Where they go: a stage, a keyed operator or a sink.
    pub to: Node,
    /// Which columns they have.
    pub layout: Layout,
    /// The type of a row.
    pub schema: Schema,
}

/// Which columns the rows of an edge have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A value column of whole rows.
    Values,
    /// A key column and a value column: the halves of a pair.
    Pairs,
    /// The key column of pairs alone, where nobody reads the values.
    Keys,
}

impl Layout {
    /// Whether rows have keys.
    pub fn has_keys(self) -> bool {
        self != Layout::Values
    }

    /// Whether rows have values.
    pub fn has_values(self) -> bool {
        self != Layout::Keys
    }
}

/// A setting that the job reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingSpec {
    /// Its name.
    pub name: String,
    /// Its type: bool, s64, u64, f64 or string.
    #[serde(rename = "type")]
    pub schema: Schema,
    /// Its value where none is given, as text.
    pub default: String,
}

/// A place of the graph. In JSON and in messages: `source:lines`, `stage:0`, `operator:tally`, `sink:counts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A source, by name.
    Source(String),
    /// A stage, by its place in [`JobSpec::stages`].
    Stage(u32),
    /// An operator, by id.
    Operator(String),
    /// A sink, by name.
    Sink(String),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Source(name) => write!(f, "source:{name}"),
            Node::Stage(n) => write!(f, "stage:{n}"),
            Node::Operator(id) => write!(f, "operator:{id}"),
            Node::Sink(name) => write!(f, "sink:{name}"),
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bad = || serde::de::Error::custom(format!("`{text}` is not a node such as `source:lines` or `stage:0`"));
        let (kind, name) = text.split_once(':').ok_or_else(bad)?;
        match kind {
            "source" => Ok(Node::Source(name.to_owned())),
            "stage" => name.parse().map(Node::Stage).map_err(|_| bad()),
            "operator" => Ok(Node::Operator(name.to_owned())),
            "sink" => Ok(Node::Sink(name.to_owned())),
            _ => Err(bad()),
        }
    }
}
