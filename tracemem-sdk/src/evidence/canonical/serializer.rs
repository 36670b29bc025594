//! Every type of serde's data model, as the strict profile writes it.

use std::fmt::{self, Write as _};

use serde::ser::{Serialize, Serializer};

use super::NotCanonicalKind;
use super::container::{Array, Object};
use super::writer::{Fault, Writer, in_member};

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        self.integer(value.unsigned_abs(), value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        self.integer(value.unsigned_abs().try_into().unwrap_or(u64::MAX), value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        self.integer(value, value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        self.integer(value.try_into().unwrap_or(u64::MAX), value)
    }

    fn serialize_f32(self, _: f32) -> Result<(), Fault> {
        Err(Fault::new(NotCanonicalKind::Float))
    }

    fn serialize_f64(self, _: f64) -> Result<(), Fault> {
        Err(Fault::new(NotCanonicalKind::Float))
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.collect_str(&value)
    }

    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        self.string(|characters| characters.write_str(value))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.string(|characters| write!(characters, "{value}"))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Fault> {
        Err(Fault::new(NotCanonicalKind::Bytes))
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.out.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.variant(variant)?;
        value.serialize(&mut *self).map_err(in_member(variant))?;
        self.close('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, Fault> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, Fault> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, Fault> {
        self.array()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, Fault> {
        self.variant(variant)?;
        let array = self.array().map_err(in_member(variant))?;
        Ok(Array {
            variant: Some(variant),
            ..array
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Fault> {
        self.object()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, Fault> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, Fault> {
        self.variant(variant)?;
        let object = self.object().map_err(in_member(variant))?;
        Ok(Object {
            variant: Some(variant),
            ..object
        })
    }
}
