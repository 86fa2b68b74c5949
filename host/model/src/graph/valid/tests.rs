//! Specs with one mistake each, and what is said of it.

use serde_json::{Value as Json, json};

use super::{Graph, GraphError};

/// Lines, split into words, counted, and merged again by an operator of the guest.
fn spec() -> Json {
    let pair = json!({"tuple": ["string", "u64"]});
    json!({
        "format": 1, "name": "job", "version": "1.0.0", "sdk": "by hand",
        "sources": [{"name": "lines", "format": "text", "schema": "string"}],
        "operators": [
            {"id": "split", "kind": "flat-map", "inputs": ["source:lines"], "output": pair},
            {"id": "tally", "kind": "count", "inputs": ["operator:split"], "output": pair,
             "key": "string", "value": "u64", "state": "u64"},
            {"id": "merge", "kind": "update-state-by-key", "inputs": ["operator:tally"], "output": pair,
             "key": "string", "value": "u64", "state": "u64"},
        ],
        "sinks": [{"name": "out", "schema": pair, "inputs": ["operator:merge"]}],
        "stages": [{"operators": ["split"]}],
        "edges": [
            {"from": "source:lines", "to": "stage:0", "layout": "values", "schema": "bytes"},
            {"from": "stage:0", "to": "operator:tally", "layout": "keys", "schema": pair},
            {"from": "operator:tally", "to": "operator:merge", "layout": "pairs", "schema": pair},
            {"from": "operator:merge", "to": "sink:out", "layout": "pairs", "schema": pair},
        ],
        "settings": [{"name": "bonus", "type": "u64", "default": "5"}],
    })
}

fn check(spec: Json) -> Result<Graph, GraphError> {
    Graph::new(serde_json::from_value(spec).expect("a spec, if not a valid one"))
}

#[test]
fn a_valid_spec_is_ordered_by_its_flow() {
    let order: Vec<String> = check(spec()).unwrap().order().iter().map(ToString::to_string).collect();
    assert_eq!(order, ["source:lines", "stage:0", "operator:tally", "operator:merge", "sink:out"]);
}

/// Fails unless a spec in which `value` stands at `place` is refused with a message that has `expected`.
#[track_caller]
fn refused(place: &str, value: Json, expected: &str) {
    let mut spec = spec();
    match place.strip_suffix("/+") {
        Some(list) => spec.pointer_mut(list).and_then(Json::as_array_mut).expect(place).push(value),
        None => match spec.pointer_mut(place) {
            Some(old) => *old = value,
            None => {
                let (parent, name) = place.rsplit_once('/').expect(place);
                spec.pointer_mut(parent).expect(place)[name] = value;
            }
        },
    }
    let error = check(spec).map(|_| ()).expect_err(place).to_string();
    assert!(error.contains(expected), "{place}: {error}");
}

