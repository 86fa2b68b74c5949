//! The bytes of values: those that bincode writes, read back as what was written, and nothing else accepted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use bincode::config::standard;
use proptest::collection::vec;
use proptest::prelude::*;
use wasmstream_model::schema::{Bytes, Case, Data, DecodeError, Field, Schema, Value};

/// A field without a default.
fn field(name: String, schema: Schema) -> Field {
    Field { name, schema, default: None, renamed_from: Vec::new() }
}

fn schemas() -> impl Strategy<Value = Schema> {
    let plain = prop::sample::select(vec![
        Schema::Bool,
        Schema::S8,
        Schema::S16,
        Schema::S32,
        Schema::S64,
        Schema::U8,
        Schema::U16,
        Schema::U32,
        Schema::U64,
        Schema::F32,
        Schema::F64,
        Schema::String,
        Schema::Bytes,
        Schema::UNIT,
    ]);
    let all = plain.prop_recursive(4, 24, 4, |inner| {
        let inners = vec(inner.clone(), 0..4);
        prop_oneof![
            inner.clone().prop_map(|item| Schema::Option(Box::new(item))),
            inner.clone().prop_map(|item| Schema::List(Box::new(item))),
            inner.clone().prop_map(|item| Schema::Set(Box::new(item))),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| Schema::map(key, value)),
            inners.clone().prop_map(Schema::Tuple),
            inners.clone().prop_map(|all| {
                Schema::Record(all.into_iter().enumerate().map(|(n, s)| field(format!("f{n}"), s)).collect())
            }),
            vec(prop::option::of(inner), 1..4).prop_map(|all| {
                let case = |(n, schema)| Case { name: format!("C{n}"), schema };
                Schema::Enum(all.into_iter().enumerate().map(case).collect())
            }),
        ]
    });
    all.prop_filter("a valid schema", |schema| schema.check().is_ok())
}

/// Values of a schema. Sets and maps may have a key twice: they are thinned out below.
fn values(schema: &Schema) -> BoxedStrategy<Value> {
    let signed = |least: i64, most: i64| {
        prop_oneof![least..=most, Just(least), Just(most), -300..300_i64]
            .prop_map(move |n| Value::Signed(n.clamp(least, most)))
            .boxed()
    };
    let unsigned = |most: u64| {
        let near = prop::sample::select(vec![0, 250, 251, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX]);
        prop_oneof![0..=most, Just(most), near].prop_map(move |n| Value::Unsigned(n.min(most))).boxed()
    };
    match schema {
        Schema::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Schema::S8 => signed(i8::MIN.into(), i8::MAX.into()),
        Schema::S16 => signed(i16::MIN.into(), i16::MAX.into()),
        Schema::S32 => signed(i32::MIN.into(), i32::MAX.into()),
        Schema::S64 => signed(i64::MIN, i64::MAX),
        Schema::U8 => unsigned(u8::MAX.into()),
        Schema::U16 => unsigned(u16::MAX.into()),
        Schema::U32 => unsigned(u32::MAX.into()),
        Schema::U64 => unsigned(u64::MAX),
        Schema::F32 => any::<f32>().prop_map(Value::F32).boxed(),
        Schema::F64 => any::<f64>().prop_map(Value::F64).boxed(),
        Schema::String => any::<String>().prop_map(Value::String).boxed(),
        Schema::Bytes => any::<Vec<u8>>().prop_map(Value::Bytes).boxed(),
        Schema::Option(inner) => prop::option::of(values(inner)).prop_map(|v| Value::Option(v.map(Box::new))).boxed(),
        Schema::List(item) => vec(values(item), 0..5).prop_map(Value::List).boxed(),
        Schema::Set(item) => {
            let item = (**item).clone();
            vec(values(&item), 0..5).prop_map(move |all| Value::List(sorted(all, |value| nested(&item, value)))).boxed()
        }
        Schema::Map(parts) => {
            let key = parts.0.clone();
            vec((values(&parts.0), values(&parts.1)), 0..5)
                .prop_map(move |all| Value::Map(sorted(all, |(k, _)| nested(&key, k))))
                .boxed()
        }
        Schema::Tuple(parts) => parts.iter().map(values).collect::<Vec<_>>().prop_map(Value::Parts).boxed(),
        Schema::Record(fields) => {
            fields.iter().map(|f| values(&f.schema)).collect::<Vec<_>>().prop_map(Value::Parts).boxed()
        }
        Schema::Enum(cases) => {
            let cases = (0..).zip(cases).map(|(n, case)| match &case.schema {
                None => Just(Value::Case(n, None)).boxed(),
                Some(schema) => values(schema).prop_map(move |v| Value::Case(n, Some(Box::new(v)))).boxed(),
            });
            prop::strategy::Union::new(cases).boxed()
        }
    }
}

