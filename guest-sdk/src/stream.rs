//! Typed streams and their stateless operators.
//!
//! An operator hangs code on the streams that it reads. Stateless operators that follow each other become one stage:
//! their closures call each other directly, and a record is only written to bytes where it leaves the stage.
//!
//! Invariant: a stream's type is the type in its schema; there is no way to connect two that differ.

use std::error::Error;
use std::panic::Location;
use std::rc::Rc;

use wasmstream_model::graph::{Kind, Layout, Node};
use wasmstream_model::schema::{Data, Put};

use crate::call::{Call, as_operator};
use crate::job::{End, Job, StageToken, Start, stateless};
use crate::out::{Fan, Out, Step, Target};
use crate::run::StreamEntry;

/// Records of type `T` on their way.
pub struct Stream<T: Data> {
    pub(crate) job: Job,
    /// What a reader of the stream attaches to; several after a union.
    parts: Vec<Part<T>>,
    /// The sources and operators that produce it.
    pub(crate) inputs: Vec<Node>,
}

struct Part<T: Data> {
    fan: Rc<Fan<T>>,
    origin: Origin,
}

enum Origin {
    /// Produced inside of a stage.
    Stage(StageToken),
    /// Produced by a keyed operator, with the stage that reads it once there is one.
    Keyed(Rc<KeyedOut>),
}

struct KeyedOut {
    operator: String,
    stage: std::cell::OnceCell<StageToken>,
    /// Where the stage's operators hang.
    entry: std::cell::OnceCell<Box<dyn std::any::Any>>,
}

impl<T: Data> Clone for Part<T> {
    fn clone(&self) -> Self {
        let origin = match &self.origin {
            Origin::Stage(token) => Origin::Stage(*token),
            Origin::Keyed(out) => Origin::Keyed(Rc::clone(out)),
        };
        Part { fan: Rc::clone(&self.fan), origin }
    }
}

/// A clone is the same stream, for a second reader.
impl<T: Data> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Stream { job: self.job.clone(), parts: self.parts.clone(), inputs: self.inputs.clone() }
    }
}

impl<T: Data> Part<T> {
    /// The stage in which a reader of this part runs, and the fan that it hangs on.
    fn stage_entry(&self, job: &Job) -> (StageToken, Rc<Fan<T>>) {
        let keyed = match &self.origin {
            Origin::Stage(token) => return (*token, Rc::clone(&self.fan)),
            Origin::Keyed(keyed) => keyed,
        };
        let stage = *keyed.stage.get_or_init(|| job.new_stage());
        let entry = keyed.entry.get_or_init(|| {
            let fan = Rc::new(Fan::<T>::default());
            let from = Start::Keyed(keyed.operator.clone());
            let edge = job.add_edge(from, End::Stage(stage), row_layout::<T>(), T::schema());
            self.fan.add(Target::Edge(edge));
            job.inner.borrow_mut().entries.push((edge, Rc::new(StreamEntry(Rc::clone(&fan)))));
            Box::new(fan)
        });
        let fan = entry.downcast_ref::<Rc<Fan<T>>>().expect("made above with this type");
        (stage, Rc::clone(fan))
    }

    fn start(&self) -> Start {
        match &self.origin {
            Origin::Stage(token) => Start::Stage(*token),
            Origin::Keyed(keyed) => Start::Keyed(keyed.operator.clone()),
        }
    }
}

/// Pairs travel as key and value, everything else as values.
fn row_layout<T: Data>() -> Layout {
    if T::PAIR { Layout::Pairs } else { Layout::Values }
}

impl<T: Data> Stream<T> {
    pub(crate) fn from_stage(job: Job, fan: Rc<Fan<T>>, stage: StageToken, producer: Node) -> Self {
        Stream { job, parts: vec![Part { fan, origin: Origin::Stage(stage) }], inputs: vec![producer] }
    }

    pub(crate) fn from_keyed(job: Job, fan: Rc<Fan<T>>, operator: &str) -> Self {
        let keyed = KeyedOut { operator: operator.to_owned(), stage: Default::default(), entry: Default::default() };
        let parts = vec![Part { fan, origin: Origin::Keyed(Rc::new(keyed)) }];
        Stream { job, parts, inputs: vec![Node::Operator(operator.to_owned())] }
    }

    /// Connects every part to a keyed operator or a sink; gives the edges.
    pub(crate) fn connect(&self, to: End, layout: Option<Layout>) -> Vec<u32> {
        let layout = layout.unwrap_or_else(row_layout::<T>);
        let edges = self.parts.iter().map(|part| self.job.add_edge(part.start(), to.clone(), layout, T::schema()));
        edges.collect()
    }

    /// Sends a part's records to an edge.
    pub(crate) fn send(&self, part: usize, edge: u32) {
        self.parts[part].fan.add(Target::Edge(edge));
    }