#[test]
fn every_mistake_is_refused_with_its_place() {
    let pair = || json!({"tuple": ["string", "u64"]});
    let other = || json!({"tuple": ["string", "f64"]});
    let edge = |from: &str, to: &str| json!({"from": from, "to": to, "layout": "pairs", "schema": pair()});

    refused("/format", json!(2), "the job spec has format 2; this wasmstream reads formats up to 1");
    refused("/requires", json!(["time-travel"]), "the module requires `time-travel`");
    refused("/sources", json!([]), "the job has no source");
    refused("/sinks", json!([]), "the job has no sink");
    refused("/edges", Json::Array(vec![edge("stage:0", "sink:out"); 1_025]), "the job has 1025 edges; at most 1024");

    refused("/operators/0/id", json!("tally"), "two operators are named `tally`");
    refused("/operators/0/id", json!(""), "`` cannot name an operator");
    refused("/operators/0/id", json!("a/b"), "`a/b` cannot name an operator");
    refused("/sources/+", spec()["sources"][0].clone(), "two sources are named `lines`");
    refused("/sinks/+", spec()["sinks"][0].clone(), "two sinks are named `out`");
    refused("/settings/+", spec()["settings"][0].clone(), "two settings are named `bonus`");

    // A cycle, small and large. What leaves it stays as it is.
    refused("/edges/+", edge("operator:merge", "operator:merge"), "the graph has a cycle through operator:merge");
    refused("/edges/+", edge("operator:merge", "operator:tally"), "the graph has a cycle through operator:");
    refused("/edges/+", edge("operator:merge", "stage:0"), "the graph has a cycle through stage:0");

    refused("/edges/3/from", json!("operator:none"), "edge 3 goes from operator:none, which does not exist");
    refused("/edges/3/to", json!("sink:none"), "edge 3 goes to sink:none, which does not exist");
    refused("/edges/1/from", json!("stage:7"), "edge 1 goes from stage:7, which does not exist");
    refused("/edges/3/from", json!("sink:out"), "edge 3 goes from sink:out, which is a sink");
    refused("/edges/3/to", json!("source:lines"), "edge 3 goes to source:lines, which is a source");
    refused("/edges/1/from", json!("operator:split"), "operator:split, which runs within a stage");
    refused("/edges/0/to", json!("sink:out"), "sink:out, which is not the stage that parses the source");
    refused(
        "/operators/1/inputs",
        json!(["operator:none"]),
        "operator:tally reads operator:none, which does not exist",
    );
    refused("/operators/1/inputs", json!(["sink:out"]), "operator:tally reads sink:out, which does not exist");
    refused("/operators/1/inputs", json!([]), "nothing flows into operator:tally");
    refused("/sinks/0/inputs", json!(["operator:tally"]), "nothing reads operator:merge");
    refused("/stages/+", json!({"operators": []}), "nothing flows into stage:1");
    refused("/edges/2/to", json!("sink:out"), "nothing flows into operator:merge");

    refused("/edges/0/schema", json!("string"), "edge 0 (source:lines to stage:0) carries values of string, but");
    refused("/edges/3/schema", other(), "operator:merge to sink:out) carries (string, f64)");
    refused("/edges/2/schema", other(), "carries (string, f64), but operator:merge takes (string, u64)");
    refused("/edges/2/layout", json!("keys"), "edge 2 (operator:tally to operator:merge) carries keys of");
    refused("/edges/3/layout", json!("values"), "carries values of (string, u64), but sink:out takes pairs");
    refused("/edges/3/layout", json!("keys"), "carries keys of (string, u64), but sink:out takes pairs");
    refused("/sinks/0/schema", json!("string"), "but sink:out takes string");

    refused("/operators/1/output", other(), "operator `tally` (count): it emits (string, u64), not (string, f64)");
    refused("/operators/1/state", json!("string"), "operator `tally` (count): its state is");
    refused("/operators/1/kind", json!("map"), "a stateless operator has no key, value or state");
    refused("/operators/0/kind", json!("sum"), "a keyed operator needs a key, a value and a state type");
    refused(
        "/operators/1/key",
        json!("f64"),
        "the type of the key of operator `tally` is not valid: f64 cannot be a key",
    );
    refused("/operators/2/state", json!({"list": {"tuple": []}}), "operator `merge` is not valid: () has no content");
    refused("/operators/2/state", json!({"enum": []}), "an enum needs at least one case");
    let twice = json!({"record": [{"name": "a", "type": "u8"}, {"name": "a", "type": "u8"}]});
    refused("/operators/2/state", twice, "`a` stands twice");
    let deep = (0..70).fold(json!("u8"), |inner, _| json!({"option": inner}));
    refused("/operators/2/state", deep, "types nest more than 64 deep");
    refused("/stages/0/operators", json!([]), "operator `split` (flat-map): it stands in 0 stages; it must stand in 1");
    refused("/stages/0/operators", json!(["split", "split"]), "it stands in 2 stages");
    refused("/stages/0/operators", json!(["split", "tally"]), "operator `tally` (count): it stands in 1 stages");
    refused("/stages/0/operators", json!(["split", "none"]), "`none` cannot name a known operator of a stage");
}
