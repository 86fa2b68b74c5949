//! Operators that keep state under keys. All of them shuffle: a key's records come together, in order, wherever they
//! were read.
//!
//! Invariant: what an operator emits for a batch is a function of the batch's records and the state before it.

use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use wasmstream_model::graph::{Kind, Layout, OperatorSpec};
use wasmstream_model::schema::{Data, Schema};
use wasmstream_model::semantics::aggregate::Function;

use crate::job::End;
use crate::out::{Fan, Out};
use crate::run::{MapWithState, Reduce, UpdateState};
use crate::state::{State, Values};
use crate::stream::Stream;

/// A number that can be summed: its sum's type is wide enough for many of it.
pub trait Number: Data {
    /// `u64` for unsigned, `i64` for signed integers, `f64` for floats.
    type Sum: Data;
}

macro_rules! number {
    ($($type:ty => $sum:ty),*) => { $( impl Number for $type { type Sum = $sum; } )* };
}
number!(u8 => u64, u16 => u64, u32 => u64, u64 => u64, i8 => i64, i16 => i64, i32 => i64, i64 => i64, f32 => f64, f64 => f64);

/// When the state of a key that gets no more records is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub(crate) Option<Duration>);

impl Timeout {
    /// After this much time without a record of the key, by batch time.
    pub fn after(time: Duration) -> Timeout {
        Timeout(Some(time))
    }

    /// Never.
    pub fn never() -> Timeout {
        Timeout(None)
    }
}

impl<K: Data, V: Data> Stream<(K, V)> {
    fn keyed<O: Data>(
        &self,
        id: &str,
        kind: Kind,
        state: Schema,
        at: &'static Location<'static>,
    ) -> (u32, Rc<Fan<O>>, Stream<O>) {
        let spec = OperatorSpec {
            id: id.to_owned(),
            kind,
            inputs: self.inputs.clone(),
            output: O::schema(),
            key: Some(K::schema()),
            value: Some(V::schema()),
            state: Some(state),
            migrations: Vec::new(),
        };
        let number = self.job.add_operator(spec, None, at);
        let fan = Rc::new(Fan::default());
        (number, Rc::clone(&fan), Stream::from_keyed(self.job.clone(), fan, id))
    }

    fn native<O: Data>(self, id: &str, kind: Kind, at: &'static Location<'static>) -> Stream<(K, O)> {
        let state = Function::new(kind, &V::schema()).map_or(Schema::UNIT, |function| function.state());
        let (_, _, stream) = self.keyed::<(K, O)>(id, kind, state, at);
        let layout = (kind == Kind::Count).then_some(Layout::Keys);
        self.connect_and_send(End::Keyed(id.to_owned()), layout);
        stream
    }

    /// How many records each key has had. Emits the count of each key that had records in the batch. Run by the host.
    #[track_caller]
    pub fn count(self, id: &str) -> Stream<(K, u64)> {
        self.native(id, Kind::Count, Location::caller())
    }

    /// The sum of each key's values. Emits the sum of each key that had records in the batch. Run by the host. A sum of
    /// integers that does not fit 64 bits stops the job.
    #[track_caller]
    pub fn sum(self, id: &str) -> Stream<(K, V::Sum)>
    where
        V: Number,
    {
        self.native(id, Kind::Sum, Location::caller())
    }

    /// The least of each key's values. Emits for each key that had records in the batch. Run by the host.
    #[track_caller]
    pub fn min(self, id: &str) -> Stream<(K, V)>
    where
        V: Number,
    {
        self.native(id, Kind::Min, Location::caller())
    }

    /// The greatest of each key's values. Emits for each key that had records in the batch. Run by the host.
    #[track_caller]
    pub fn max(self, id: &str) -> Stream<(K, V)>
    where
        V: Number,
    {
        self.native(id, Kind::Max, Location::caller())
    }

    /// The mean of each key's values. Emits for each key that had records in the batch. Run by the host.
    #[track_caller]
    pub fn mean(self, id: &str) -> Stream<(K, f64)>
    where
        V: Number,
    {
        self.native(id, Kind::Mean, Location::caller())
    }