    /// Connects every part to a keyed operator or a sink and sends the records there.
    pub(crate) fn connect_and_send(&self, to: End, layout: Option<Layout>) {
        for (part, edge) in self.connect(to, layout).into_iter().enumerate() {
            self.send(part, edge);
        }
    }

    /// Sends every part's records through a step of the stage that they are in, or of a new one.
    pub(crate) fn add_step(&self, part: usize, step: Step<T>) {
        let (_, fan) = self.parts[part].stage_entry(&self.job);
        fan.add(Target::Step(step));
    }

    /// Whether part `n` comes right out of a keyed operator.
    pub(crate) fn part_is_keyed(&self, part: usize) -> bool {
        matches!(self.parts[part].origin, Origin::Keyed(_))
    }

    fn operator<O: Data>(
        self,
        id: &str,
        kind: Kind,
        at: &'static Location<'static>,
        make: impl FnOnce(Rc<Fan<O>>) -> Step<T>,
    ) -> Stream<O> {
        let entries: Vec<_> = self.parts.iter().map(|part| part.stage_entry(&self.job)).collect();
        let stage = entries.iter().map(|(stage, _)| *stage).reduce(|a, b| self.job.merge_stages(a, b));
        let stage = stage.expect("a stream has at least one part");
        let spec = stateless(id, kind, self.inputs, O::schema());
        let number = self.job.add_operator(spec, Some(stage), at);
        let fan = Rc::new(Fan::default());
        let inner = make(Rc::clone(&fan));
        let step: Step<T> = Rc::new(move |record, call| as_operator(number, || inner(record, call)));
        for (_, entry) in entries {
            entry.add(Target::Step(Rc::clone(&step)));
        }
        Stream::from_stage(self.job, fan, stage, Node::Operator(id.to_owned()))
    }

    /// Turns each record into another.
    #[track_caller]
    pub fn map<O: Data>(self, id: &str, f: impl for<'a> Fn(T::Ref<'a>) -> O + 'static) -> Stream<O> {
        self.operator(id, Kind::Map, Location::caller(), move |fan| {
            Rc::new(move |record, call| Out::new(&fan, call).emit(f(record)))
        })
    }

    /// Turns each record into another, or says why it cannot: any error will do, `?` turns it into the right one.
    #[track_caller]
    pub fn try_map<O: Data>(
        self,
        id: &str,
        f: impl for<'a> Fn(T::Ref<'a>) -> Result<O, Box<dyn Error>> + 'static,
    ) -> Stream<O> {
        self.operator(id, Kind::Map, Location::caller(), move |fan| {
            Rc::new(move |record, call| match f(record) {
                Ok(record) => Out::new(&fan, call).emit(record),
                Err(error) => call.fail(&error.to_string()),
            })
        })
    }

    /// Lets the records pass for which `f` is true.
    #[track_caller]
    pub fn filter(self, id: &str, f: impl for<'a, 'r> Fn(&'r T::Ref<'a>) -> bool + 'static) -> Stream<T> {
        self.operator(id, Kind::Filter, Location::caller(), move |fan| {
            Rc::new(move |record, call: &mut Call| {
                if f(&record) {
                    fan.push(record, call);
                }
            })
        })
    }

    /// Turns each record into any number of others. What is emitted may borrow from the record:
    /// `|line, out| for word in line.split_whitespace() { out.emit((word, 1)) }`.
    #[track_caller]
    pub fn flat_map<O: Data>(
        self,
        id: &str,
        f: impl for<'a, 'c, 'o> Fn(T::Ref<'a>, &'o mut Out<'c, O>) + 'static,
    ) -> Stream<O> {
        self.operator(id, Kind::FlatMap, Location::caller(), move |fan| {
            Rc::new(move |record, call| f(record, &mut Out::new(&fan, call)))
        })
    }

    /// Puts a key beside each record.
    #[track_caller]
    pub fn key_by<K: Data>(self, id: &str, f: impl for<'a, 'r> Fn(&'r T::Ref<'a>) -> K + 'static) -> Stream<(K, T)> {
        self.operator(id, Kind::KeyBy, Location::caller(), move |fan: Rc<Fan<(K, T)>>| {
            Rc::new(move |record, call| {
                let mut key = f(&record).slot();
                fan.push((<K as Put<K>>::view(&mut key), T::shrink(record)), call);
            })
        })
    }

    /// This stream's records and another's: what reads the result reads both.
    pub fn union(mut self, other: Stream<T>) -> Stream<T> {
        self.parts.extend(other.parts);
        let more = other.inputs.into_iter().filter(|input| !self.inputs.contains(input)).collect::<Vec<_>>();
        self.inputs.extend(more);
        self
    }

    /// Sends the records to a sink. What it is connected to is said when the job is run: `--sink NAME=URL`.
    pub fn sink(self, name: &str) {
        self.job.add_sink(name, T::schema(), self.inputs.clone());
        self.connect_and_send(End::Sink(name.to_owned()), None);
    }
}
