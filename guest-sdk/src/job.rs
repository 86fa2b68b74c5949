//! [`Job`]: the graph while an author builds it, and the code behind each of its nodes.
//!
//! Invariant: what [`Job::spec`] says is what [`Job`] runs; both come from the same calls of the author's.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

use wasmstream_model::graph::{
    EdgeSpec, Graph, GraphError, JobSpec, Kind, Layout, Node, OperatorSpec, SPEC_FORMAT, SettingSpec, SinkSpec,
    SourceFormat, SourceSpec, StageSpec,
};
use wasmstream_model::schema::Schema;

use crate::call::Call;
use crate::run::{Entry, Updater};
use crate::source::Source;

/// A job being built: sources come from here, operators hang on the streams.
#[derive(Clone, Default)]
pub struct Job {
    pub(crate) inner: Rc<RefCell<Inner>>,
}

/// A name for a stage while stages may still merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StageToken(usize);

/// Where an edge starts.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Source(String),
    Stage(StageToken),
    Keyed(String),
}

/// Where an edge ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Stage(StageToken),
    Keyed(String),
    Sink(String),
}

struct Edge {
    from: Start,
    to: End,
    layout: Layout,
    schema: Schema,
}

#[derive(Default)]
pub(crate) struct Inner {
    name: String,
    version: String,
    sources: Vec<SourceSpec>,
    operators: Vec<OperatorSpec>,
    /// Per operator, the stage that it runs in, and where the author wrote it.
    stage_of: Vec<Option<StageToken>>,
    written_at: Vec<&'static Location<'static>>,
    sinks: Vec<SinkSpec>,
    settings: Vec<SettingSpec>,
    edges: Vec<Edge>,
    /// Union-find over stage tokens.
    merged_into: Vec<usize>,
    /// Per edge into a stage, the code that reads it.
    pub(crate) entries: Vec<(u32, Rc<dyn Entry>)>,
    /// Per keyed operator of the guest's own, its code.
    pub(crate) updaters: Vec<(u32, Rc<dyn Updater>)>,
}

