//! Unit tests of jobs without a sandbox: [`TestJob`] runs a job on the reference interpreter.
//!
//! ```
//! use wasmstream::prelude::*;
//!
//! fn job(j: &mut Job) {
//!     j.source("lines").text().map::<(String, u64)>("len", |line| (line.to_owned(), line.len() as u64)).sink("lens");
//! }
//!
//! let mut test = TestJob::new(job);
//! test.feed("lines", ["ab", "c"]).batch();
//! assert_eq!(test.rows::<(String, u64)>("lens"), [("ab".into(), 2), ("c".into(), 1)]);
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use wasmstream_model::batch::{Column, Rows};
use wasmstream_model::graph::Graph;
use wasmstream_model::schema::{Data, Value};
use wasmstream_model::semantics::call::Failure;
use wasmstream_model::semantics::interpreter::Interpreter;
use wasmstream_model::words::Millis;

use crate::job::Job;

/// A job under test. Batches happen when the test says so, and time passes when the test says so.
pub struct TestJob {
    interpreter: Interpreter<Job>,
    now: Millis,
    waiting: Vec<(String, Rows)>,
    sinks: BTreeMap<String, Vec<Rows>>,
    failures: Vec<Failure>,
}

impl TestJob {
    /// The job that `build` builds. Panics with the reason where that is no valid job.
    pub fn new(build: impl FnOnce(&mut Job)) -> TestJob {
        TestJob::with_settings(build, &[])
    }

    /// The same with settings.
    pub fn with_settings(build: impl FnOnce(&mut Job), settings: &[(&str, &str)]) -> TestJob {
        let mut job = Job::new("test", "0.0.0");
        build(&mut job);
        let spec = job.spec().unwrap_or_else(|error| panic!("not a valid job: {error}"));
        let graph = Graph::new(spec).expect("a spec from `Job::spec` is valid");
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let interpreter = Interpreter::new(graph, job, settings);
        TestJob { interpreter, now: 0, waiting: Vec::new(), sinks: BTreeMap::new(), failures: Vec::new() }
    }

    /// Adds records to a source; the next batch has them. A record is given as it stands in a file, without line end.
    pub fn feed<R: AsRef<[u8]>>(&mut self, source: &str, records: impl IntoIterator<Item = R>) -> &mut Self {
        let known = self.interpreter.graph().spec().sources.iter().any(|s| s.name == source);
        assert!(known, "the job has no source `{source}`");
        let records: Vec<R> = records.into_iter().collect();
        let column = Column::of(records.iter().map(AsRef::as_ref));
        self.waiting.push((source.to_owned(), Rows::of_values(column)));
        self
    }

    /// Lets batch time pass.
    pub fn advance(&mut self, time: Duration) -> &mut Self {
        self.now += Millis::try_from(time.as_millis()).expect("a test does not last for ages");
        self
    }

    /// Runs a batch over what was fed. Panics with the reason where it cannot be run.
    pub fn batch(&mut self) -> &mut Self {
        let input = std::mem::take(&mut self.waiting);
        let output =
            self.interpreter.batch(self.now, &input).unwrap_or_else(|error| panic!("the batch failed: {error}"));
        self.now += 1;
        for (sink, rows) in output.sinks {
            self.sinks.entry(sink).or_default().extend(rows);
        }
        self.failures.extend(output.failures);
        self
    }

    /// Takes what a sink has received since the last look.
    pub fn rows<T: Data>(&mut self, sink: &str) -> Vec<T> {
        let spec = self.interpreter.graph().spec();
        let expected = spec.sinks.iter().find(|s| s.name == sink).map(|s| s.schema.clone());
        assert_eq!(Some(T::schema()), expected, "the type of sink `{sink}`");
        let all = self.sinks.remove(sink).unwrap_or_default();
        let rows = all.iter().flat_map(|rows| (0..rows.len()).map(move |i| (rows.key(i), rows.value(i))));
        rows.map(|(key, value)| T::to_owned(T::decode_row(key, value).expect("a row of the sink's type"))).collect()
    }

    /// The state that an operator keeps under a key.
    pub fn state<K: Data, S: Data>(&self, operator: &str, key: &K) -> Option<S> {
        let mut cell = Vec::new();
        key.put_cell(&mut cell);
        let state = self.interpreter.state(operator).remove(&cell)?;
        Some(S::to_owned(S::decode_cell(&state).expect("state of the operator's type")))
    }

    /// All that an operator keeps, as (key, state) in JSON.
    pub fn states(&self, operator: &str) -> Vec<(String, String)> {
        let Some((_, spec)) = self.interpreter.graph().operator(operator) else {
            panic!("the job has no operator `{operator}`");
        };
        let show = |schema: &Option<_>, cell: &[u8]| {
            let schema = schema.as_ref().expect("only keyed operators have state");
            Value::read_cell(schema, cell).map_or_else(|error| error.to_string(), |v| v.to_json(schema).to_string())
        };
        let states = self.interpreter.state(operator);
        states.iter().map(|(key, state)| (show(&spec.key, key), show(&spec.state, state))).collect()
    }

    /// Takes the records that failed since the last look.
    pub fn failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }
}
