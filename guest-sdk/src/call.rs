//! A call while it runs: what it knows, where it is, and what it has collected so far.
//!
//! Invariant: a call starts from nothing; nothing of it is left when it ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasmstream_model::batch::{ColumnBuilder, Rows, RowsBuilder};
use wasmstream_model::graph::Layout;
use wasmstream_model::semantics::call::{Context, Failure, Output};
use wasmstream_model::words::limits;

use crate::combine::Combiner;

thread_local! {
    static OPERATOR: Cell<Option<u32>> = const { Cell::new(None) };
    static ROW: Cell<Option<u32>> = const { Cell::new(None) };
    static CONTEXT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
}

/// Which operator and row the running call is at; the panic hook and the log read it.
pub(crate) fn place() -> (Option<u32>, Option<u32>) {
    (OPERATOR.get(), ROW.get())
}

/// The context of the running call.
pub(crate) fn context() -> Option<Rc<Context>> {
    CONTEXT.with_borrow(Option::clone)
}

/// Runs `f` as operator `number`.
#[inline]
pub(crate) fn as_operator<R>(number: u32, f: impl FnOnce() -> R) -> R {
    let before = OPERATOR.replace(Some(number));
    let result = f();
    OPERATOR.set(before);
    result
}

/// A running call.
pub struct Call {
    pub(crate) ctx: Rc<Context>,
    edges: Vec<EdgeOut>,
    failures: Vec<Failure>,
    keeps_origins: bool,
}

/// What goes out on one edge.
struct EdgeOut {
    layout: Layout,
    rows: RowsBuilder,
    origins: Vec<u32>,
    combiner: Option<Combiner>,
}

impl Call {
    /// A call over a graph whose edges have these layouts. With `keeps_origins`, rows remember the input row that they came from.
    pub(crate) fn new(ctx: &Context, layouts: impl Iterator<Item = Layout>, keeps_origins: bool) -> Call {
        let ctx = Rc::new(ctx.clone());
        CONTEXT.set(Some(Rc::clone(&ctx)));
        let edges =
            layouts.map(|layout| EdgeOut { layout, rows: RowsBuilder::default(), origins: Vec::new(), combiner: None });
        Call { ctx, edges: edges.collect(), failures: Vec::new(), keeps_origins }
    }

    /// Says which row or key is being processed.
    #[inline]
    pub(crate) fn at_row(&mut self, row: u32) {
        ROW.set(Some(row));
    }

    /// Adds a row to an edge: `write` gets the key's and the value's bytes to append to.
    #[inline(always)]
    pub(crate) fn add_row(&mut self, edge: u32, write: impl FnOnce(Layout, &mut Vec<u8>, &mut Vec<u8>)) {
        let out = &mut self.edges[edge as usize];
        write(out.layout, out.rows.keys.open_cell(), out.rows.values.open_cell());
        if out.layout.has_keys() {
            out.rows.keys.end_cell();
        }
        if out.layout.has_values() {
            out.rows.values.end_cell();
        }
        if self.keeps_origins {
            out.origins.push(ROW.get().unwrap_or(0));
        }
    }

    /// Makes room for output of about `bytes` bytes, so that columns need not grow: each growth is a copy, and in the sandbox
    /// a call into the engine. Untouched room costs next to nothing.
    pub(crate) fn expect_bytes(&mut self, bytes: usize) {
        let each = bytes / self.edges.len().max(1);
        for out in &mut self.edges {
            out.rows.keys = ColumnBuilder::with_capacity(each / 6, if out.layout.has_keys() { each } else { 0 });
            out.rows.values = ColumnBuilder::with_capacity(0, if out.layout.has_values() { each / 4 } else { 0 });
        }
    }

    /// The combiner of an edge, made on first use.
    pub(crate) fn combiner(&mut self, edge: u32) -> &mut Combiner {
        self.edges[edge as usize].combiner.get_or_insert_default()
    }

    /// Notes that the present record cannot be processed.
    pub(crate) fn fail(&mut self, message: &str) {
        let mut end = message.len().min(limits::MESSAGE_BYTES);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let (operator, row) = place();
        self.failures.push(Failure { row: row.unwrap_or(0), operator, message: message[..end].to_owned() });
    }

    /// Whether the output has reached the bound that the host set.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        let out = self.edges.iter().map(|edge| edge.rows.bytes() + edge.combiner.as_ref().map_or(0, Combiner::bytes));
        out.sum::<usize>() >= self.ctx.max_output_bytes as usize
    }

    /// What the call has collected.
    pub(crate) fn finish(self) -> (Vec<Output>, Vec<Failure>) {
        OPERATOR.set(None);
        ROW.set(None);
        CONTEXT.set(None);
        let outputs = (0..).zip(self.edges).filter_map(|(edge, mut out)| {
            if let Some(combiner) = out.combiner {
                combiner.into_rows(&mut out.rows);
                out.origins.clear();
            }
            let keys = out.layout.has_keys().then(|| out.rows.keys.finish());
            let values = out.layout.has_values().then(|| out.rows.values.finish());
            let rows = Rows { keys, values, times: None };
            (!rows.is_empty()).then_some(Output { edge, rows, origins: out.origins })
        });
        (outputs.collect(), self.failures)
    }
}
