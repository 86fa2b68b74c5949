//! What the scheduler and the workers share: chunks to work on, batches that are planned, and the first fault.
//!
//! Invariant: chunks are handed out in the order of the plan; any worker may take any chunk, because results do not depend
//! on which one does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use crossbeam_channel::Sender;

use super::fault::Fault;
use super::operator::BatchInfo;
use super::packet::Packet;

/// A chunk of a planned batch.
#[derive(Debug)]
pub struct Chunk {
    /// The batch's number.
    pub batch: u64,
    /// The source, by its place in the job spec.
    pub source: usize,
    /// The rows.
    pub packet: Packet,
}

/// What a worker is to do.
#[derive(Debug)]
pub enum Work {
    /// Run this chunk.
    Chunk(Chunk),
    /// Nothing now; there will be no more chunks of batches before `floor`.
    Idle {
        /// The first batch that may still get chunks.
        floor: u64,
    },
    /// Nothing, ever.
    Closed,
}

/// What workers tell the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// All batches before this one are complete.
    CompleteBefore(u64),
    /// A fault was noted.
    Failed,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    batches: BTreeMap<u64, Arc<BatchInfo>>,
    planned: u64,
    closed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Shared {
    queue: Mutex<Queue>,
    failed: AtomicBool,
    fault: Mutex<Option<Fault>>,
    reports: Sender<Report>,
    threads: Mutex<Vec<Thread>>,
}

impl Shared {
    /// Shared state whose workers report to `reports`.
    pub fn new(reports: Sender<Report>) -> Self {
        Shared {
            queue: Mutex::default(),
            failed: AtomicBool::new(false),
            fault: Mutex::new(None),
            reports,
            threads: Mutex::default(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker says that it is there, to be woken when there is work.
    pub fn join(&self, thread: Thread) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    fn wake(&self) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Thread::unpark);
    }

    /// Hands a batch to the workers.
    pub fn plan(&self, info: BatchInfo, chunks: impl IntoIterator<Item = (usize, Packet)>) {
        let batch = info.id.0;
        let mut queue = self.queue();
        queue.batches.insert(batch, Arc::new(info));
        queue.chunks.extend(chunks.into_iter().map(|(source, packet)| Chunk { batch, source, packet }));
        queue.planned = batch + 1;
        drop(queue);
        self.wake();
    }

    /// No more batches will come.
    pub fn close(&self) {
        self.queue().closed = true;
        self.wake();
    }

    /// Something to do.
    pub fn take(&self) -> Work {
        let mut queue = self.queue();
        match queue.chunks.pop_front() {
            Some(chunk) => Work::Chunk(chunk),
            None if queue.closed => Work::Closed,
            None => Work::Idle { floor: queue.planned },
        }
    }

    /// What batch `batch` runs under; none where it was not planned.
    pub fn batch(&self, batch: u64) -> Option<Arc<BatchInfo>> {
        self.queue().batches.get(&batch).cloned()
    }

    /// How many batches have been planned.
    pub fn planned(&self) -> u64 {
        self.queue().planned
    }

    /// All batches before this one are complete.
    pub fn complete_before(&self, batch: u64) {
        self.queue().batches.retain(|id, _| *id >= batch);
        // The scheduler is gone only when the run has ended.
        let _ = self.reports.send(Report::CompleteBefore(batch));
    }

    /// Notes a fault; the first one counts.
    pub fn fail(&self, fault: Fault) {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        self.failed.store(true, Ordering::SeqCst);
        let _ = self.reports.send(Report::Failed);
        self.wake();
    }

    /// Whether a fault was noted.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Takes the fault.
    pub fn take_fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
