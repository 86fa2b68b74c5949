//! [`Data`]: the tie between a Rust type, its [`Schema`] and its bytes; and [`Put`]: what may be emitted as such a type.
//!
//! Values appear in two places. *Nested* in another value, a string or list carries its length. Alone in a *cell* of a
//! column, where the column's offsets give the length, strings and [`Bytes`] are their bare bytes; everything else is as
//! when nested.
//!
//! Invariant: schema and bytes come from the same implementation, so they cannot disagree.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::codec::{DecodeError, Reader, append, put_bytes, put_signed, put_str, put_unsigned};
use super::types::Schema;

/// A Rust type whose values can be rows, keys and state.
///
/// Derive it with `#[derive(Record)]` or `#[derive(State)]` for your own types.
///
/// ```
/// use wasmstream_model::schema::{Data, Schema};
/// assert_eq!(<(String, u64)>::schema(), Schema::Tuple(vec![Schema::String, Schema::U64]));
/// let mut bytes = Vec::new();
/// <(String, u64)>::encode(&("hi", 300), &mut bytes);
/// assert_eq!(bytes, [2, b'h', b'i', 251, 44, 1]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no schema",
    label = "not data",
    note = "data is: bool, i8 to i64, u8 to u64, f32, f64, String, Bytes, Option, Vec, BTreeMap, HashMap, BTreeSet, HashSet, tuples, and types with #[derive(Record)] or #[derive(State)]",
    note = "usize, 128-bit integers and char are not data: choose a type whose size and form are the same on every machine"
)]
pub trait Data: Put<Self> + Clone + 'static {
    /// How a value is seen when it is read: borrowed for strings and what holds them, else the type itself.
    type Ref<'a>: Clone;

    /// Whether this type is a pair, whose halves travel as key and value.
    const PAIR: bool = false;

    /// The schema of this type.
    fn schema() -> Schema;

    /// The same view for a shorter time.
    fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short>;

    /// Writes a nested value.
    fn encode(value: &Self::Ref<'_>, out: &mut Vec<u8>);

    /// Reads a nested value.
    fn decode<'a>(from: &mut Reader<'a>) -> Result<Self::Ref<'a>, DecodeError>;

    /// The value itself.
    fn to_owned(value: Self::Ref<'_>) -> Self;

    /// Writes an owned value as [`Data::encode`] does.
    fn put(&self, out: &mut Vec<u8>);

    /// Writes an owned value as [`Data::encode_cell`] does.
    #[inline]
    fn put_cell(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    /// Writes a value that has a cell of its own.
    #[inline]
    fn encode_cell(value: &Self::Ref<'_>, out: &mut Vec<u8>) {
        Self::encode(value, out);
    }

    /// Reads a value that has a cell of its own.
    #[inline]
    fn decode_cell(cell: &[u8]) -> Result<Self::Ref<'_>, DecodeError> {
        let mut reader = Reader::new(cell);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// Writes a row: a pair into two cells, anything else into the second.
    #[inline]
    fn encode_row(value: &Self::Ref<'_>, _keys: &mut Vec<u8>, values: &mut Vec<u8>) {
        Self::encode_cell(value, values);
    }

    /// Writes the first half of a pair into a cell; nothing where this is no pair.
    #[inline]
    fn encode_key(_value: &Self::Ref<'_>, _keys: &mut Vec<u8>) {}

    /// Reads a row as [`Data::encode_row`] writes it.
    #[inline]
    fn decode_row<'a>(_key: &'a [u8], value: &'a [u8]) -> Result<Self::Ref<'a>, DecodeError> {
        Self::decode_cell(value)
    }
}

/// What may be emitted as a `T`: the type itself, a borrowed form of it, a tuple of such.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be emitted as a `{T}`",
    label = "expected something that can stand for `{T}`"
)]
pub trait Put<T: Data> {
    /// Where the value stays while it is viewed.
    type Slot;
    /// Puts the value there.
    fn slot(self) -> Self::Slot;
    /// The value as it is seen when it is read; once per slot.
    fn view(slot: &mut Self::Slot) -> T::Ref<'_>;
}

