//! Declared aggregates: what the host computes itself, value by value.
//!
//! Sums of integers are exact: they are kept in 128 bits within a batch and must fit 64 bits at its end, so the order
//! of the values cannot decide whether a sum overflows. Sums and means of floats depend on the order of the values,
//! which is part of a batch's plan.
//!
//! Invariant: the result depends on the values and their order alone.

use super::spec::Kind;
use crate::schema::{DecodeError, Field, Reader, Schema, put_signed, put_unsigned};

/// An aggregate over values of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    op: Op,
    value: Schema,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Count,
    SumInteger,
    SumFloat,
    MinInteger,
    MaxInteger,
    MinFloat,
    MaxFloat,
    Mean,
}

/// What an aggregate keeps under a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accumulator {
    number: [u64; 2],
}

/// Why an aggregate cannot take a value or give its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// A value that is not of the declared type.
    #[error("a value cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// A sum of integers beyond 64 bits.
    #[error("the sum is beyond 64 bits")]
    Overflow,
}

impl Accumulator {
    fn of_i128(n: i128) -> Self {
        Accumulator { number: [n as u64, (n >> 64) as u64] }
    }

    fn i128(self) -> i128 {
        (i128::from(self.number[1] as i64) << 64) | i128::from(self.number[0])
    }

    fn of_f64(x: f64, count: u64) -> Self {
        Accumulator { number: [x.to_bits(), count] }
    }

    fn f64(self) -> f64 {
        f64::from_bits(self.number[0])
    }

    /// Counts `n` more; for [`Kind::Count`] alone.
    #[inline]
    pub fn count_more(&mut self, n: u64) {
        self.number[0] += n;
    }
}

impl Function {
    /// The aggregate `kind` over values of type `value`, or why there is none.
    pub fn new(kind: Kind, value: &Schema) -> Result<Function, String> {
        let integer = value.is_signed() || value.is_unsigned();
        let op = match kind {
            Kind::Count => Op::Count,
            Kind::Sum if integer => Op::SumInteger,
            Kind::Min if integer => Op::MinInteger,
            Kind::Max if integer => Op::MaxInteger,
            Kind::Sum if value.is_float() => Op::SumFloat,
            Kind::Min if value.is_float() => Op::MinFloat,
            Kind::Max if value.is_float() => Op::MaxFloat,
            Kind::Mean if value.is_number() => Op::Mean,
            Kind::Sum | Kind::Min | Kind::Max | Kind::Mean => {
                return Err(format!("it aggregates numbers, not {value}"));
            }
            other => return Err(format!("{other} is not an aggregate of the host's")),
        };
        Ok(Function { op, value: value.clone() })
    }

    /// Whether the order of values makes a difference to the result.
    pub fn is_ordered(&self) -> bool {
        matches!(self.op, Op::SumFloat | Op::Mean)
    }

    /// Whether only the number of values counts.
    pub fn is_count(&self) -> bool {
        self.op == Op::Count
    }

    /// The type of the result.
    pub fn output(&self) -> Schema {
        match self.op {
            Op::Count => Schema::U64,
            Op::SumInteger if self.value.is_signed() => Schema::S64,
            Op::SumInteger => Schema::U64,
            Op::SumFloat | Op::Mean => Schema::F64,
            Op::MinInteger | Op::MaxInteger | Op::MinFloat | Op::MaxFloat => self.value.clone(),
        }
    }

    /// The type of the state between batches.
    pub fn state(&self) -> Schema {
        let field = |name: &str, schema| Field { name: name.into(), schema, default: None, renamed_from: Vec::new() };
        match self.op {
            Op::Mean => Schema::Record(vec![field("sum", Schema::F64), field("count", Schema::U64)]),
            _ => self.output(),
        }
    }

    /// What is kept after a key's first value.
    #[inline]
    pub fn first(&self, cell: &[u8]) -> Result<Accumulator, AggregateError> {
        Ok(match self.op {
            Op::Count => Accumulator { number: [1, 0] },
            Op::SumInteger | Op::MinInteger | Op::MaxInteger => Accumulator::of_i128(self.integer(cell)?),
            Op::SumFloat | Op::MinFloat | Op::MaxFloat | Op::Mean => Accumulator::of_f64(self.float(cell)?, 1),
        })
    }