    /// Combines each key's values two by two, over all batches so far. Emits the result for each key that had records in
    /// the batch. Values are combined before the shuffle too, so `f` must not care how they are grouped.
    #[track_caller]
    pub fn reduce_by_key(self, id: &str, f: impl Fn(V, V) -> V + 'static) -> Stream<(K, V)> {
        let f: Rc<dyn Fn(V, V) -> V> = Rc::new(f);
        let (number, fan, stream) = self.keyed::<(K, V)>(id, Kind::ReduceByKey, V::schema(), Location::caller());
        let edges = self.connect(End::Keyed(id.to_owned()), None);
        for (part, edge) in edges.into_iter().enumerate() {
            self.send_combined(part, edge, &f);
        }
        let updater = Reduce { fan, f, of: std::marker::PhantomData };
        self.job.inner.borrow_mut().updaters.push((number, Rc::new(updater)));
        stream
    }

    /// Calls `f` once a batch for each key that had records, with the new values in order and the key's state.
    ///
    /// ```
    /// # use wasmstream::prelude::*;
    /// # fn job(j: &mut Job) {
    /// # let words: Stream<(String, u64)> = j.source("l").text().flat_map("split", |l, out| out.emit((l, 1)));
    /// words.update_state_by_key::<u64, (String, u64)>("tally", |word, ones, state, out| {
    ///     let count = state.get_or_default();
    ///     *count += ones.sum::<u64>();
    ///     out.emit((word, *count));
    /// })
    /// # .sink("s"); }
    /// # TestJob::new(job);
    /// ```
    ///
    /// Where a key has so many values in a batch that they do not fit one call, `f` is called several times in a row.
    #[track_caller]
    pub fn update_state_by_key<S: Data, O: Data>(
        self,
        id: &str,
        f: impl for<'a, 'c, 'o> Fn(K::Ref<'a>, Values<'a, V>, &'o mut State<S>, &'o mut Out<'c, O>) + 'static,
    ) -> Stream<O> {
        let (number, fan, stream) = self.keyed::<O>(id, Kind::UpdateStateByKey, S::schema(), Location::caller());
        self.connect_and_send(End::Keyed(id.to_owned()), None);
        let updater = UpdateState { fan, f, of: std::marker::PhantomData::<(K, V, S)> };
        self.job.inner.borrow_mut().updaters.push((number, Rc::new(updater)));
        stream
    }

    /// Calls `f` for each record, with the key's state. After `timeout` without a record, `f` is called once with no
    /// value, and then the key's state is removed.
    #[track_caller]
    pub fn map_with_state<S: Data, O: Data>(
        self,
        id: &str,
        timeout: Timeout,
        f: impl for<'a, 'c, 'o> Fn(K::Ref<'a>, Option<V::Ref<'a>>, &'o mut State<S>, &'o mut Out<'c, O>) + 'static,
    ) -> Stream<O> {
        let (number, fan, stream) = self.keyed::<O>(id, Kind::MapWithState, S::schema(), Location::caller());
        self.connect_and_send(End::Keyed(id.to_owned()), None);
        let updater = MapWithState { fan, f, timeout, of: std::marker::PhantomData::<(K, V, S)> };
        self.job.inner.borrow_mut().updaters.push((number, Rc::new(updater)));
        stream
    }

    /// Sends a part's records to an edge, those of one call and key combined. What a keyed operator emits goes as it is:
    /// there, a key appears once or twice a call.
    fn send_combined(&self, part: usize, edge: u32, f: &Rc<dyn Fn(V, V) -> V>) {
        if self.part_is_keyed(part) {
            return self.send(part, edge);
        }
        let f = Rc::clone(f);
        let scratch = std::cell::RefCell::new((Vec::new(), Vec::new()));
        self.add_step(
            part,
            Rc::new(move |record, call| {
                let (key, value) = &mut *scratch.borrow_mut();
                key.clear();
                value.clear();
                <(K, V)>::encode_row(&record, key, value);
                call.combiner(edge).add(key, |slot| match slot {
                    None => *slot = Some(std::mem::take(value)),
                    Some(before) => {
                        let read = |cell: &[u8]| V::to_owned(V::decode_cell(cell).expect("what was just written"));
                        let combined = f(read(before), read(value));
                        before.clear();
                        combined.put_cell(before);
                    }
                });
            }),
        );
    }
}