/// A slot for values that are seen as themselves.
#[doc(hidden)]
#[inline]
pub fn take_slot<T>(slot: &mut Option<T>) -> T {
    slot.take().expect("a slot is viewed once")
}

/// The three members of [`Put`] for a value that stays where it is and is viewed by `$view`.
macro_rules! put_by {
    ($(($($life:lifetime)?) $type:ty as $data:ty, $slot:ident => $view:expr;)*) => { $(
        impl$(<$life>)? Put<$data> for $type {
            type Slot = $type;
            #[inline]
            fn slot(self) -> $type { self }
            #[inline]
            fn view<'v>($slot: &'v mut $type) -> <$data as Data>::Ref<'v> { $view }
        }
    )* };
}

macro_rules! scalar {
    ($($type:ty, $schema:ident, $value:ident => $encode:expr, $reader:ident => $decode:expr;)*) => { $(
        impl Data for $type {
            type Ref<'a> = $type;
            fn schema() -> Schema { Schema::$schema }
            #[inline]
            fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
                value
            }
            #[inline]
            fn encode($value: &$type, out: &mut Vec<u8>) { let $value = *$value; $encode(out) }
            #[inline]
            fn decode($reader: &mut Reader<'_>) -> Result<$type, DecodeError> { $decode }
            #[inline]
            fn to_owned(value: $type) -> $type { value }
            #[inline]
            fn put(&self, out: &mut Vec<u8>) { Self::encode(self, out) }
        }
        put_by!(() $type as $type, slot => *slot;);
    )* };
}

fn narrow<T, N: TryInto<T>>(n: N) -> Result<T, DecodeError> {
    n.try_into().map_err(|_| DecodeError::OutOfRange)
}

scalar! {
    bool, Bool, v => |out: &mut Vec<u8>| out.push(u8::from(v)), r => r.boolean();
    u8, U8, v => |out: &mut Vec<u8>| out.push(v), r => r.byte();
    u16, U16, v => |out: &mut Vec<u8>| put_unsigned(u64::from(v), out), r => narrow(r.unsigned()?);
    u32, U32, v => |out: &mut Vec<u8>| put_unsigned(u64::from(v), out), r => narrow(r.unsigned()?);
    u64, U64, v => |out: &mut Vec<u8>| put_unsigned(v, out), r => r.unsigned();
    i8, S8, v => |out: &mut Vec<u8>| out.push(v as u8), r => Ok(r.byte()? as i8);
    i16, S16, v => |out: &mut Vec<u8>| put_signed(i64::from(v), out), r => narrow(r.signed()?);
    i32, S32, v => |out: &mut Vec<u8>| put_signed(i64::from(v), out), r => narrow(r.signed()?);
    i64, S64, v => |out: &mut Vec<u8>| put_signed(v, out), r => r.signed();
    f32, F32, v => |out: &mut Vec<u8>| out.extend_from_slice(&v.to_le_bytes()), r => Ok(f32::from_le_bytes(r.array()?));
    f64, F64, v => |out: &mut Vec<u8>| out.extend_from_slice(&v.to_le_bytes()), r => Ok(f64::from_le_bytes(r.array()?));
}

impl Data for String {
    type Ref<'a> = &'a str;
    fn schema() -> Schema {
        Schema::String
    }
    #[inline]
    fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
        value
    }
    #[inline]
    fn encode(value: &&str, out: &mut Vec<u8>) {
        put_str(value, out);
    }
    #[inline]
    fn decode<'a>(from: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
        from.string()
    }
    #[inline]
    fn to_owned(value: &str) -> String {
        value.into()
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_str(self, out);
    }
    #[inline]
    fn put_cell(&self, out: &mut Vec<u8>) {
        append(self.as_bytes(), out);
    }
    #[inline(always)]
    fn encode_cell(value: &&str, out: &mut Vec<u8>) {
        append(value.as_bytes(), out);
    }
    #[inline]
    fn decode_cell(cell: &[u8]) -> Result<&str, DecodeError> {
        std::str::from_utf8(cell).map_err(|_| DecodeError::NotUtf8)
    }
}