    /// Takes one more value of a key.
    #[inline]
    pub fn add(&self, acc: &mut Accumulator, cell: &[u8]) -> Result<(), AggregateError> {
        match self.op {
            Op::Count => acc.number[0] += 1,
            Op::SumInteger => *acc = Accumulator::of_i128(acc.i128() + self.integer(cell)?),
            Op::MinInteger => *acc = Accumulator::of_i128(acc.i128().min(self.integer(cell)?)),
            Op::MaxInteger => *acc = Accumulator::of_i128(acc.i128().max(self.integer(cell)?)),
            Op::SumFloat | Op::Mean => *acc = Accumulator::of_f64(acc.f64() + self.float(cell)?, acc.number[1] + 1),
            Op::MinFloat => *acc = Accumulator::of_f64(least(acc.f64(), self.float(cell)?), 1),
            Op::MaxFloat => *acc = Accumulator::of_f64(greatest(acc.f64(), self.float(cell)?), 1),
        }
        Ok(())
    }

    /// Writes the result for a key as a cell.
    pub fn write_output(&self, acc: Accumulator, out: &mut Vec<u8>) -> Result<(), AggregateError> {
        match self.op {
            Op::Mean => {
                out.extend_from_slice(&(acc.f64() / acc.number[1] as f64).to_le_bytes());
                Ok(())
            }
            _ => self.write_state(acc, out),
        }
    }

    /// Writes the state of a key as a cell.
    pub fn write_state(&self, acc: Accumulator, out: &mut Vec<u8>) -> Result<(), AggregateError> {
        match self.op {
            Op::Count => put_unsigned(acc.number[0], out),
            Op::SumInteger | Op::MinInteger | Op::MaxInteger => self.write_integer(acc.i128(), out)?,
            Op::SumFloat => out.extend_from_slice(&acc.f64().to_le_bytes()),
            Op::MinFloat | Op::MaxFloat if self.value == Schema::F32 => {
                out.extend_from_slice(&(acc.f64() as f32).to_le_bytes());
            }
            Op::MinFloat | Op::MaxFloat => out.extend_from_slice(&acc.f64().to_le_bytes()),
            Op::Mean => {
                out.extend_from_slice(&acc.f64().to_le_bytes());
                put_unsigned(acc.number[1], out);
            }
        }
        Ok(())
    }

    /// Reads the state of a key as [`Function::write_state`] wrote it.
    pub fn read_state(&self, cell: &[u8]) -> Result<Accumulator, DecodeError> {
        let mut reader = Reader::new(cell);
        let acc = match self.op {
            Op::Count => Accumulator { number: [reader.unsigned()?, 0] },
            Op::SumInteger | Op::MinInteger | Op::MaxInteger => {
                Accumulator::of_i128(read_integer(&self.output(), &mut reader)?)
            }
            Op::MinFloat | Op::MaxFloat if self.value == Schema::F32 => {
                Accumulator::of_f64(f64::from(f32::from_le_bytes(reader.array()?)), 1)
            }
            Op::SumFloat | Op::MinFloat | Op::MaxFloat => Accumulator::of_f64(f64::from_le_bytes(reader.array()?), 1),
            Op::Mean => {
                let sum = f64::from_le_bytes(reader.array()?);
                Accumulator::of_f64(sum, reader.unsigned()?)
            }
        };
        reader.finish()?;
        Ok(acc)
    }

    fn integer(&self, cell: &[u8]) -> Result<i128, DecodeError> {
        let mut reader = Reader::new(cell);
        let n = read_integer(&self.value, &mut reader)?;
        reader.finish()?;
        Ok(n)
    }

    fn float(&self, cell: &[u8]) -> Result<f64, DecodeError> {
        let mut reader = Reader::new(cell);
        let x = match &self.value {
            Schema::F32 => f64::from(f32::from_le_bytes(reader.array()?)),
            Schema::F64 => f64::from_le_bytes(reader.array()?),
            integer => read_integer(integer, &mut reader)? as f64,
        };
        reader.finish()?;
        Ok(x)
    }

