//! `wasmstream inspect`: what a module is and what it computes, without running it.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use wasmstream_model::graph::{JobSpec, Kind, Node, OperatorSpec, SourceFormat};

use super::failure::Failure;
use crate::guest::{GuestLimits, Module, Runtime};

/// Show what a module is and what it computes
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// The module
    module: PathBuf,
    /// The form of the result
    #[arg(long, value_enum, default_value_t)]
    output: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs: the whole job spec.
    Json,
    /// The graph, for Graphviz.
    Dot,
}

/// The largest file that is looked at, in bytes.
const LIMIT: u64 = 64 << 20;

pub(super) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let module = Module::read(&args.module, LIMIT)?;
    let described;
    let spec = match module.graph() {
        Some(graph) => graph.spec(),
        None => {
            eprintln!("note: the module has no embedded job spec (`wasmstream build` embeds one); it is asked instead");
            described = Runtime::new(GuestLimits { calls: 1, ..GuestLimits::default() })?.prepare(&module)?;
            described.graph().spec()
        }
    };
    match args.output {
        Form::Text => print!("{}", text(args, &module, spec)),
        Form::Dot => print!("{}", dot(spec)),
        Form::Json => {
            let shown = json!({
                "sha256": module.hash().to_string(),
                "bytes": module.bytes().len(),
                "imports": module.imports(),
                "job": spec,
            });
            println!("{shown:#}");
        }
    }
    Ok(())
}

fn text(args: &InspectArgs, module: &Module, spec: &JobSpec) -> String {
    let mut out = String::new();
    let mut line = |text: String| out.push_str(&(text + "\n"));
    line(format!("{} {} ({})", spec.name, spec.version, spec.sdk));
    line(format!("  file     {}, {} KiB", args.module.display(), module.bytes().len().div_ceil(1024)));
    line(format!("  sha256   {}", module.hash()));
    line(format!(
        "  imports  {}",
        if module.imports().is_empty() { "nothing".into() } else { module.imports().join(", ") }
    ));
    line("sources".into());
    for source in &spec.sources {
        line(format!("  {}: {}, as {}", source.name, format_name(&source.format), source.schema));
    }
    line("operators".into());
    for operator in &spec.operators {
        line(format!("  {}: {} of {}", operator.id, operator.kind, names(&operator.inputs)));
        line(format!("      emits {}", operator.output));
        if let (Some(key), Some(value), Some(state)) = (&operator.key, &operator.value, &operator.state) {
            line(format!("      key {key}, value {value}, state {state}{}", ran_by(operator)));
        }
    }
    line("sinks".into());
    for sink in &spec.sinks {
        line(format!("  {}: {} of {}", sink.name, sink.schema, names(&sink.inputs)));
    }
    line("stages (one call of the guest a chunk)".into());
    for (n, stage) in spec.stages.iter().enumerate() {
        let operators = if stage.operators.is_empty() { "parse only".to_owned() } else { stage.operators.join(" + ") };
        line(format!("  {n}: {operators}"));
    }
    if !spec.settings.is_empty() {
        line("settings".into());
        for setting in &spec.settings {
            line(format!("  {}: {} = {}", setting.name, setting.schema, setting.default));
        }
    }
    out
}

fn ran_by(operator: &OperatorSpec) -> &'static str {
    if operator.kind.is_native() { " (run by the host)" } else { "" }
}

fn format_name(format: &SourceFormat) -> String {
    match format {
        SourceFormat::Text => "text lines".into(),
        SourceFormat::Json => "JSON lines".into(),
        SourceFormat::Csv(csv) if csv.header => "CSV with a header".into(),
        SourceFormat::Csv(_) => "CSV without a header".into(),
    }
}

fn names(nodes: &[Node]) -> String {
    let name = |node: &Node| match node {
        Node::Source(name) | Node::Sink(name) | Node::Operator(name) => name.clone(),
        Node::Stage(n) => format!("stage {n}"),
    };
    nodes.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// The graph as people drew it, operators of one stage in one box.
fn dot(spec: &JobSpec) -> String {
    let mut out =
        format!("digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n", spec.name);
    for source in &spec.sources {
        let _ = writeln!(out, "  \"source:{0}\" [label=\"{0}\", shape=cds];", source.name);
    }
    for (n, stage) in spec.stages.iter().enumerate().filter(|(_, stage)| !stage.operators.is_empty()) {
        let _ = writeln!(out, "  subgraph \"cluster_{n}\" {{ label=\"stage {n}\"; style=dashed;");
        for operator in spec.operators.iter().filter(|operator| stage.operators.contains(&operator.id)) {
            let _ = writeln!(out, "    {}", dot_operator(operator));
        }
        out.push_str("  }\n");
    }
    for operator in spec.operators.iter().filter(|operator| operator.kind.is_keyed()) {
        let _ = writeln!(out, "  {}", dot_operator(operator));
    }
    for sink in &spec.sinks {
        let _ = writeln!(out, "  \"sink:{0}\" [label=\"{0}\", shape=cds];", sink.name);
    }
    let operators = spec.operators.iter().map(|o| (Node::Operator(o.id.clone()), &o.inputs, o.kind.is_keyed()));
    let sinks = spec.sinks.iter().map(|s| (Node::Sink(s.name.clone()), &s.inputs, false));
    for (node, inputs, shuffled) in operators.chain(sinks) {
        for input in inputs {
            let style = if shuffled { " [label=\"by key\", style=bold]" } else { "" };
            let _ = writeln!(out, "  \"{input}\" -> \"{node}\"{style};");
        }
    }
    out + "}\n"
}

fn dot_operator(operator: &OperatorSpec) -> String {
    let shape = match operator.kind {
        Kind::UpdateStateByKey | Kind::MapWithState | Kind::ReduceByKey => ", peripheries=2",
        kind if kind.is_native() => ", peripheries=2, style=filled",
        _ => "",
    };
    format!("\"operator:{0}\" [label=\"{0}\\n{1}\"{shape}];", operator.id, operator.kind)
}
