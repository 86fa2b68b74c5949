//! Running a job's code: the guest's side of the contract, the same natively and in the sandbox.
//!
//! Invariant: a call's answer depends on its arguments alone.

use std::marker::PhantomData;
use std::rc::Rc;

use wasmstream_model::batch::{Column, ColumnBuilder, Rows};
use wasmstream_model::schema::{Data, Put};
use wasmstream_model::semantics::call::{Action, Context, GuestFailed, KeySet, StageResult, Updates};
use wasmstream_model::semantics::interpreter::Logic;
use wasmstream_model::words::Millis;

use crate::call::{Call, as_operator};
use crate::job::Job;
use crate::keyed::Timeout;
use crate::out::{Fan, Out};
use crate::state::{State, Values};

/// The code behind an edge into a stage.
pub(crate) trait Entry {
    /// Takes rows until the output is full; says how many it took.
    fn run(&self, rows: &Rows, call: &mut Call) -> u32;
}

/// The code behind a keyed operator.
pub(crate) trait Updater {
    /// Updates one key; says what to do with its state (written to `states` for a put) and with its timer.
    fn update(&self, key: &Key<'_>, states: &mut ColumnBuilder, call: &mut Call) -> (Action, Option<Option<Millis>>);
}

/// One key of a call.
pub(crate) struct Key<'a> {
    work: &'a KeySet,
    index: usize,
    timer: Option<Millis>,
}

impl<'a> Key<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.work.keys.cell(self.index)
    }

    fn state(&self) -> Option<&'a [u8]> {
        (self.work.present[self.index] == 1).then(|| self.work.states.cell(self.index))
    }

    fn values<V: Data>(&self) -> Values<'a, V> {
        Values::new(&self.work.inputs, self.index)
    }
}

impl Logic for Job {
    fn run_stage(&mut self, stage: u32, ctx: &Context, edge: u32, rows: &Rows) -> Result<StageResult, GuestFailed> {
        let entry = self.entry(edge).ok_or_else(|| unknown(&format!("edge {edge} into stage {stage}")))?;
        let mut call = self.new_call(ctx, false);
        call.expect_bytes(rows.bytes());
        let consumed = entry.run(rows, &mut call);
        let (outputs, failures) = call.finish();
        Ok(StageResult { consumed, outputs, failures })
    }

    fn update_state(&mut self, operator: u32, ctx: &Context, work: &KeySet) -> Result<Updates, GuestFailed> {
        let updater = self.updater(operator).ok_or_else(|| unknown(&format!("operator {operator}")))?;
        let mut call = self.new_call(ctx, true);
        let mut updates = Updates::default();
        let mut states = ColumnBuilder::default();
        let mut expired = work.timers.iter().peekable();
        for index in 0..work.keys.rows {
            call.at_row(index);
            let timer = expired.next_if(|(key, _)| *key == index).map(|(_, time)| *time);
            let key = Key { work, index: index as usize, timer };
            let (action, timer) = as_operator(operator, || updater.update(&key, &mut states, &mut call));
            updates.actions.push(action as u8);
            updates.timers.extend(timer.map(|timer| (index, timer)));
            updates.consumed += 1;
            if call.is_full() || states.bytes() >= ctx.max_output_bytes as usize {
                break;
            }
        }
        updates.states = states.finish();
        (updates.outputs, updates.failures) = call.finish();
        Ok(updates)
    }
}

fn unknown(what: &str) -> GuestFailed {
    GuestFailed { code: "UNKNOWN_TARGET".into(), message: format!("the job has no {what}") }
}

/// Reads rows that another stage or a keyed operator wrote.
pub(crate) struct StreamEntry<T: Data>(pub(crate) Rc<Fan<T>>);

impl<T: Data> Entry for StreamEntry<T> {
    fn run(&self, rows: &Rows, call: &mut Call) -> u32 {
        let none = Column { rows: rows.len() as u32, ..Column::default() };
        let (keys, values) = (rows.keys.as_ref().unwrap_or(&none), rows.values.as_ref().unwrap_or(&none));
        for (row, (key, value)) in (0..).zip(keys.iter().zip(values.iter())) {
            call.at_row(row);
            match T::decode_row(key, value) {
                Ok(record) => self.0.push(record, call),
                Err(error) => call.fail(&format!("the row cannot be read: {error}")),
            }
            if call.is_full() {
                return row + 1;
            }
        }
        rows.len() as u32
    }
}

