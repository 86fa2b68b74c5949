//! What the author's function of a key sees: the key's new values and its state.

use std::marker::PhantomData;

use wasmstream_model::batch::Column;
use wasmstream_model::schema::{Data, DecodeError};
use wasmstream_model::semantics::call::{Action, Grouped};

/// The state of one key. What is not touched stays as it is.
#[derive(Debug)]
pub struct State<S> {
    value: Option<S>,
    existed: bool,
    touched: bool,
}

impl<S: Data> State<S> {
    pub(crate) fn of(cell: Option<&[u8]>) -> Result<Self, DecodeError> {
        let value = cell.map(S::decode_cell).transpose()?.map(S::to_owned);
        Ok(State { existed: value.is_some(), value, touched: false })
    }

    /// The state, if the key has any.
    pub fn get(&self) -> Option<&S> {
        self.value.as_ref()
    }

    /// The state to change, if the key has any.
    pub fn get_mut(&mut self) -> Option<&mut S> {
        self.touched = true;
        self.value.as_mut()
    }

    /// The state to change; the default where the key has none.
    pub fn get_or_default(&mut self) -> &mut S
    where
        S: Default,
    {
        self.get_or_insert_with(S::default)
    }

    /// The state to change; what `make` gives where the key has none.
    pub fn get_or_insert_with(&mut self, make: impl FnOnce() -> S) -> &mut S {
        self.touched = true;
        self.value.get_or_insert_with(make)
    }

    /// Replaces the state.
    pub fn set(&mut self, value: S) {
        self.touched = true;
        self.value = Some(value);
    }

    /// Removes the key's state.
    pub fn remove(&mut self) -> Option<S> {
        self.touched = true;
        self.value.take()
    }

    /// Whether the key has state.
    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn action(&self) -> Action {
        match (&self.value, self.touched) {
            (_, false) => Action::Keep,
            (Some(_), true) => Action::Put,
            (None, true) if self.existed => Action::Remove,
            (None, true) => Action::Keep,
        }
    }
}

/// The new values of one key, in order.
pub struct Values<'a, V> {
    inputs: &'a [Grouped],
    key: usize,
    /// The column at hand, and its width where all its cells have one.
    column: Option<&'a Column>,
    width: Option<usize>,
    next: usize,
    end: usize,
    of: PhantomData<V>,
}

impl<'a, V: Data> Values<'a, V> {
    pub(crate) fn new(inputs: &'a [Grouped], key: usize) -> Self {
        let mut values = Values { inputs, key, column: None, width: None, next: 0, end: 0, of: PhantomData };
        values.next_input();
        values
    }

    /// Goes to the next input that has values.
    fn next_input(&mut self) {
        while let Some((input, rest)) = self.inputs.split_first() {
            self.inputs = rest;
            self.next = input.starts[self.key] as usize;
            self.end = input.starts[self.key + 1] as usize;
            self.column = input.rows.values.as_ref();
            self.width = self.column.and_then(Column::width);
            if self.next < self.end {
                return;
            }
        }
    }
}

impl<'a, V: Data> Iterator for Values<'a, V> {
    type Item = V::Ref<'a>;

    #[inline]
    fn next(&mut self) -> Option<V::Ref<'a>> {
        if self.next == self.end {
            self.next_input();
            if self.next == self.end {
                return None;
            }
        }
        let (column, row) = (self.column?, self.next);
        let cell = match self.width {
            Some(width) => &column.data[row * width..(row + 1) * width],
            None => column.cell(row),
        };
        self.next += 1;
        // The bytes were written by this SDK under the same schema, which the host has compared.
        Some(V::decode_cell(cell).expect("a value that the schema describes"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest: usize = self.inputs.iter().map(|g| (g.starts[self.key + 1] - g.starts[self.key]) as usize).sum();
        let all = self.end - self.next + rest;
        (all, Some(all))
    }
}

impl<V: Data> ExactSizeIterator for Values<'_, V> {}
