//! What operators mean, in jobs that run natively.

use std::time::Duration;

use serde::Deserialize;
use wasmstream::prelude::*;

#[derive(Record, Deserialize, Clone, Debug, PartialEq)]
struct Click {
    user: String,
    ms: u64,
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

/// Rows of a test's word and number, for assertions.
fn row(word: &str, n: u64) -> (String, u64) {
    (word.to_owned(), n)
}

fn numbers(j: &mut Job, source: &str, id: &str) -> Stream<(String, u64)> {
    j.source(source).text().try_map::<(String, u64)>(id, |line| {
        let (word, number) = line.split_once(' ').ok_or("a line is a word and a number")?;
        Ok((word.to_owned(), number.parse()?))
    })
}

#[test]
fn a_record_that_try_map_or_fail_gives_up_fails_alone() {
    let mut test = TestJob::new(|j: &mut Job| {
        numbers(j, "in", "parse")
            .flat_map::<(String, u64)>("halve", |(word, n), out| {
                if n % 2 == 1 {
                    return out.fail(format!("{n} is odd"));
                }
                out.emit((word, n / 2));
            })
            .sink("out");
    });
    test.feed("in", ["a 4", "no number", "b", "c 3", "d 2"]).batch();
    assert_eq!(test.rows::<(String, u64)>("out"), [row("a", 2), row("d", 1)]);
    let failures: Vec<_> = test.failures().into_iter().map(|f| (f.row, f.operator, f.message)).collect();
    let expected = [
        (1, Some(0), "invalid digit found in string".to_owned()),
        (2, Some(0), "a line is a word and a number".to_owned()),
        (3, Some(1), "3 is odd".to_owned()),
    ];
    assert_eq!(failures, expected);
    assert!(test.failures().is_empty(), "they are taken once");
}

#[test]
fn a_union_of_several_sources_goes_to_several_sinks() {
    let mut test = TestJob::new(|j: &mut Job| {
        let left = numbers(j, "left", "parse-left");
        let right = numbers(j, "right", "parse-right");
        let both = left.clone().union(right);
        both.clone().sum("sum").sink("sums");
        both.filter("large", |(_, n)| *n >= 10).sink("large");
        left.map::<String>("word", |(word, _)| word.to_owned()).sink("words");
    });
    test.feed("left", ["a 1", "b 20"]).feed("right", ["a 10"]).batch();
    assert_eq!(sorted(test.rows::<(String, u64)>("sums")), [row("a", 11), row("b", 20)]);
    assert_eq!(sorted(test.rows::<(String, u64)>("large")), [row("a", 10), row("b", 20)]);
    assert_eq!(test.rows::<String>("words"), ["a", "b"]);
    test.feed("right", ["a 1"]).batch();
    assert_eq!(test.rows::<(String, u64)>("sums"), [row("a", 12)]);
    assert!(test.rows::<String>("words").is_empty());
}

#[test]
fn reduce_by_key_goes_on_over_batches() {
    let mut test = TestJob::new(|j: &mut Job| {
        numbers(j, "in", "parse").reduce_by_key("most", |a, b| a.max(b)).sink("out");
    });
    test.feed("in", ["a 3", "b 1", "a 5", "a 4"]).batch();
    assert_eq!(sorted(test.rows::<(String, u64)>("out")), [row("a", 5), row("b", 1)]);
    test.feed("in", ["a 2", "b 9"]).batch();
    assert_eq!(sorted(test.rows::<(String, u64)>("out")), [row("a", 5), row("b", 9)]);
    assert_eq!(test.state::<String, u64>("most", &"b".into()), Some(9));
}

#[test]
fn map_with_state_sees_each_record_and_then_the_timeout_once() {
    let mut test = TestJob::new(|j: &mut Job| {
        let clicks = j.source("clicks").json::<Click>().map::<(String, u64)>("by-user", |click| (click.user, click.ms));
        clicks
            .map_with_state::<u64, (String, u64, bool)>(
                "visits",
                Timeout::after(Duration::from_millis(100)),
                |user, click, state, out| {
                    let ends = click.is_none();
                    let count = state.get_or_default();
                    *count += u64::from(!ends);
                    out.emit((user, *count, ends));
                },
            )
            .sink("out");
    });
    let click = |user: &str| format!("{{\"user\":\"{user}\",\"ms\":1}}");
    let rows = |test: &mut TestJob| sorted(test.rows::<(String, u64, bool)>("out"));
    let seen = |user: &str, n, ends| (user.to_owned(), n, ends);
    test.feed("clicks", [click("ann"), click("bob"), click("ann")]).batch();
    assert_eq!(rows(&mut test), [seen("ann", 1, false), seen("ann", 2, false), seen("bob", 1, false)]);
    // A record puts the end off.
    test.advance(Duration::from_millis(60)).feed("clicks", [click("ann")]).batch();
    assert_eq!(rows(&mut test), [seen("ann", 3, false)]);
    test.advance(Duration::from_millis(60)).batch();
    assert_eq!(rows(&mut test), [seen("bob", 1, true)]);
    assert_eq!(test.state::<String, u64>("visits", &"bob".into()), None);
    assert_eq!(test.state::<String, u64>("visits", &"ann".into()), Some(3));
    test.advance(Duration::from_millis(60)).batch();
    assert_eq!(rows(&mut test), [seen("ann", 3, true)]);
    test.advance(Duration::from_secs(60)).batch();
    assert!(rows(&mut test).is_empty(), "a timeout comes once");
    test.feed("clicks", [click("bob")]).batch();
    assert_eq!(rows(&mut test), [seen("bob", 1, false)], "a key starts anew");
}

#[test]
fn state_is_kept_put_or_removed() {
    let mut test = TestJob::new(|j: &mut Job| {
        numbers(j, "in", "parse")
            .update_state_by_key::<u64, (String, u64)>("last", |word, mut numbers, state, out| {
                match numbers.next().unwrap_or_default() {
                    0 => drop(state.remove()),
                    1 => {}
                    n => state.set(n),
                }
                out.emit((word, state.get().copied().unwrap_or(99)));
            })
            .sink("out");
    });
    let mut after = |line: &str| {
        test.feed("in", [line]).batch();
        (test.rows::<(String, u64)>("out")[0].1, test.states("last").len())
    };
    assert_eq!(
        [after("a 1"), after("a 5"), after("a 1"), after("a 0"), after("a 0")],
        [(99, 0), (5, 1), (5, 1), (99, 0), (99, 0)]
    );
}

#[test]
fn settings_are_those_that_are_given_else_the_defaults() {
    let job = |j: &mut Job| {
        let factor = j.setting("factor", 2_u64);
        numbers(j, "in", "parse")
            .map::<(String, u64)>("times", move |(word, n)| (word.to_owned(), n * factor.get()))
            .sink("out");
    };
    for (settings, expected) in [(&[][..], 6), (&[("factor", "10")][..], 30)] {
        let mut test = TestJob::with_settings(job, settings);
        assert_eq!(test.feed("in", ["a 3"]).batch().rows::<(String, u64)>("out"), [row("a", expected)]);
    }
}

#[test]
#[should_panic(expected = "two operators have the id `same`: at guest-sdk/tests/operators.rs")]
fn an_id_that_stands_twice_is_refused_with_its_place() {
    TestJob::new(|j: &mut Job| {
        j.source("in").text().map::<u64>("same", |_| 1).filter("same", |n| *n > 0).sink("out");
    });
}

#[test]
#[should_panic(expected = "nothing reads operator:lost")]
fn an_operator_that_nothing_reads_is_refused() {
    TestJob::new(|j: &mut Job| {
        let lines = j.source("in").text();
        let _ = lines.clone().map::<u64>("lost", |_| 1);
        lines.sink("out");
    });
}