/// Reads a key's state, or fails the key and leaves it as it is.
fn with_state<'k, K: Data, S: Data>(
    key: &Key<'k>,
    states: &mut ColumnBuilder,
    call: &mut Call,
    f: impl FnOnce(K::Ref<'k>, &mut State<S>, &mut Call),
) -> Action {
    let name = match K::decode_cell(key.bytes()) {
        Ok(name) => name,
        Err(error) => {
            call.fail(&format!("the key cannot be read: {error}"));
            return Action::Keep;
        }
    };
    let mut state = match State::<S>::of(key.state()) {
        Ok(state) => state,
        Err(error) => {
            call.fail(&format!("the state cannot be read: {error}"));
            return Action::Keep;
        }
    };
    f(name, &mut state, call);
    if let (Action::Put, Some(value)) = (state.action(), state.get()) {
        value.put_cell(states.open_cell());
        states.end_cell();
    }
    state.action()
}

pub(crate) struct UpdateState<F, O: Data, Of> {
    pub(crate) fan: Rc<Fan<O>>,
    pub(crate) f: F,
    pub(crate) of: PhantomData<Of>,
}

impl<F, K: Data, V: Data, S: Data, O: Data> Updater for UpdateState<F, O, (K, V, S)>
where
    F: for<'a, 'c, 'o> Fn(K::Ref<'a>, Values<'a, V>, &'o mut State<S>, &'o mut Out<'c, O>),
{
    fn update(&self, key: &Key<'_>, states: &mut ColumnBuilder, call: &mut Call) -> (Action, Option<Option<Millis>>) {
        let values = key.values::<V>();
        let action = with_state::<K, S>(key, states, call, |name, state, call| {
            (self.f)(name, values, state, &mut Out::new(&self.fan, call));
        });
        (action, None)
    }
}

pub(crate) struct MapWithState<F, O: Data, Of> {
    pub(crate) fan: Rc<Fan<O>>,
    pub(crate) f: F,
    pub(crate) timeout: Timeout,
    pub(crate) of: PhantomData<Of>,
}

impl<F, K: Data, V: Data, S: Data, O: Data> Updater for MapWithState<F, O, (K, V, S)>
where
    F: for<'a, 'c, 'o> Fn(K::Ref<'a>, Option<V::Ref<'a>>, &'o mut State<S>, &'o mut Out<'c, O>),
{
    fn update(&self, key: &Key<'_>, states: &mut ColumnBuilder, call: &mut Call) -> (Action, Option<Option<Millis>>) {
        let now = call.ctx.batch_time;
        let action = with_state::<K, S>(key, states, call, |name, state, call| {
            for value in key.values::<V>() {
                (self.f)(name.clone(), Some(value), state, &mut Out::new(&self.fan, call));
            }
            if key.timer.is_some() {
                (self.f)(name, None, state, &mut Out::new(&self.fan, call));
                state.remove();
            }
        });
        let Some(timeout) = self.timeout.0 else { return (action, None) };
        let lives = key.timer.is_none() && (action == Action::Put || (action == Action::Keep && key.state().is_some()));
        let wait = Millis::try_from(timeout.as_millis()).unwrap_or(Millis::MAX);
        (action, Some(lives.then(|| now.saturating_add(wait))))
    }
}

pub(crate) struct Reduce<K: Data, V: Data> {
    pub(crate) fan: Rc<Fan<(K, V)>>,
    pub(crate) f: Rc<dyn Fn(V, V) -> V>,
    pub(crate) of: PhantomData<K>,
}

impl<K: Data, V: Data> Updater for Reduce<K, V> {
    fn update(&self, key: &Key<'_>, states: &mut ColumnBuilder, call: &mut Call) -> (Action, Option<Option<Millis>>) {
        let values = key.values::<V>();
        let action = with_state::<K, V>(key, states, call, |name, state, call| {
            for value in values {
                let value = V::to_owned(value);
                let next = match state.remove() {
                    Some(before) => (self.f)(before, value),
                    None => value,
                };
                state.set(next);
            }
            if let Some(value) = state.get() {
                let mut slot = value.clone().slot();
                self.fan.push((K::shrink(name), <V as Put<V>>::view(&mut slot)), call);
            }
        });
        (action, None)
    }
}