    fn write_integer(&self, n: i128, out: &mut Vec<u8>) -> Result<(), AggregateError> {
        match self.output() {
            Schema::U8 => out.push(u8::try_from(n).map_err(|_| AggregateError::Overflow)?),
            Schema::S8 => out.push(i8::try_from(n).map_err(|_| AggregateError::Overflow)? as u8),
            output if output.is_signed() => put_signed(i64::try_from(n).map_err(|_| AggregateError::Overflow)?, out),
            _ => put_unsigned(u64::try_from(n).map_err(|_| AggregateError::Overflow)?, out),
        }
        Ok(())
    }
}

fn read_integer(schema: &Schema, reader: &mut Reader<'_>) -> Result<i128, DecodeError> {
    let n = match schema {
        Schema::U8 => i128::from(reader.byte()?),
        Schema::S8 => i128::from(reader.byte()? as i8),
        signed if signed.is_signed() => i128::from(reader.signed()?),
        _ => i128::from(reader.unsigned()?),
    };
    let fits = match schema {
        Schema::U16 => u16::try_from(n).is_ok(),
        Schema::U32 => u32::try_from(n).is_ok(),
        Schema::S16 => i16::try_from(n).is_ok(),
        Schema::S32 => i32::try_from(n).is_ok(),
        _ => true,
    };
    if fits { Ok(n) } else { Err(DecodeError::OutOfRange) }
}

/// IEEE 754 total order, so that NaN and signed zeros have a place and the order of values does not matter.
fn least(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_lt() { b } else { a }
}

fn greatest(a: f64, b: f64) -> f64 {
    if b.total_cmp(&a).is_gt() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Value;

    /// The result of an aggregate over values of a type, shown as JSON.
    fn check(kind: Kind, schema: Schema, values: &[Value], expected: &str) {
        let function = Function::new(kind, &schema).unwrap();
        let cells: Vec<Vec<u8>> = values
            .iter()
            .map(|value| {
                let mut cell = Vec::new();
                value.write_cell(&schema, &mut cell).unwrap();
                cell
            })
            .collect();
        let mut acc = function.first(&cells[0]).unwrap();
        for cell in &cells[1..] {
            function.add(&mut acc, cell).unwrap();
        }
        let (mut out, mut state) = (Vec::new(), Vec::new());
        let shown = match function.write_output(acc, &mut out) {
            Ok(()) => Value::read_cell(&function.output(), &out).unwrap().to_json(&function.output()).to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{kind} of {values:?}");
        if function.write_state(acc, &mut state).is_ok() {
            let again = function.read_state(&state).unwrap();
            let mut out_again = Vec::new();
            function.write_output(again, &mut out_again).unwrap();
            assert_eq!(out_again, out, "state of {kind} survives being stored");
        }
    }

    #[test]
    fn aggregates_give_exact_results() {
        use Value::{F32, F64, Signed, String, Unsigned};
        check(Kind::Count, Schema::String, &[String("a".into()), String("b".into())], "2");
        check(Kind::Sum, Schema::U8, &[Unsigned(200), Unsigned(200)], "400");
        check(Kind::Sum, Schema::S16, &[Signed(-5), Signed(3)], "-2");
        check(Kind::Sum, Schema::F64, &[F64(0.5), F64(0.25)], "0.75");
        check(Kind::Min, Schema::S8, &[Signed(3), Signed(-7), Signed(1)], "-7");
        check(Kind::Max, Schema::U64, &[Unsigned(3), Unsigned(u64::MAX)], "18446744073709551615");
        check(Kind::Max, Schema::F32, &[F32(1.5), F32(-2.0)], "1.5");
        check(Kind::Min, Schema::F64, &[F64(0.0), F64(-0.0)], "-0.0");
        check(Kind::Mean, Schema::U32, &[Unsigned(1), Unsigned(2)], "1.5");
    }

    #[test]
    fn the_order_of_integers_never_decides_whether_a_sum_fits() {
        use Value::{Signed, Unsigned};
        check(Kind::Sum, Schema::S64, &[Signed(i64::MAX), Signed(1), Signed(-1)], "9223372036854775807");
        check(Kind::Sum, Schema::U64, &[Unsigned(u64::MAX), Unsigned(1)], "the sum is beyond 64 bits");
        check(Kind::Sum, Schema::S64, &[Signed(i64::MIN), Signed(-1)], "the sum is beyond 64 bits");
    }
}