put_by! {
    ('s) &'s str as String, slot => slot;
    ('s) &'s String as String, slot => slot.as_str();
    () String as String, slot => slot.as_str();
    ('s) Cow<'s, str> as String, slot => &**slot;
}

/// Any bytes. (`Vec<u8>` is a list of numbers; this is a value of its own.)
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Data for Bytes {
    type Ref<'a> = &'a [u8];
    fn schema() -> Schema {
        Schema::Bytes
    }
    #[inline]
    fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
        value
    }
    #[inline]
    fn encode(value: &&[u8], out: &mut Vec<u8>) {
        put_bytes(value, out);
    }
    #[inline]
    fn decode<'a>(from: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
        from.bytes()
    }
    #[inline]
    fn to_owned(value: &[u8]) -> Bytes {
        Bytes(value.into())
    }
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(&self.0, out);
    }
    #[inline]
    fn put_cell(&self, out: &mut Vec<u8>) {
        append(&self.0, out);
    }
    #[inline]
    fn encode_cell(value: &&[u8], out: &mut Vec<u8>) {
        append(value, out);
    }
    #[inline]
    fn decode_cell(cell: &[u8]) -> Result<&[u8], DecodeError> {
        Ok(cell)
    }
}

put_by! {
    () Bytes as Bytes, slot => &slot.0;
    ('s) &'s [u8] as Bytes, slot => slot;
}

impl<T: Data> Data for Option<T> {
    type Ref<'a> = Option<T::Ref<'a>>;
    fn schema() -> Schema {
        Schema::Option(Box::new(T::schema()))
    }
    #[inline]
    fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
        value.map(T::shrink)
    }
    #[inline]
    fn encode(value: &Option<T::Ref<'_>>, out: &mut Vec<u8>) {
        match value {
            None => out.push(0),
            Some(inner) => {
                out.push(1);
                T::encode(inner, out);
            }
        }
    }
    #[inline]
    fn decode<'a>(from: &mut Reader<'a>) -> Result<Option<T::Ref<'a>>, DecodeError> {
        if from.boolean()? { T::decode(from).map(Some) } else { Ok(None) }
    }
    fn to_owned(value: Option<T::Ref<'_>>) -> Option<T> {
        value.map(T::to_owned)
    }
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(inner) => {
                out.push(1);
                inner.put(out);
            }
        }
    }
}

impl<T: Data, P: Put<T>> Put<Option<T>> for Option<P> {
    type Slot = Option<P::Slot>;
    #[inline]
    fn slot(self) -> Self::Slot {
        self.map(P::slot)
    }
    #[inline]
    fn view(slot: &mut Self::Slot) -> Option<T::Ref<'_>> {
        slot.as_mut().map(P::view)
    }
}

fn encode_all<'i, T: Data>(items: impl ExactSizeIterator<Item = &'i T>, out: &mut Vec<u8>) {
    put_unsigned(items.len() as u64, out);
    for item in items {
        item.put(out);
    }
}

/// Reads items. In a valid schema each has a byte at least, so a few bytes cannot claim millions.
fn decode_items<'a, T: Data, C: Extend<T> + Default>(from: &mut Reader<'a>) -> Result<C, DecodeError> {
    let n = from.length(1)?;
    let mut all = C::default();
    for _ in 0..n {
        all.extend([T::to_owned(T::decode(from)?)]);
    }
    Ok(all)
}

