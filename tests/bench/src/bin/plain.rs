//! The same work as the example jobs in plain Rust on one thread: read the file, parse, one good hash map.
//! `plain words FILE` and `plain events FILE`; prints records, seconds and a checksum.

use std::fs::File;
use std::io::{BufRead, BufReader, Result};
use std::time::Instant;

use hashbrown::HashMap;
use serde::Deserialize;

#[derive(Deserialize)]
struct Event {
    user_id: u64,
    amount: f64,
}

struct Total {
    count: u64,
    sum: f64,
    max: f64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, path] = args.as_slice() else {
        eprintln!("usage: plain words|events FILE");
        std::process::exit(2);
    };
    let started = Instant::now();
    let reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (records, check) = if kind == "words" { words(reader)? } else { events(reader)? };
    let seconds = started.elapsed().as_secs_f64();
    println!(
        r#"{{"records":{records},"wall_s":{seconds:.3},"records_per_s":{:.0},"check":{check}}}"#,
        records as f64 / seconds
    );
    Ok(())
}

fn words(mut reader: impl BufRead) -> Result<(u64, u64)> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut line = String::new();
    let mut records = 0;
    while reader.read_line(&mut line)? > 0 {
        for word in line.split_ascii_whitespace() {
            records += 1;
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(word.to_owned(), 1);
                }
            }
        }
        line.clear();
    }
    Ok((records, counts.len() as u64))
}

fn events(mut reader: impl BufRead) -> Result<(u64, u64)> {
    let mut totals: HashMap<u64, Total> = HashMap::new();
    let mut line = Vec::new();
    let mut records = 0;
    while reader.read_until(b'\n', &mut line)? > 0 {
        let event: Event = serde_json::from_slice(&line)?;
        records += 1;
        let total = totals.entry(event.user_id).or_insert(Total { count: 0, sum: 0.0, max: f64::MIN });
        total.count += 1;
        total.sum += event.amount;
        total.max = total.max.max(event.amount);
        line.clear();
    }
    let check = totals.values().map(|total| total.count + total.max as u64).sum::<u64>();
    Ok((records, check % 1_000_003))
}
