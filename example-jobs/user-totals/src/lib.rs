//! Running count, sum and maximum of amounts by user, from JSON lines.

use serde::Deserialize;
use wasmstream::prelude::*;

/// A line of the source. What the job does not need (`ts`, `type`) it does not name.
#[derive(Record, Deserialize, Clone)]
pub struct Event {
    user_id: u64,
    amount: f64,
}

/// What is kept under each user.
#[derive(State, Clone, Default)]
pub struct Total {
    count: u64,
    sum: f64,
    max: f64,
}

/// The job: `events` in, `totals` out, a row for each user who had events in the batch.
#[wasmstream::job(name = "user-totals")]
pub fn job(j: &mut Job) {
    j.source("events")
        .json::<Event>()
        .map::<(u64, f64)>("amounts", |event| (event.user_id, event.amount))
        .update_state_by_key::<Total, (u64, u64, f64, f64)>("totals", |user, amounts, state, out| {
            let fresh = !state.exists();
            let total = state.get_or_default();
            for (n, amount) in amounts.enumerate() {
                total.count += 1;
                total.sum += amount;
                total.max = if fresh && n == 0 { amount } else { total.max.max(amount) };
            }
            out.emit((user, total.count, total.sum, total.max));
        })
        .sink("totals");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_go_on_over_batches() {
        let line = |user: u64, amount: f64| format!(r#"{{"user_id":{user},"ts":1,"amount":{amount},"type":"buy"}}"#);
        let mut test = TestJob::new(job);
        test.feed("events", [line(7, -2.5), line(8, 1.0), line(7, -4.0)]).batch();
        let mut rows = test.rows::<(u64, u64, f64, f64)>("totals");
        rows.sort_by_key(|row| row.0);
        assert_eq!(rows, [(7, 2, -6.5, -2.5), (8, 1, 1.0, 1.0)]);
        test.feed("events", [line(7, 3.0), "no json".into()]).batch();
        assert_eq!(test.rows::<(u64, u64, f64, f64)>("totals"), [(7, 3, -3.5, 3.0)]);
        assert_eq!(test.failures().len(), 1);
    }
}
