//! A guest written against the bare contract, that breaks it in the way that its first line names.

use wasmstream::bindings::exports::wasmstream::job::guest::{Guest, KeySet, Migrated, StageResult, Updates};
use wasmstream::bindings::wasmstream::job::types::{Column, Context, Failed, Failure, Output, Rows};

struct Breach;

const SPEC: &str = r#"{"format":1,"name":"breach","version":"1.0.0","sdk":"by hand",
"sources":[{"name":"lines","format":"text","schema":"string"}],
"operators":[
 {"id":"split","kind":"flat-map","inputs":["source:lines"],"output":{"tuple":["string","u64"]}},
 {"id":"tally","kind":"update-state-by-key","inputs":["operator:split"],"output":{"tuple":["string","u64"]},
  "key":"string","value":"u64","state":"u64"}],
"sinks":[{"name":"out","schema":{"tuple":["string","u64"]},"inputs":["operator:tally"]}],
"stages":[{"operators":["split"]}],
"edges":[
 {"from":"source:lines","to":"stage:0","layout":"values","schema":"bytes"},
 {"from":"stage:0","to":"operator:tally","layout":"pairs","schema":{"tuple":["string","u64"]}},
 {"from":"operator:tally","to":"sink:out","layout":"pairs","schema":{"tuple":["string","u64"]}}]}"#;

fn column(cells: &[&[u8]]) -> Column {
    let mut offsets = vec![0];
    let mut data = Vec::new();
    for cell in cells {
        data.extend_from_slice(cell);
        offsets.push(data.len() as u32);
    }
    Column { rows: cells.len() as u32, offsets, data }
}

fn rows(keys: Column, values: Column) -> Rows {
    Rows { keys: Some(keys), values: Some(values), times: None, extra: Vec::new() }
}

impl Guest for Breach {
    fn describe() -> String {
        SPEC.to_owned()
    }

    fn run_stage(_stage: u32, _ctx: Context, _edge: u32, input: Rows) -> Result<StageResult, Failed> {
        let order = String::from_utf8(input.values.map(|column| column.data).unwrap_or_default()).unwrap_or_default();
        let order = order.trim().to_owned();
        let mut result = StageResult { consumed: 1, outputs: Vec::new(), failures: Vec::new() };
        let mut keys = column(&[order.as_bytes(), b"x"]);
        let mut values = column(&[&[1], &[2]]);
        let mut edge = 1;
        match order.as_str() {
            "backwards" => keys.offsets[1] = 1_000,
            "past-the-end" => keys.offsets[2] += 9,
            "too-few-offsets" => drop(keys.offsets.pop()),
            "uneven" => values = column(&[&[1]]),
            "no-keys" => {
                let rows = Rows { keys: None, values: Some(values), times: None, extra: Vec::new() };
                result.outputs.push(Output { edge: 1, rows, origins: Vec::new() });
                return Ok(result);
            }
            "wrong-edge" => edge = 2,
            "no-edge" => edge = 77,
            "consumed-more" => result.consumed = 9,
            "consumed-nothing" => result.consumed = 0,
            "wrong-origins" => {
                result.outputs.push(Output { edge: 1, rows: rows(keys, values), origins: vec![5] });
                return Ok(result);
            }
            "failure-of-no-row" => {
                result.failures.push(Failure { row: 9, operator: Some(99), message: "?".into() });
            }
            "gives-up" => return Err(Failed { code: "NO_MOOD".into(), message: "not today".into() }),
            _ => {}
        }
        result.outputs.push(Output { edge, rows: rows(keys, values), origins: Vec::new() });
        Ok(result)
    }

    fn update_state(_operator: u32, _ctx: Context, work: KeySet) -> Result<Updates, Failed> {
        let n = work.keys.rows;
        let first = String::from_utf8_lossy(&work.keys.data).into_owned();
        let mut updates = Updates {
            consumed: n,
            actions: vec![1; n as usize],
            states: column(&vec![[7_u8].as_slice(); n as usize]),
            outputs: Vec::new(),
            timers: Vec::new(),
            failures: Vec::new(),
        };
        if first.contains("too-few-states") {
            updates.states = column(&[]);
        } else if first.contains("too-many-actions") {
            updates.actions.push(0);
        } else if first.contains("no-such-action") {
            updates.actions[0] = 9;
        } else if first.contains("timer-of-no-key") {
            updates.timers.push((1_000, Some(1)));
        } else if first.contains("state-backwards") {
            updates.states.offsets[0] = 5;
        } else if first.contains("row-of-another-type") {
            let cell: &[u8] = &[0xff; 3];
            updates.outputs.push(Output { edge: 2, rows: rows(column(&[b"k"]), column(&[cell])), origins: vec![] });
        }
        Ok(updates)
    }

    fn migrate_state(_operator: u32, _migration: u32, _keys: Column, _states: Column) -> Result<Migrated, Failed> {
        Err(Failed { code: "NONE".into(), message: String::new() })
    }
}

wasmstream::bindings::export_job!(Breach with_types_in wasmstream::bindings);
