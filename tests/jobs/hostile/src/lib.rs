//! A job that does whatever its input tells it to, in a stage and in an update of state.

use wasmstream::prelude::*;

fn obey(order: &str) {
    match order {
        "loop" => loop {
            std::hint::black_box(());
        },
        "recurse" => {
            recurse(0);
        }
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&all);
            }
        }
        "panic" => panic!("told to panic"),
        "index" => {
            let none: Vec<u64> = Vec::new();
            std::hint::black_box(none[std::hint::black_box(3)]);
        }
        "divide" => {
            std::hint::black_box(i32::MIN.wrapping_div(std::hint::black_box(0)));
        }
        "flood" => (0..100_000).for_each(|n| info!("line {n} \u{1b}[31m with colour")),
        _ => {}
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth + 1))) + 1
}

/// Lines are orders: `loop`, `panic`, …; `state:ORDER` is obeyed in the update of state; `fail` fails the record.
#[wasmstream::job(name = "hostile")]
pub fn job(j: &mut Job) {
    j.source("lines")
        .text()
        .flat_map::<(String, u64)>("stage", |line, out| {
            obey(line);
            match line {
                "fail" => out.fail("told to fail"),
                "explode" => (0..3_000_000_u64).for_each(|n| out.emit((format!("{}", n % 7), 1))),
                _ => out.emit((line, 1)),
            }
        })
        .update_state_by_key::<u64, (String, u64)>("update", |key, ones, state, out| {
            if let Some(order) = key.strip_prefix("state:") {
                obey(order);
                if order == "fail" {
                    return out.fail("told to fail in the update");
                }
            }
            let count = state.get_or_default();
            *count += ones.sum::<u64>();
            out.emit((key, *count));
        })
        .sink("out");
}