/// Writes encoded entries sorted by their keys' bytes, so that equal maps have equal bytes.
fn encode_sorted(mut entries: Vec<(Vec<u8>, Vec<u8>)>, out: &mut Vec<u8>) {
    entries.sort_unstable();
    put_unsigned(entries.len() as u64, out);
    for (key, value) in entries {
        out.extend_from_slice(&key);
        out.extend_from_slice(&value);
    }
}

fn encoded<T: Data>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

/// Reads keys that must stand in the order of their bytes, each once.
struct Ascending<'a>(Option<&'a [u8]>);

impl<'a> Ascending<'a> {
    fn key<K: Data>(&mut self, from: &mut Reader<'a>) -> Result<K, DecodeError> {
        let start = from.rest();
        let key = K::decode(from)?;
        let bytes = &start[..start.len() - from.rest().len()];
        if self.0.is_some_and(|before| before >= bytes) {
            return Err(DecodeError::NotCanonical);
        }
        self.0 = Some(bytes);
        Ok(K::to_owned(key))
    }
}

/// Types that are seen as themselves when read: no borrowed form.
macro_rules! owned_forms {
    () => {
        #[inline]
        fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
            value
        }
        #[inline]
        fn to_owned(value: Self) -> Self {
            value
        }
        #[inline]
        fn put(&self, out: &mut Vec<u8>) {
            Self::encode(self, out);
        }
    };
}

macro_rules! put_itself {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> Put<$type> for $type {
            type Slot = Option<$type>;
            #[inline]
            fn slot(self) -> Option<$type> { Some(self) }
            #[inline]
            fn view(slot: &mut Option<$type>) -> $type { take_slot(slot) }
        }
    };
}

impl<T: Data> Data for Vec<T> {
    type Ref<'a> = Vec<T>;
    owned_forms!();
    fn schema() -> Schema {
        Schema::List(Box::new(T::schema()))
    }
    fn encode(value: &Vec<T>, out: &mut Vec<u8>) {
        encode_all(value.iter(), out);
    }
    fn decode(from: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        decode_items(from)
    }
}
put_itself!([T: Data] Vec<T>);

