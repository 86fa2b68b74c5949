//! Keyed operators of the guest's own: rows are grouped by key as they arrive; at the end of the batch the guest gets
//! whole keys with all their values, and says what becomes of their state.
//!
//! Invariant: the calls of a batch are the same for any number of workers: keys are worked off in the order of key group
//! and encoded key, a call never goes beyond a part, and values stand in the order of their packets.

use std::collections::BTreeSet;

use wasmstream_model::batch::{ColumnBuilder, Rows, key_hash};
use wasmstream_model::graph::Node;
use wasmstream_model::schema::Value;
use wasmstream_model::semantics::call::{Action, Context, Failure, Grouped, KeySet, Updates};
use wasmstream_model::words::{Millis, limits};

use super::counters::Phase;
use super::fault::Fault;
use super::grouping::{Arrived, Values, group_input};
use super::operator::{BatchInfo, Emit, Env, Operator};
use super::packet::{BLOCK, Packet};
use super::stages::report_failures;
use super::staging::FailedRecord;
use super::state::{KeyIndex, SlotId};
use super::touched::{self, Touched};
use crate::guest::CallReport;

/// The bytes of keys, states and values at which a call's input is closed; well below what a call may carry.
const CALL_BYTES: usize = limits::CALL_INPUT_BYTES / 2;

#[derive(Default)]
struct Kept {
    state: Option<Box<[u8]>>,
    timer: Option<Millis>,
    /// The key's group.
    group: u32,
    /// The stamp of the batch that last touched the key; 0 for none.
    touched: u32,
    /// The key's place among the keys that the batch touched.
    local: u32,
}

/// A keyed operator of the guest's on a worker.
pub struct UpdateOperator {
    env: Env,
    id: String,
    number: u32,
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    stop_on_failure: bool,
    index: KeyIndex<Kept>,
    timers: BTreeSet<(Millis, SlotId)>,
    touched: Vec<Touched>,
    arrived: Vec<Arrived>,
    /// Bytes that arrived.
    held: u64,
}

impl UpdateOperator {
    /// The operator `id` of the job's graph.
    pub fn new(env: Env, id: &str, stop_on_failure: bool) -> Self {
        let node = Node::Operator(id.to_owned());
        let (number, _) = env.graph.operator(id).expect("the graph names its operators");
        let inputs = env.graph.edges_into(&node).map(|(edge, _)| edge).collect();
        let outputs = env.graph.edges_out_of(&node).map(|(edge, _)| edge).collect();
        UpdateOperator {
            env,
            id: id.to_owned(),
            number,
            inputs,
            outputs,
            stop_on_failure,
            index: KeyIndex::default(),
            timers: BTreeSet::new(),
            touched: Vec::new(),
            arrived: Vec::new(),
            held: 0,
        }
    }

    /// Looks up the keys of a packet.
    fn look_up(&mut self, batch: &BatchInfo, input: usize, packet: Packet) {
        let Some(keys) = &packet.rows.keys else { return };
        let stamp = touched::stamp(batch.id);
        let mut locals = Vec::with_capacity(packet.len());
        let mut slots = [0; BLOCK];
        let Ok(()) = packet.each_block(|block| {
            self.index.slots_of(&keys.data, block, &mut slots);
            for (span, slot) in block.iter().zip(slots) {
                let kept = self.index.payload_mut(slot);
                if kept.touched != stamp {
                    if kept.touched == 0 {
                        kept.group =
                            self.env.partitioning.group(key_hash(&keys.data[span.start as usize..span.end as usize]));
                    }
                    kept.touched = stamp;
                    kept.local = self.touched.len() as u32;
                    self.touched.push((kept.group, slot));
                }
                locals.push(kept.local);
            }
            Ok::<(), std::convert::Infallible>(())
        });
        self.arrived.push(Arrived { input, order: packet.order(), locals, values: packet.into_values() });
    }

