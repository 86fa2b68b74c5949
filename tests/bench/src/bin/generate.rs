//! `generate words COUNT DISTINCT FILE` and `generate events COUNT USERS FILE`.

use std::fs::File;
use std::io::{BufWriter, Result, Write};

use wasmstream_bench::{Random, Zipf, word};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, count, distinct, path] = args.as_slice() else {
        eprintln!("usage: generate words|events COUNT DISTINCT FILE");
        std::process::exit(2);
    };
    let number = |text: &str| text.replace('_', "").parse::<usize>().expect("a number");
    let (count, distinct) = (number(count), number(distinct));
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (zipf, mut random) = (Zipf::new(distinct), Random::new(42));
    if kind == "words" {
        let words: Vec<String> = (0..distinct).map(word).collect();
        for n in 0..count {
            out.write_all(words[zipf.rank(&mut random)].as_bytes())?;
            out.write_all(if n % 9 == 8 { b"\n" } else { b" " })?;
        }
    } else {
        let kinds = ["view", "click", "cart", "buy"];
        for n in 0..count {
            let user = (zipf.rank(&mut random) * 7919) % distinct;
            let amount = (random.unit() * 100_000.0).floor() / 100.0;
            let kind = kinds[(random.bits() % 4) as usize];
            let ts = 1_700_000_000_000_u64 + n as u64;
            writeln!(out, r#"{{"user_id":{user},"ts":{ts},"amount":{amount},"type":"{kind}"}}"#)?;
        }
    }
    out.flush()
}
