//! A job spec that has been checked: every name resolves, every type fits its edge, rows never flow in a circle.
//!
//! Invariant: code that holds a [`Graph`] need not doubt it; there is no other way to get one than [`Graph::new`].

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::Function;
use super::spec::{EdgeSpec, JobSpec, Kind, Layout, Node, OperatorSpec, SPEC_FORMAT};
use crate::schema::{Schema, SchemaError};
use crate::words::{is_node_name, limits};

/// A checked job graph.
#[derive(Clone, Debug)]
pub struct Graph {
    spec: JobSpec,
    order: Vec<Node>,
}

/// Why a spec is not a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// The spec is of a format that this build does not know.
    #[error("the job spec has format {0}; this wasmstream reads formats up to {SPEC_FORMAT}: install a newer one")]
    Format(u32),
    /// The spec requires what this build does not know.
    #[error("the module requires `{0}`, which this wasmstream does not know: install a newer one")]
    Requires(String),
    /// There is nothing to run.
    #[error("the job has no {0}: a job reads at least one source and writes at least one sink")]
    Empty(&'static str),
    /// More nodes than [`limits::GRAPH_NODES`].
    #[error("the job has {count} {what}; at most {max} are allowed", max = limits::GRAPH_NODES)]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A name that is missing or not allowed.
    #[error(
        "`{name}` cannot name {what}: a name is a letter, then letters, digits, `_`, `-` and `.`, at most 64 bytes"
    )]
    Name {
        /// What it would name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name that stands twice.
    #[error("two {what} are named `{name}`: give each its own")]
    Duplicate {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A type that is none.
    #[error("the type of {place} is not valid: {error}")]
    Type {
        /// Where.
        place: String,
        /// Why.
        error: SchemaError,
    },
    /// An edge to or from a place that is not there, or that cannot have such an edge.
    #[error("edge {edge} goes {direction} {node}, which {problem}")]
    Dangling {
        /// The edge's number.
        edge: usize,
        /// `from` or `to`.
        direction: &'static str,
        /// The place.
        node: Node,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An operator or sink names an input that is not there.
    #[error("{node} reads {input}, which does not exist")]
    UnknownInput {
        /// The reader.
        node: Node,
        /// What it reads.
        input: Node,
    },
    /// Rows of one type flow where another is expected.
    #[error("edge {edge} ({from} to {to}) carries {carries}, but {to} takes {expects}")]
    EdgeType {
        /// The edge's number.
        edge: usize,
        /// Where it starts.
        from: Node,
        /// Where it ends.
        to: Node,
        /// The type of its rows.
        carries: String,
        /// The type that is expected.
        expects: String,
    },
    /// An operator lacks what its kind needs.
    #[error("operator `{id}` ({kind}): {problem}")]
    Operator {
        /// The operator.
        id: String,
        /// Its kind.
        kind: Kind,
        /// What is wrong.
        problem: String,
    },
    /// Nothing flows into a place that needs it.
    #[error("nothing flows into {0}")]
    Unfed(Node),
    /// Nothing takes what a place produces.
    #[error("nothing reads {0}: send its rows to a sink, or remove it")]
    Unread(Node),
    /// Rows would flow in a circle.
    #[error("the graph has a cycle through {0}")]
    Cycle(Node),
}

impl Graph {
    /// Checks a spec.
    pub fn new(spec: JobSpec) -> Result<Graph, GraphError> {
        check_head(&spec)?;
        check_names(&spec)?;
        check_types(&spec)?;
        spec.operators.iter().try_for_each(check_operator)?;
        check_stages(&spec)?;
        check_edges(&spec)?;
        check_inputs(&spec)?;
        let order = flow_order(&spec)?;
        Ok(Graph { spec, order })
    }

    /// The spec that was checked.
    pub fn spec(&self) -> &JobSpec {
        &self.spec
    }

    /// Every source, stage, keyed operator and sink, each after all that flows into it.
    pub fn order(&self) -> &[Node] {
        &self.order
    }

    /// The edges into a place, by number.
    pub fn edges_into<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = (u32, &'a EdgeSpec)> + 'a {
        numbered(&self.spec.edges).filter(move |(_, edge)| edge.to == *node)
    }

    /// The edges out of a place, by number.
    pub fn edges_out_of<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = (u32, &'a EdgeSpec)> + 'a {
        numbered(&self.spec.edges).filter(move |(_, edge)| edge.from == *node)
    }

    /// An operator and its number.
    pub fn operator(&self, id: &str) -> Option<(u32, &OperatorSpec)> {
        numbered(&self.spec.operators).find(|(_, operator)| operator.id == id)
    }
}

fn numbered<T>(items: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0..).zip(items)
}

fn check_head(spec: &JobSpec) -> Result<(), GraphError> {
    if spec.format != SPEC_FORMAT {
        return Err(GraphError::Format(spec.format));
    }
    if let Some(name) = spec.requires.first() {
        return Err(GraphError::Requires(name.clone()));
    }
    if spec.sources.is_empty() {
        return Err(GraphError::Empty("source"));
    }
    if spec.sinks.is_empty() {
        return Err(GraphError::Empty("sink"));
    }
    let counts = [
        ("sources", spec.sources.len()),
        ("operators", spec.operators.len()),
        ("sinks", spec.sinks.len()),
        ("stages", spec.stages.len()),
        ("edges", spec.edges.len()),
    ];
    match counts.into_iter().find(|(_, count)| *count > limits::GRAPH_NODES) {
        Some((what, count)) => Err(GraphError::TooMany { what, count }),
        None => Ok(()),
    }
}

fn check_names(spec: &JobSpec) -> Result<(), GraphError> {
    let groups: [(&'static str, &'static str, Vec<&String>); 4] = [
        ("a source", "sources", spec.sources.iter().map(|s| &s.name).collect()),
        ("an operator", "operators", spec.operators.iter().map(|o| &o.id).collect()),
        ("a sink", "sinks", spec.sinks.iter().map(|s| &s.name).collect()),
        ("a setting", "settings", spec.settings.iter().map(|s| &s.name).collect()),
    ];
    for (one, many, names) in groups {
        let mut seen = BTreeSet::new();
        for name in names {
            if !is_node_name(name) {
                return Err(GraphError::Name { what: one, name: name.clone() });
            }
            if !seen.insert(name) {
                return Err(GraphError::Duplicate { what: many, name: name.clone() });
            }
        }
    }
    Ok(())
}

fn check_types(spec: &JobSpec) -> Result<(), GraphError> {
    let check = |place: String, schema: &Schema| schema.check().map_err(|error| GraphError::Type { place, error });
    for source in &spec.sources {
        check(format!("source `{}`", source.name), &source.schema)?;
    }
    for sink in &spec.sinks {
        check(format!("sink `{}`", sink.name), &sink.schema)?;
    }
    for (n, edge) in spec.edges.iter().enumerate() {
        check(format!("edge {n}"), &edge.schema)?;
    }
    for operator in &spec.operators {
        let id = &operator.id;
        check(format!("the output of operator `{id}`"), &operator.output)?;
        for schema in operator.value.iter().chain(&operator.state) {
            check(format!("operator `{id}`"), schema)?;
        }
        if let Some(key) = &operator.key {
            let place = || format!("the key of operator `{id}`");
            check(place(), key)?;
            key.check_key().map_err(|error| GraphError::Type { place: place(), error })?;
        }
    }
    Ok(())
}

fn check_operator(operator: &OperatorSpec) -> Result<(), GraphError> {
    let wrong = |problem: String| GraphError::Operator { id: operator.id.clone(), kind: operator.kind, problem };
    let keyed = [operator.key.is_some(), operator.value.is_some(), operator.state.is_some()];
    if !operator.kind.is_keyed() {
        return if keyed.contains(&true) {
            Err(wrong("a stateless operator has no key, value or state".into()))
        } else {
            Ok(())
        };
    }
    let (Some(key), Some(value), Some(state)) = (&operator.key, &operator.value, &operator.state) else {
        return Err(wrong("a keyed operator needs a key, a value and a state type".into()));
    };
    if operator.kind.is_native() {
        let function = Function::new(operator.kind, value).map_err(&wrong)?;
        let output = Schema::Tuple(vec![key.clone(), function.output()]);
        if operator.output != output {
            return Err(wrong(format!("it emits {output}, not {}", operator.output)));
        }
        if *state != function.state() {
            return Err(wrong(format!("its state is {}, not {state}", function.state())));
        }
    }
    Ok(())
}

fn check_stages(spec: &JobSpec) -> Result<(), GraphError> {
    let mut placed: BTreeMap<&str, usize> = BTreeMap::new();
    for id in spec.stages.iter().flat_map(|stage| &stage.operators) {
        *placed.entry(id).or_default() += 1;
    }
    for operator in &spec.operators {
        let expected = usize::from(!operator.kind.is_keyed());
        let times = placed.remove(operator.id.as_str()).unwrap_or(0);
        if times != expected {
            let problem = format!("it stands in {times} stages; it must stand in {expected}");
            return Err(GraphError::Operator { id: operator.id.clone(), kind: operator.kind, problem });
        }
    }
    match placed.keys().next() {
        Some(id) => Err(GraphError::Name { what: "a known operator of a stage", name: (*id).to_owned() }),
        None => Ok(()),
    }
}

fn check_edges(spec: &JobSpec) -> Result<(), GraphError> {
    for (n, edge) in spec.edges.iter().enumerate() {
        let dangling = |direction, node: &Node, problem| {
            Err(GraphError::Dangling { edge: n, direction, node: node.clone(), problem })
        };
        match &edge.from {
            node if !exists(spec, node) => return dangling("from", node, "does not exist"),
            node @ Node::Sink(_) => return dangling("from", node, "is a sink"),
            node if is_stateless_operator(spec, node) => return dangling("from", node, "runs within a stage"),
            _ => {}
        }
        match &edge.to {
            node if !exists(spec, node) => return dangling("to", node, "does not exist"),
            node @ Node::Source(_) => return dangling("to", node, "is a source"),
            node if is_stateless_operator(spec, node) => return dangling("to", node, "runs within a stage"),
            node if matches!(edge.from, Node::Source(_)) && !matches!(node, Node::Stage(_)) => {
                return dangling("to", node, "is not the stage that parses the source");
            }
            _ => {}
        }
        check_edge_type(spec, n, edge)?;
    }
    Ok(())
}

fn exists(spec: &JobSpec, node: &Node) -> bool {
    match node {
        Node::Source(name) => spec.sources.iter().any(|source| source.name == *name),
        Node::Stage(n) => (*n as usize) < spec.stages.len(),
        Node::Operator(id) => spec.operators.iter().any(|operator| operator.id == *id),
        Node::Sink(name) => spec.sinks.iter().any(|sink| sink.name == *name),
    }
}

fn is_stateless_operator(spec: &JobSpec, node: &Node) -> bool {
    matches!(node, Node::Operator(id)
        if spec.operators.iter().any(|operator| operator.id == *id && !operator.kind.is_keyed()))
}

fn check_edge_type(spec: &JobSpec, n: usize, edge: &EdgeSpec) -> Result<(), GraphError> {
    let expect = |carries: String, expects: String| {
        if carries == expects {
            return Ok(());
        }
        let (from, to) = (edge.from.clone(), edge.to.clone());
        Err(GraphError::EdgeType { edge: n, from, to, carries, expects })
    };
    let shown = |schema: &Schema, layout: Layout| format!("{} of {schema}", layout_name(layout));
    if let Node::Source(name) = &edge.from {
        let text = spec.sources.iter().find(|source| source.name == *name);
        debug_assert!(text.is_some(), "checked by the caller");
        return expect(shown(&edge.schema, edge.layout), shown(&Schema::Bytes, Layout::Values));
    }
    let is_pair = edge.schema.as_pair().is_some();
    let fits = match edge.layout {
        Layout::Values => !is_pair,
        Layout::Pairs => is_pair,
        Layout::Keys => is_pair && matches!(&edge.to, Node::Operator(_)),
    };
    if !fits {
        let layout = if is_pair { Layout::Pairs } else { Layout::Values };
        expect(shown(&edge.schema, edge.layout), shown(&edge.schema, layout))?;
    }
    if let Node::Operator(id) = &edge.from
        && let Some(operator) = spec.operators.iter().find(|operator| operator.id == *id)
    {
        expect(edge.schema.to_string(), operator.output.to_string())?;
    }
    match &edge.to {
        Node::Sink(name) => {
            let sink = spec.sinks.iter().find(|sink| sink.name == *name);
            sink.map_or(Ok(()), |sink| expect(edge.schema.to_string(), sink.schema.to_string()))
        }
        Node::Operator(id) => {
            let operator = spec.operators.iter().find(|operator| operator.id == *id);
            let Some(OperatorSpec { kind, key: Some(key), value: Some(value), .. }) = operator else { return Ok(()) };
            let pair = Schema::Tuple(vec![key.clone(), value.clone()]);
            let needed = if *kind == Kind::Count { Layout::Keys } else { Layout::Pairs };
            let layout = if edge.layout == Layout::Pairs { Layout::Pairs } else { needed };
            expect(shown(&edge.schema, edge.layout), shown(&pair, layout))
        }
        _ => Ok(()),
    }
}

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Values => "values",
        Layout::Pairs => "pairs",
        Layout::Keys => "keys",
    }
}

fn check_inputs(spec: &JobSpec) -> Result<(), GraphError> {
    let operators = spec.operators.iter().map(|o| (Node::Operator(o.id.clone()), &o.inputs));
    let sinks = spec.sinks.iter().map(|s| (Node::Sink(s.name.clone()), &s.inputs));
    for (node, inputs) in operators.chain(sinks) {
        if inputs.is_empty() {
            return Err(GraphError::Unfed(node));
        }
        let known = |input: &Node| matches!(input, Node::Source(_) | Node::Operator(_)) && exists(spec, input);
        if let Some(input) = inputs.iter().find(|input| !known(input)) {
            return Err(GraphError::UnknownInput { node, input: input.clone() });
        }
    }
    let sources = spec.sources.iter().map(|s| Node::Source(s.name.clone()));
    let producers = sources.chain(spec.operators.iter().map(|o| Node::Operator(o.id.clone())));
    let readers = || spec.operators.iter().map(|o| &o.inputs).chain(spec.sinks.iter().map(|s| &s.inputs));
    match producers.into_iter().find(|node| !readers().any(|inputs| inputs.contains(node))) {
        Some(node) => Err(GraphError::Unread(node)),
        None => Ok(()),
    }
}

fn flow_order(spec: &JobSpec) -> Result<Vec<Node>, GraphError> {
    let sources = spec.sources.iter().map(|s| Node::Source(s.name.clone()));
    let stages = (0..spec.stages.len() as u32).map(Node::Stage);
    let keyed = spec.operators.iter().filter(|o| o.kind.is_keyed()).map(|o| Node::Operator(o.id.clone()));
    let sinks = spec.sinks.iter().map(|s| Node::Sink(s.name.clone()));
    let mut waiting: Vec<Node> = sources.chain(stages).chain(keyed).chain(sinks).collect();
    for node in &waiting {
        if !matches!(node, Node::Source(_)) && !spec.edges.iter().any(|edge| edge.to == *node) {
            return Err(GraphError::Unfed(node.clone()));
        }
        if !matches!(node, Node::Sink(_)) && !spec.edges.iter().any(|edge| edge.from == *node) {
            return Err(GraphError::Unread(node.clone()));
        }
    }
    let mut order: Vec<Node> = Vec::new();
    while !waiting.is_empty() {
        let ready = |node: &Node| spec.edges.iter().all(|edge| edge.to != *node || order.contains(&edge.from));
        let Some(place) = waiting.iter().position(ready) else {
            return Err(GraphError::Cycle(waiting.swap_remove(0)));
        };
        order.push(waiting.remove(place));
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