/// Items in the order of their keys' bytes, each key once: the form in which they are read.
fn sorted<T>(all: Vec<T>, key: impl Fn(&T) -> Vec<u8>) -> Vec<T> {
    all.into_iter().map(|item| (key(&item), item)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn written(schema: &Schema, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_cell(schema, &mut bytes).expect("a value of the schema");
    bytes
}

fn nested(schema: &Schema, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(schema, &mut bytes).expect("a value of the schema");
    bytes
}

fn schemas_and_values() -> impl Strategy<Value = (Schema, Value)> {
    schemas().prop_flat_map(|schema| {
        let values = values(&schema);
        (Just(schema), values)
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read_and_no_less_and_no_more((schema, value) in schemas_and_values()) {
        let bytes = written(&schema, &value);
        let read = Value::read_cell(&schema, &bytes).expect("what was just written");
        // NaN is not equal to itself, so bytes are compared.
        prop_assert_eq!(written(&schema, &read), &bytes[..]);
        prop_assert_eq!(format!("{:?}", &read), format!("{:?}", &value));
        if !matches!(schema, Schema::String | Schema::Bytes) {
            let longer = [&bytes[..], &[0]].concat();
            prop_assert!(Value::read_cell(&schema, &longer).is_err(), "a byte too many");
            for end in 0..bytes.len() {
                prop_assert!(Value::read_cell(&schema, &bytes[..end]).is_err(), "cut at {}", end);
            }
        }
    }

    #[test]
    fn random_bytes_are_read_as_a_value_that_writes_them_or_refused(
        schema in schemas(),
        bytes in vec(prop_oneof![any::<u8>(), 0..4_u8, 250..=255_u8], 0..64),
    ) {
        if let Ok(value) = Value::read_cell(&schema, &bytes) {
            prop_assert_eq!(written(&schema, &value), bytes);
            let _ = value.to_json(&schema).to_string();
        }
    }

    #[test]
    fn flipped_bytes_are_read_as_a_value_that_writes_them_or_refused(
        (schema, value) in schemas_and_values(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = written(&schema, &value);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(value) = Value::read_cell(&schema, &bytes) {
            prop_assert_eq!(written(&schema, &value), bytes);
        }
    }

    #[test]
    fn schemas_are_read_from_the_json_that_they_are_written_as(schema in schemas()) {
        let text = serde_json::to_string(&schema).unwrap();
        prop_assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), schema);
    }
}

/// Fails unless a value's bytes are bincode's, and are read as the value, with and without its Rust type.
#[track_caller]
fn same<T: Data + bincode::Encode + PartialEq + Debug>(value: T) {
    same_as(&value, &value);
}

/// The same where bincode knows the value as another type.
#[track_caller]
fn same_as<T: Data + PartialEq + Debug>(value: &T, reference: &impl bincode::Encode) {
    let expected = bincode::encode_to_vec(reference, standard()).unwrap();
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    assert_eq!(bytes, expected, "{value:?}");
    let mut reader = wasmstream_model::schema::Reader::new(&bytes);
    let mut again = Vec::new();
    let read = T::decode(&mut reader).unwrap();
    T::encode(&read, &mut again);
    assert_eq!(again, bytes, "{value:?}");
    assert_eq!(&T::to_owned(read), value);
    reader.finish().unwrap();
    let mut reader = wasmstream_model::schema::Reader::new(&bytes);
    let untyped = Value::read(&T::schema(), &mut reader).unwrap();
    let mut again = Vec::new();
    untyped.write(&T::schema(), &mut again).unwrap();
    assert_eq!(again, bytes, "{value:?} without its type");
}

#[test]
fn the_bytes_of_rust_types_are_bincodes() {
    for n in [0, 1, 63, 125, 126, 250, 251, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, u64::MAX] {
        same(n as u8);
        same(n as u16);
        same(n as u32);
        same(n);
        same(n as i8);
        same(n as i16);
        same(n as i32);
        same(n as i64);
        same(-(n as i64 >> 1));
        same(n as i64 as f64);
        same(n as f32);
    }
    for n in [i64::MIN, i64::MAX, -1, -126, -125] {
        same(n);
        same(n as i32);
        same(n as i16);
    }
    same(f64::MIN_POSITIVE);
    same(-0.0_f64);
    same(f32::INFINITY);
    same(true);
    same(false);
    same(String::new());
    same("naïve 語 🦀".to_owned());
    same("x".repeat(300));
    same_as(&Bytes(vec![0, 255, 7]), &vec![0_u8, 255, 7]);
    same(None::<u64>);
    same(Some(300_u64));
    same(Some(Some("x".to_owned())));
    same(Vec::<u64>::new());
    same(vec![1_u64, 251, 70_000]);
    same((0..300).collect::<Vec<u16>>());
    same(vec![Some(vec!["a".to_owned()]), None]);
    same((1_u8,));
    same(("word".to_owned(), 7_u64));
    same((1_u8, -1_i16, 1_u32, -1_i64, 0.5_f32, 0.25_f64, true, "end".to_owned()));
}

#[test]
fn maps_and_sets_are_bincodes_in_the_order_of_their_encoded_keys() {
    // Where the order of keys and of their bytes is one, the bytes are those of a BTreeMap.
    let small: BTreeMap<u8, String> = (0..200).map(|n| (n, n.to_string())).collect();
    same(small.clone());
    same_as(
        &small.into_iter().collect::<HashMap<u8, String>>(),
        &(0..200).map(|n| (n, n.to_string())).collect::<BTreeMap<u8, String>>(),
    );
    same(BTreeSet::from(["ab".to_owned(), "cd".to_owned()]));
    same_as(&HashSet::from([3_u8, 1, 2]), &BTreeSet::from([1_u8, 2, 3]));
    // A shorter string comes first, and numbers go by their bytes.
    same_as(&BTreeSet::from(["b".to_owned(), "aa".to_owned()]), &vec!["b".to_owned(), "aa".to_owned()]);
    same_as(&BTreeSet::from([-1_i64, 0, 1]), &vec![0_i64, -1, 1]);
    same_as(&BTreeSet::from([255_u64, 256]), &vec![256_u64, 255]);
}

#[track_caller]
fn refused(schema: &Schema, bytes: &[u8], error: DecodeError) {
    assert_eq!(Value::read_cell(schema, bytes), Err(error), "{schema} from {bytes:?}");
}

#[test]
fn what_is_not_in_its_one_form_is_refused() {
    use DecodeError::{BadTag, NotCanonical, NotUtf8, OutOfRange, Trailing, Truncated};
    let list = |item| Schema::List(Box::new(item));
    refused(&Schema::U64, &[251, 250, 0], NotCanonical);
    refused(&Schema::U64, &[252, 255, 255, 0, 0], NotCanonical);
    refused(&Schema::U64, &[253, 255, 255, 255, 255, 0, 0, 0, 0], NotCanonical);
    refused(&Schema::S64, &[251, 1, 0], NotCanonical);
    refused(&Schema::U64, &[254, 0], BadTag);
    refused(&Schema::U64, &[255], BadTag);
    refused(&Schema::U16, &[252, 0, 0, 1, 0], OutOfRange);
    refused(&Schema::U32, &[253, 0, 0, 0, 0, 1, 0, 0, 0], OutOfRange);
    refused(&Schema::S16, &[252, 0, 0, 1, 0], OutOfRange);
    refused(&Schema::U64, &[], Truncated);
    refused(&Schema::U64, &[251, 1], Truncated);
    refused(&Schema::F64, &[0; 7], Truncated);
    refused(&Schema::U8, &[1, 2], Trailing);
    refused(&Schema::UNIT, &[0], Trailing);
    refused(&Schema::Bool, &[2], BadTag);
    refused(&Schema::Option(Box::new(Schema::U8)), &[2, 0], BadTag);
    let cases = vec![Case { name: "A".into(), schema: None }, Case { name: "B".into(), schema: None }];
    refused(&Schema::Enum(cases.clone()), &[2], BadTag);
    refused(&Schema::Enum(cases), &[253, 0, 0, 0, 0, 1, 0, 0, 0], BadTag);
    refused(&Schema::String, &[0xff], NotUtf8);
    refused(&list(Schema::String), &[1, 1, 0xff], NotUtf8);
    refused(&list(Schema::String), &[1, 2, b'x'], Truncated);
    let set = Schema::Set(Box::new(Schema::U8));
    refused(&set, &[2, 2, 1], NotCanonical);
    refused(&set, &[2, 1, 1], NotCanonical);
    let map = Schema::map(Schema::U8, Schema::U8);
    refused(&map, &[2, 2, 0, 1, 0], NotCanonical);
    refused(&map, &[2, 1, 0, 1, 0], NotCanonical);
    assert_eq!(<BTreeMap<u8, u8>>::decode_cell(&[2, 1, 0, 1, 0]), Err(NotCanonical));
    assert_eq!(<HashSet<u8>>::decode_cell(&[2, 1, 1]), Err(NotCanonical));
    let deep = (0..80).fold(Schema::U8, |inner, _| Schema::Option(Box::new(inner)));
    refused(&deep, &[1; 100], DecodeError::TooDeep);
}

#[test]
fn a_length_that_the_bytes_cannot_hold_is_refused_before_anything_is_allocated() {
    let huge = [253, 0, 0, 0, 0, 0, 0, 0, 0x7f];
    let large = [252, 0, 0, 0x40, 0];
    for item in [Schema::U8, Schema::String, Schema::Option(Box::new(Schema::UNIT))] {
        let list = Schema::List(Box::new(item.clone()));
        for bytes in [&huge[..], &large[..]] {
            refused(&list, bytes, DecodeError::Truncated);
            refused(&Schema::Set(Box::new(item.clone())), bytes, DecodeError::Truncated);
            refused(&Schema::map(item.clone(), Schema::UNIT), bytes, DecodeError::Truncated);
        }
    }
    assert_eq!(Vec::<u8>::decode_cell(&large), Err(DecodeError::Truncated));
    assert_eq!(<Vec<()>>::decode_cell(&large), Err(DecodeError::Truncated));
    assert_eq!(<BTreeMap<u64, ()>>::decode_cell(&large), Err(DecodeError::Truncated));
    // What could claim any number of items with no bytes at all is no schema.
    let empty = Schema::Record(vec![field("a".into(), Schema::UNIT)]);
    for item in [Schema::UNIT, Schema::Tuple(vec![Schema::UNIT]), empty] {
        refused(&Schema::List(Box::new(item.clone())), &large, DecodeError::Truncated);
        for schema in
            [Schema::List(Box::new(item.clone())), Schema::Set(Box::new(item.clone())), Schema::map(item, Schema::U8)]
        {
            assert!(schema.check().unwrap_err().to_string().contains("has no content"), "{schema}");
        }
    }
}
