//! The last operator: encodes rows for a sink and stages them.

use wasmstream_model::graph::Node;

use super::counters::Phase;
use super::fault::Fault;
use super::operator::{BatchInfo, Emit, Env, Operator};
use super::packet::Packet;
use super::staging::Part;
use crate::sink::Encoder;

/// A sink's encoder on a worker.
pub struct SinkOperator {
    env: Env,
    name: String,
    inputs: Vec<u32>,
    encoder: Encoder,
}

impl SinkOperator {
    /// The sink `name` of the job's graph.
    pub fn new(env: Env, name: &str, encoder: Encoder) -> Self {
        let inputs = env.graph.edges_into(&Node::Sink(name.to_owned())).map(|(edge, _)| edge).collect();
        SinkOperator { env, name: name.to_owned(), inputs, encoder }
    }
}

impl Operator for SinkOperator {
    fn take(&mut self, batch: &BatchInfo, input: usize, packet: Packet, _emit: &mut Emit<'_>) -> Result<(), Fault> {
        let mut bytes = Vec::with_capacity(packet.rows.bytes() * 2);
        let encoded = self.env.timed(Phase::Encode, || self.encoder.encode(&packet.rows, &mut bytes));
        encoded.map_err(|error| Fault::SinkRow { batch: batch.id, sink: self.name.clone(), error })?;
        let rows = packet.rows.len() as u64;
        self.env.hold(batch, || format!("sink `{}`", self.name), bytes.len())?;
        let part = Part { order: (self.inputs[input], packet.order()), bytes, rows };
        self.env.staging.add(batch.id, &self.name, part);
        Ok(())
    }
}