    /// Groups the values of all inputs by the keys' final places.
    fn group(&mut self) -> Vec<Values> {
        touched::sort(&mut self.touched, &self.index);
        let mut place_of = vec![0_u32; self.touched.len()];
        for (place, (_, slot)) in (0..).zip(&self.touched) {
            place_of[self.index.payload(*slot).local as usize] = place;
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.sort_by_key(|packet| (packet.input, packet.order));
        let inputs = self.inputs.iter().enumerate().map(|(input, edge)| {
            let packets: Vec<&Arrived> = arrived.iter().filter(|packet| packet.input == input).collect();
            group_input(*edge, &packets, &place_of)
        });
        inputs.collect()
    }

    /// Calls the guest for keys `from..to` of `keys`, which are all of one part, as often as it needs.
    #[expect(clippy::too_many_arguments, reason = "one run of keys with all that belongs to it")]
    fn update_keys(
        &mut self,
        batch: &BatchInfo,
        ctx: &Context,
        keys: &[Touched],
        values: &[Values],
        (from, to): (usize, usize),
        chunk: u32,
        sub: &mut u64,
        timers: Option<&[Millis]>,
        emit: &mut Emit<'_>,
    ) -> Result<(), Fault> {
        let mut at = from;
        while at < to {
            let end = self.call_end(keys, values, at, to);
            if end == at + 1 && values.iter().map(|input| input.bytes(at)).sum::<usize>() > CALL_BYTES {
                self.update_hot_key(batch, ctx, keys, values, at, chunk, sub, emit)?;
                at = end;
                continue;
            }
            let mut work = self.key_set(&keys[at..end]);
            work.inputs = values.iter().map(|input| input.window(at, end)).collect();
            if let Some(times) = timers {
                work.timers = (0..).zip(times[at..end].iter().copied()).collect();
            }
            let updates = self.call(batch, ctx, &work)?;
            let consumed = updates.consumed as usize;
            self.apply(batch, &keys[at..at + consumed], &work, updates, chunk, sub, emit)?;
            at += consumed;
        }
        Ok(())
    }

    /// A key with more values than fit a call: several calls, one after another, each with the state of the one before.
    #[expect(clippy::too_many_arguments, reason = "one key with all that belongs to it")]
    fn update_hot_key(
        &mut self,
        batch: &BatchInfo,
        ctx: &Context,
        keys: &[Touched],
        values: &[Values],
        at: usize,
        chunk: u32,
        sub: &mut u64,
        emit: &mut Emit<'_>,
    ) -> Result<(), Fault> {
        let total: usize = values.iter().map(|input| input.count(at)).sum();
        let bytes: usize = values.iter().map(|input| input.bytes(at)).sum();
        let rows = (total * CALL_BYTES / bytes.max(1)).max(1);
        let mut left = total;
        for input in values {
            let (mut start, stop) = (input.starts[at] as usize, input.starts[at + 1] as usize);
            while start < stop {
                let end = (start + rows).min(stop);
                left -= end - start;
                let mut work = self.key_set(&keys[at..=at]);
                let slice = Rows::of_values(input.column.slice(start, end));
                work.inputs = vec![Grouped { edge: input.edge, starts: vec![0, (end - start) as u32], rows: slice }];
                work.continues = left > 0;
                let updates = self.call(batch, ctx, &work)?;
                self.apply(batch, &keys[at..=at], &work, updates, chunk, sub, emit)?;
                start = end;
            }
        }
        Ok(())
    }

    /// Where the call that starts with key `at` ends.
    fn call_end(&self, keys: &[Touched], values: &[Values], at: usize, to: usize) -> usize {
        let mut bytes = 0;
        let mut end = at;
        while end < to {
            let state = self.index.payload(keys[end].1).state.as_ref().map_or(0, |state| state.len());
            bytes += 32 + state + values.iter().map(|input| input.bytes(end)).sum::<usize>();
            if bytes > CALL_BYTES && end > at {
                break;
            }
            end += 1;
        }
        end
    }

    fn key_set(&self, keys: &[Touched]) -> KeySet {
        let mut names = ColumnBuilder::with_capacity(keys.len(), 16 * keys.len());
        let mut states = ColumnBuilder::with_capacity(keys.len(), 16 * keys.len());
        let mut present = Vec::with_capacity(keys.len());
        for (_, slot) in keys {
            self.index.append_key(*slot, names.open_cell());
            names.end_cell();
            let state = &self.index.payload(*slot).state;
            present.push(u8::from(state.is_some()));
            states.push(state.as_deref().unwrap_or_default());
        }
        KeySet { keys: names.finish(), states: states.finish(), present, ..KeySet::default() }
    }

    fn call(&self, batch: &BatchInfo, ctx: &Context, work: &KeySet) -> Result<Updates, Fault> {
        let mut report = CallReport::default();
        let updates = self.env.guest.update_state(self.number, ctx, work, &mut report);
        self.env.called(batch, report);
        updates.map_err(|error| Fault::Call { batch: batch.id, place: format!("operator `{}`", self.id), error })
    }

    #[expect(clippy::too_many_arguments, reason = "one answer with all that belongs to it")]
    fn apply(
        &mut self,
        batch: &BatchInfo,
        keys: &[Touched],
        work: &KeySet,
        updates: Updates,
        chunk: u32,
        sub: &mut u64,
        emit: &mut Emit<'_>,
    ) -> Result<(), Fault> {
        let failures = updates.failures.iter().map(|failure| self.failed(batch, chunk, work, failure)).collect();
        report_failures(&self.env, batch, failures, self.stop_on_failure)?;
        let (mut puts, mut grown_keys, mut grown_bytes) = (updates.states.iter(), 0_i64, 0_i64);
        for (place, (_, slot)) in keys.iter().enumerate() {
            let key_bytes = work.keys.cell(place).len() as i64;
            let kept = self.index.payload_mut(*slot);
            let before = kept.state.as_ref().map(|state| state.len() as i64);
            match updates.actions[place] {
                a if a == Action::Put as u8 => {
                    let new = puts.next().unwrap_or_default();
                    match &mut kept.state {
                        Some(old) if old.len() == new.len() => old.copy_from_slice(new),
                        slot => *slot = Some(new.into()),
                    }
                    grown_keys += i64::from(before.is_none());
                    grown_bytes += new.len() as i64 - before.unwrap_or(-key_bytes);
                }
                a if a == Action::Remove as u8 => {
                    kept.state = None;
                    grown_keys -= i64::from(before.is_some());
                    grown_bytes -= before.map_or(0, |bytes| bytes + key_bytes);
                    self.set_timer(*slot, None);
                }
                _ => {}
            }
        }
        for (place, timer) in &updates.timers {
            if let Some((_, slot)) = keys.get(*place as usize) {
                self.set_timer(*slot, *timer);
            }
        }
        self.env.counters.state_changed(grown_keys, grown_bytes);
        for output in updates.outputs {
            let out = self.outputs.iter().position(|edge| *edge == output.edge);
            let out = out.expect("an answer that was checked names edges of the operator");
            emit(out, Packet { chunk, sub: *sub, rows: output.rows.into(), ..Packet::default() });
        }
        *sub += 1;
        Ok(())
    }

    fn set_timer(&mut self, slot: SlotId, timer: Option<Millis>) {
        let kept = self.index.payload_mut(slot);
        if let Some(before) = std::mem::replace(&mut kept.timer, timer) {
            self.timers.remove(&(before, slot));
        }
        self.timers.extend(timer.map(|time| (time, slot)));
    }

    fn failed(&self, batch: &BatchInfo, chunk: u32, work: &KeySet, failure: &Failure) -> FailedRecord {
        let schema = self.env.graph.spec().operators[self.number as usize].key.clone();
        let key = schema.and_then(|schema| {
            Some(Value::read_cell(&schema, work.keys.cell(failure.row as usize)).ok()?.to_json(&schema).to_string())
        });
        FailedRecord {
            batch: batch.id.0,
            chunk,
            row: u64::from(failure.row),
            operator: self.id.clone(),
            source: None,
            message: failure.message.clone(),
            record: key.unwrap_or_default(),
        }
    }

    /// Timers that are due, as keys in the order of part, time, key group and key.
    fn due(&mut self, now: Millis) -> (Vec<Touched>, Vec<Millis>) {
        let mut due: Vec<(u32, Millis, u32, SlotId)> = Vec::new();
        while let Some((time, slot)) = self.timers.first().copied().filter(|(time, _)| *time <= now) {
            self.timers.pop_first();
            self.index.payload_mut(slot).timer = None;
            let group = self.index.payload(slot).group;
            due.push((self.env.partitioning.part(group), time, group, slot));
        }
        due.sort_unstable_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then_with(|| self.index.compare(a.3, b.3)));
        due.into_iter().map(|(_, time, group, slot)| ((group, slot), time)).unzip()
    }

