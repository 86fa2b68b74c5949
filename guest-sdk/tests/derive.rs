//! What `#[derive(Record)]` and `#[derive(State)]` make of a type: its schema, and the bytes that bincode's own derive
//! gives.

use std::fmt::Debug;

use wasmstream::model::schema::{Field, Reader, Schema};
use wasmstream::prelude::*;

#[derive(Record, bincode::Encode, Clone, Debug, PartialEq)]
struct Address {
    street: String,
    number: Option<u16>,
}

#[derive(State, bincode::Encode, Clone, Debug, PartialEq)]
struct Customer {
    id: u64,
    #[state(rename = "full-name")]
    name: String,
    #[state(default = 7, renamed_from = "rank", renamed_from = "level")]
    grade: i32,
    addresses: Vec<Address>,
    r#type: Kind,
}

#[derive(State, bincode::Encode, Clone, Debug, PartialEq)]
enum Kind {
    Guest,
    Member(u64),
    Pair(String, f64),
    Company { name: String, seat: Address },
}

#[derive(Record, bincode::Encode, Clone, Debug, PartialEq)]
struct Wrapped(String);

#[derive(Record, bincode::Encode, Clone, Debug, PartialEq)]
struct Two(u8, String);

#[derive(Record, bincode::Encode, Clone, Debug, PartialEq)]
struct Nothing;

fn field(name: &str, schema: Schema) -> Field {
    Field { name: name.into(), schema, default: None, renamed_from: Vec::new() }
}

#[test]
fn a_schema_names_what_the_type_has() {
    let address = "{street: string, number: option<u16>}";
    assert_eq!(Address::schema().to_string(), address);
    let kind = format!("Guest | Member(u64) | Pair(string, f64) | Company {{name: string, seat: {address}}}");
    assert_eq!(Kind::schema().to_string(), kind);
    let customer = format!("{{id: u64, full-name: string, grade: s32, addresses: list<{address}>, type: {kind}}}");
    assert_eq!(Customer::schema().to_string(), customer);
    assert_eq!(Wrapped::schema(), Schema::String);
    assert_eq!(Two::schema(), Schema::Tuple(vec![Schema::U8, Schema::String]));
    assert_eq!(Nothing::schema(), Schema::UNIT);
    assert_eq!(Customer::schema().check(), Ok(()));
}

#[test]
fn defaults_and_earlier_names_are_in_the_schema() {
    let Schema::Record(fields) = Customer::schema() else { panic!("a struct is a record") };
    let grade = Field {
        default: Some(vec![14]),
        renamed_from: vec!["rank".into(), "level".into()],
        ..field("grade", Schema::S32)
    };
    assert_eq!(fields[2], grade);
    assert_eq!(fields[1], field("full-name", Schema::String));
}

#[track_caller]
fn same<T: Data + bincode::Encode + PartialEq + Debug>(value: &T) {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    assert_eq!(bytes, bincode::encode_to_vec(value, bincode::config::standard()).unwrap(), "{value:?}");
    let mut reader = Reader::new(&bytes);
    assert_eq!(&T::to_owned(T::decode(&mut reader).unwrap()), value);
    assert_eq!(reader.finish(), Ok(()));
    for end in 0..bytes.len() {
        assert!(T::decode(&mut Reader::new(&bytes[..end])).is_err(), "{value:?} cut at {end}");
    }
}

#[test]
fn bytes_are_bincodes() {
    let address = Address { street: "Main St".into(), number: Some(300) };
    let company = Kind::Company { name: "語".into(), seat: address.clone() };
    for kind in [Kind::Guest, Kind::Member(1 << 40), Kind::Pair("x".into(), -0.5), company] {
        same(&kind);
        let addresses = vec![address.clone(), Address { street: String::new(), number: None }];
        same(&Customer { id: 251, name: "n".into(), grade: -70_000, addresses, r#type: kind });
    }
    same(&Wrapped("w".into()));
    same(&Two(9, "t".into()));
    same(&Nothing);
}

#[test]
fn a_case_that_there_is_not_is_refused() {
    assert!(Kind::decode_cell(&[4]).is_err());
    assert!(Kind::decode_cell(&[253, 0, 0, 0, 0, 1, 0, 0, 0]).is_err());
}