/// Why the author's graph is not a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// Two operators have one id; with where each was written.
    DuplicateId(String, String, String),
    /// The graph is not valid.
    Graph(GraphError),
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BuildError::DuplicateId(id, first, second) => write!(
                f,
                "two operators have the id `{id}`: at {first} and at {second}; state is kept under the id, so give each its own"
            ),
            BuildError::Graph(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {}

impl Job {
    /// An empty job.
    pub fn new(name: &str, version: &str) -> Job {
        let job = Job::default();
        job.inner.borrow_mut().name = name.to_owned();
        job.inner.borrow_mut().version = version.to_owned();
        job
    }

    /// A source. What it is connected to is said when the job is run: `--source NAME=URL`.
    pub fn source(&mut self, name: &str) -> Source {
        Source::new(self.clone(), name)
    }

    /// A setting: a value that whoever runs the job may change. The graph must not depend on it.
    pub fn setting<T: crate::setting::SettingType>(&mut self, name: &str, default: T) -> crate::setting::Setting<T> {
        let spec = SettingSpec { name: name.to_owned(), schema: T::schema(), default: default.to_text() };
        self.inner.borrow_mut().settings.push(spec);
        crate::setting::Setting::new(name, default)
    }

    /// The job's spec, once its graph is known to be valid.
    pub fn spec(&self) -> Result<JobSpec, BuildError> {
        let inner = self.inner.borrow();
        inner.check_ids()?;
        let spec = inner.to_spec();
        Graph::new(spec.clone()).map_err(BuildError::Graph)?;
        Ok(spec)
    }

    pub(crate) fn entry(&self, edge: u32) -> Option<Rc<dyn Entry>> {
        let inner = self.inner.borrow();
        inner.entries.iter().find(|(e, _)| *e == edge).map(|(_, entry)| Rc::clone(entry))
    }

    pub(crate) fn updater(&self, operator: u32) -> Option<Rc<dyn Updater>> {
        let inner = self.inner.borrow();
        inner.updaters.iter().find(|(o, _)| *o == operator).map(|(_, updater)| Rc::clone(updater))
    }

    pub(crate) fn add_source(&self, name: &str, format: SourceFormat, schema: Schema) {
        self.inner.borrow_mut().sources.push(SourceSpec { name: name.to_owned(), format, schema });
    }

    pub(crate) fn add_sink(&self, name: &str, schema: Schema, inputs: Vec<Node>) {
        self.inner.borrow_mut().sinks.push(SinkSpec { name: name.to_owned(), schema, inputs });
    }

    /// Adds an operator and gives its number.
    pub(crate) fn add_operator(
        &self,
        spec: OperatorSpec,
        stage: Option<StageToken>,
        written_at: &'static Location<'static>,
    ) -> u32 {
        let mut inner = self.inner.borrow_mut();
        inner.operators.push(spec);
        inner.stage_of.push(stage);
        inner.written_at.push(written_at);
        inner.operators.len() as u32 - 1
    }

    pub(crate) fn new_stage(&self) -> StageToken {
        let mut inner = self.inner.borrow_mut();
        let token = inner.merged_into.len();
        inner.merged_into.push(token);
        StageToken(token)
    }

    /// Makes two stages one; the earlier one stays.
    pub(crate) fn merge_stages(&self, a: StageToken, b: StageToken) -> StageToken {
        let mut inner = self.inner.borrow_mut();
        let (a, b) = (inner.root(a), inner.root(b));
        inner.merged_into[a.max(b)] = a.min(b);
        StageToken(a.min(b))
    }

    /// Adds an edge and gives its number.
    pub(crate) fn add_edge(&self, from: Start, to: End, layout: Layout, schema: Schema) -> u32 {
        let mut inner = self.inner.borrow_mut();
        inner.edges.push(Edge { from, to, layout, schema });
        inner.edges.len() as u32 - 1
    }

    pub(crate) fn new_call(&self, ctx: &wasmstream_model::semantics::call::Context, keeps_origins: bool) -> Call {
        Call::new(ctx, self.inner.borrow().edges.iter().map(|edge| edge.layout), keeps_origins)
    }
}

impl Inner {
    fn root(&self, token: StageToken) -> usize {
        let mut at = token.0;
        while self.merged_into[at] != at {
            at = self.merged_into[at];
        }
        at
    }

    fn check_ids(&self) -> Result<(), BuildError> {
        for (n, operator) in self.operators.iter().enumerate() {
            if let Some(first) = self.operators[..n].iter().position(|other| other.id == operator.id) {
                let at = |n: usize| self.written_at[n].to_string();
                return Err(BuildError::DuplicateId(operator.id.clone(), at(first), at(n)));
            }
        }
        Ok(())
    }

    fn to_spec(&self) -> JobSpec {
        let roots: Vec<usize> = (0..self.merged_into.len()).filter(|n| self.merged_into[*n] == *n).collect();
        let number = |token: StageToken| {
            let root = self.root(token);
            roots.iter().position(|r| *r == root).map_or(0, |n| n as u32)
        };
        let stages = (0..roots.len() as u32).map(|n| {
            let members = self.operators.iter().zip(&self.stage_of);
            let members = members.filter(|(_, stage)| stage.is_some_and(|token| number(token) == n));
            StageSpec { operators: members.map(|(operator, _)| operator.id.clone()).collect() }
        });
        let edges = self.edges.iter().map(|edge| EdgeSpec {
            from: match &edge.from {
                Start::Source(name) => Node::Source(name.clone()),
                Start::Stage(token) => Node::Stage(number(*token)),
                Start::Keyed(id) => Node::Operator(id.clone()),
            },
            to: match &edge.to {
                End::Stage(token) => Node::Stage(number(*token)),
                End::Keyed(id) => Node::Operator(id.clone()),
                End::Sink(name) => Node::Sink(name.clone()),
            },
            layout: edge.layout,
            schema: edge.schema.clone(),
        });
        JobSpec {
            format: SPEC_FORMAT,
            name: self.name.clone(),
            version: self.version.clone(),
            sdk: concat!("wasmstream-rust ", env!("CARGO_PKG_VERSION")).to_owned(),
            requires: Vec::new(),
            sources: self.sources.clone(),
            stages: stages.collect(),
            edges: edges.collect(),
            operators: self.operators.clone(),
            sinks: self.sinks.clone(),
            settings: self.settings.clone(),
        }
    }
}

/// An operator's spec without what only keyed ones have.
pub(crate) fn stateless(id: &str, kind: Kind, inputs: Vec<Node>, output: Schema) -> OperatorSpec {
    OperatorSpec {
        id: id.to_owned(),
        kind,
        inputs,
        output,
        key: None,
        value: None,
        state: None,
        migrations: Vec::new(),
    }
}