    /// Forgets keys that have neither state nor timer.
    fn forget_empty(&mut self, keys: &[Touched]) {
        for (_, slot) in keys {
            let kept = self.index.payload(*slot);
            if kept.state.is_none() && kept.timer.is_none() {
                self.index.remove(*slot);
            }
        }
    }
}

impl Operator for UpdateOperator {
    fn take(&mut self, batch: &BatchInfo, input: usize, packet: Packet, _emit: &mut Emit<'_>) -> Result<(), Fault> {
        let env = self.env.clone();
        env.timed(Phase::State, || self.look_up(batch, input, packet));
        let bytes = self.arrived.last().map_or(0, Arrived::bytes);
        self.held += bytes as u64;
        env.hold(batch, || format!("operator `{}`", self.id), bytes)
    }

    fn finish(&mut self, batch: &BatchInfo, emit: &mut Emit<'_>) -> Result<(), Fault> {
        let env = self.env.clone();
        let ctx = env.context(batch);
        let values = env.timed(Phase::State, || self.group());
        env.held.give(std::mem::take(&mut self.held));
        let keys = std::mem::take(&mut self.touched);
        for (part, from, to) in touched::parts(&keys, env.partitioning) {
            self.update_keys(batch, &ctx, &keys, &values, (from, to), part, &mut 0, None, emit)?;
        }
        let (due, times) = self.due(batch.time);
        for (part, from, to) in touched::parts(&due, env.partitioning) {
            let chunk = env.partitioning.parts + part;
            self.update_keys(batch, &ctx, &due, &[], (from, to), chunk, &mut 0, Some(&times), emit)?;
        }
        env.timed(Phase::State, || {
            self.forget_empty(&keys);
            self.forget_empty(&due);
        });
        Ok(())
    }

    fn waits(&self) -> bool {
        true
    }
}
