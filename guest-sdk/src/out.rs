//! Where an operator's records go: [`Out`], which an author's closure gets, and the fan behind it.
//!
//! Invariant: records leave an operator in the order in which they were emitted.

use std::cell::RefCell;
use std::fmt::Display;
use std::marker::PhantomData;
use std::rc::Rc;

use wasmstream_model::graph::Layout;
use wasmstream_model::schema::{Data, Put};
use wasmstream_model::words::{BatchId, Millis};

use crate::call::Call;

/// A stateless operator, ready to take a record.
pub(crate) type Step<T> = Rc<dyn for<'a> Fn(<T as Data>::Ref<'a>, &mut Call)>;

/// A place that takes the records of a stream.
pub(crate) enum Target<T: Data> {
    /// An edge that leaves the stage or the keyed operator.
    Edge(u32),
    /// An operator of the same stage.
    Step(Step<T>),
}

/// All places that take the records of a stream.
pub(crate) struct Fan<T: Data> {
    targets: RefCell<Vec<Target<T>>>,
}

impl<T: Data> Default for Fan<T> {
    fn default() -> Self {
        Fan { targets: RefCell::new(Vec::new()) }
    }
}

impl<T: Data> Fan<T> {
    pub(crate) fn add(&self, target: Target<T>) {
        self.targets.borrow_mut().push(target);
    }

    #[inline]
    pub(crate) fn push(&self, record: T::Ref<'_>, call: &mut Call) {
        let targets = self.targets.borrow();
        match targets.as_slice() {
            [Target::Edge(edge)] => write::<T>(*edge, &record, call),
            [Target::Step(step)] => step(record, call),
            many => push_many(many, &record, call),
        }
    }
}

fn push_many<T: Data>(targets: &[Target<T>], record: &T::Ref<'_>, call: &mut Call) {
    for target in targets {
        match target {
            Target::Edge(edge) => write::<T>(*edge, record, call),
            Target::Step(step) => step(record.clone(), call),
        }
    }
}

#[inline]
fn write<T: Data>(edge: u32, record: &T::Ref<'_>, call: &mut Call) {
    call.add_row(edge, |layout, keys, values| match layout {
        Layout::Keys => T::encode_key(record, keys),
        Layout::Pairs | Layout::Values => T::encode_row(record, keys, values),
    });
}

/// Takes what an operator emits.
pub struct Out<'c, O: Data> {
    fan: &'c Fan<O>,
    call: &'c mut Call,
    emits: PhantomData<O>,
}

impl<'c, O: Data> Out<'c, O> {
    #[inline]
    pub(crate) fn new(fan: &'c Fan<O>, call: &'c mut Call) -> Self {
        Out { fan, call, emits: PhantomData }
    }

    /// Emits a record: an `O`, or a borrowed form of one (`&str` for `String`, a tuple of such, …).
    #[inline]
    pub fn emit(&mut self, record: impl Put<O>) {
        fn put<O: Data, P: Put<O>>(record: P, fan: &Fan<O>, call: &mut Call) {
            let mut slot = record.slot();
            fan.push(P::view(&mut slot), call);
        }
        put(record, self.fan, self.call);
    }

    /// Says that the present record cannot be processed, and why. What was already emitted for it stays; whether the job
    /// goes on is for the job's configuration to say.
    pub fn fail(&mut self, reason: impl Display) {
        self.call.fail(&reason.to_string());
    }

    /// The micro-batch.
    pub fn batch(&self) -> BatchId {
        self.call.ctx.batch
    }

    /// The batch's time in milliseconds since 1970: the only present that there is.
    pub fn batch_time(&self) -> Millis {
        self.call.ctx.batch_time
    }

    /// No event older than this is expected any more.
    pub fn watermark(&self) -> Option<Millis> {
        self.call.ctx.watermark
    }
}