macro_rules! map {
    ($type:ty, [$($generics:tt)*]) => {
        impl<$($generics)*> Data for $type {
            type Ref<'a> = $type;
            owned_forms!();
            fn schema() -> Schema { Schema::map(K::schema(), V::schema()) }
            fn encode(value: &$type, out: &mut Vec<u8>) {
                encode_sorted(value.iter().map(|(k, v)| (encoded(k), encoded(v))).collect(), out);
            }
            fn decode(from: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let n = from.length(1)?;
                let mut order = Ascending(None);
                let mut all = <$type>::default();
                for _ in 0..n {
                    let key = order.key::<K>(from)?;
                    all.insert(key, V::to_owned(V::decode(from)?));
                }
                Ok(all)
            }
        }
        put_itself!([$($generics)*] $type);
    };
}
map!(BTreeMap<K, V>, [K: Data + Ord, V: Data]);
map!(HashMap<K, V, S>, [K: Data + Hash + Eq, V: Data, S: BuildHasher + Default + Clone + 'static]);

macro_rules! set {
    ($type:ty, [$($generics:tt)*]) => {
        impl<$($generics)*> Data for $type {
            type Ref<'a> = $type;
            owned_forms!();
            fn schema() -> Schema { Schema::Set(Box::new(K::schema())) }
            fn encode(value: &$type, out: &mut Vec<u8>) {
                encode_sorted(value.iter().map(|k| (encoded(k), Vec::new())).collect(), out);
            }
            fn decode(from: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let n = from.length(1)?;
                let mut order = Ascending(None);
                let mut all = <$type>::default();
                for _ in 0..n {
                    all.insert(order.key::<K>(from)?);
                }
                Ok(all)
            }
        }
        put_itself!([$($generics)*] $type);
    };
}
set!(BTreeSet<K>, [K: Data + Ord]);
set!(HashSet<K, S>, [K: Data + Hash + Eq, S: BuildHasher + Default + Clone + 'static]);

impl Data for () {
    type Ref<'a> = ();
    fn schema() -> Schema {
        Schema::UNIT
    }
    fn shrink<'short, 'long: 'short>((): ()) {}
    fn encode((): &(), _out: &mut Vec<u8>) {}
    fn decode(_from: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
    fn to_owned((): ()) {}
    fn put(&self, _out: &mut Vec<u8>) {}
}
put_by!(() () as (), slot => *slot;);

macro_rules! tuple_parts {
    ($($name:ident $put:ident $index:tt),*) => {
        #[inline]
        fn encode(value: &Self::Ref<'_>, out: &mut Vec<u8>) { $($name::encode(&value.$index, out);)* }
        #[inline]
        fn decode<'a>(from: &mut Reader<'a>) -> Result<Self::Ref<'a>, DecodeError> { Ok(($($name::decode(from)?,)*)) }
        #[inline]
        fn to_owned(value: Self::Ref<'_>) -> Self { ($($name::to_owned(value.$index),)*) }
        #[inline]
        fn put(&self, out: &mut Vec<u8>) { $(self.$index.put(out);)* }
        fn schema() -> Schema { Schema::Tuple(vec![$($name::schema()),*]) }
        #[inline]
        fn shrink<'short, 'long: 'short>(value: Self::Ref<'long>) -> Self::Ref<'short> {
            ($($name::shrink(value.$index),)*)
        }
    };
}

macro_rules! put_tuple {
    ($($name:ident $put:ident $index:tt),*) => {
        impl<$($name: Data, $put: Put<$name>),*> Put<($($name,)*)> for ($($put,)*) {
            type Slot = ($($put::Slot,)*);
            #[inline]
            fn slot(self) -> Self::Slot { ($(self.$index.slot(),)*) }
            #[inline]
            fn view(slot: &mut Self::Slot) -> ($($name::Ref<'_>,)*) { ($($put::view(&mut slot.$index),)*) }
        }
    };
}

macro_rules! tuple {
    ($($name:ident $put:ident $index:tt),*) => {
        impl<$($name: Data),*> Data for ($($name,)*) {
            type Ref<'a> = ($($name::Ref<'a>,)*);
            tuple_parts!($($name $put $index),*);
        }
        put_tuple!($($name $put $index),*);
    };
}

impl<A: Data, B: Data> Data for (A, B) {
    type Ref<'a> = (A::Ref<'a>, B::Ref<'a>);
    const PAIR: bool = true;
    tuple_parts!(A P 0, B Q 1);
    #[inline]
    fn encode_row(value: &Self::Ref<'_>, keys: &mut Vec<u8>, values: &mut Vec<u8>) {
        A::encode_cell(&value.0, keys);
        B::encode_cell(&value.1, values);
    }
    #[inline]
    fn encode_key(value: &Self::Ref<'_>, keys: &mut Vec<u8>) {
        A::encode_cell(&value.0, keys);
    }
    #[inline]
    fn decode_row<'a>(key: &'a [u8], value: &'a [u8]) -> Result<Self::Ref<'a>, DecodeError> {
        Ok((A::decode_cell(key)?, B::decode_cell(value)?))
    }
}
put_tuple!(A P 0, B Q 1);

tuple!(A P 0);
tuple!(A P 0, B Q 1, C S 2);
tuple!(A P 0, B Q 1, C S 2, D T 3);
tuple!(A P 0, B Q 1, C S 2, D T 3, E U 4);
tuple!(A P 0, B Q 1, C S 2, D T 3, E U 4, F V 5);
tuple!(A P 0, B Q 1, C S 2, D T 3, E U 4, F V 5, G W 6);
tuple!(A P 0, B Q 1, C S 2, D T 3, E U 4, F V 5, G W 6, H X 7);
