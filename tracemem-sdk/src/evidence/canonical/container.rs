//! Objects and arrays while they are being written.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::NotCanonicalKind;
use super::writer::{Fault, Member, Writer, in_member, is_key};
use crate::json::path::Segment;

/// An open object: its members are in the output from `start` and in [`Writer::members`] from `base`.
pub(super) struct Object<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) start: usize,
    pub(super) base: usize,
    pub(super) in_order: bool,
    /// Which of [`Writer::members`] is being written.
    pub(super) current: usize,
    /// The enum variant around the object, for its closing brace.
    pub(super) variant: Option<&'static str>,
}

impl Object<'_> {
    /// Writes `"key":`, checked, and notes where it stands.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        let Self {
            writer,
            base,
            in_order,
            ..
        } = self;
        if writer.members.len() > *base {
            writer.out.push(',');
        }
        let start = writer.out.len();
        key.serialize(&mut **writer)?;
        let member = Member {
            start,
            key_end: writer.out.len().saturating_sub(1),
            end: 0,
        };
        // A key that is no string was written without quotes, one with escapes has a backslash: neither passes.
        let quoted = writer
            .out
            .get(start..)
            .is_some_and(|text| text.len() > 1 && text.starts_with('"'));
        let key = member.key(&writer.out);
        if !quoted || !is_key(key) {
            return Err(in_member(key)(Fault::new(NotCanonicalKind::Key)));
        }
        let previous = writer.members.get(*base..).unwrap_or_default().last();
        *in_order &= previous.is_none_or(|previous| previous.key(&writer.out) < key);
        self.current = writer.members.len();
        writer.members.push(member);
        writer.out.push(':');
        Ok(())
    }

    /// Writes the value of the key that was written last.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let written = value.serialize(&mut *self.writer);
        let end = self.writer.out.len();
        let Some(member) = self.writer.members.get_mut(self.current) else {
            return written;
        };
        member.end = end;
        written.map_err(|fault| in_member(member.key(&self.writer.out))(fault))
    }

    fn finish(mut self) -> Result<(), Fault> {
        if !self.in_order {
            self.sort()?;
        }
        self.writer.members.truncate(self.base);
        self.writer.close('}');
        if self.variant.is_some() {
            self.writer.close('}');
        }
        Ok(())
    }

    /// Puts the members in the order of their keys.
    fn sort(&mut self) -> Result<(), Fault> {
        let Writer {
            out,
            members,
            scratch,
            depth: _,
        } = &mut *self.writer;
        let members = members.get_mut(self.base..).unwrap_or_default();
        members.sort_unstable_by(|one, other| one.key(out).cmp(other.key(out)));
        let twin = members.windows(2).find_map(|pair| match pair {
            [one, other] if one.key(out) == other.key(out) => Some(one.key(out)),
            _ => None,
        });
        if let Some(twin) = twin {
            return Err(in_member(twin)(Fault::new(NotCanonicalKind::DuplicateKey)));
        }
        scratch.clear();
        for member in members {
            if !scratch.is_empty() {
                scratch.push(',');
            }
            scratch.push_str(out.get(member.start..member.end).unwrap_or_default());
        }
        out.truncate(self.start);
        out.push_str(scratch);
        Ok(())
    }
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.value(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

impl SerializeStructVariant for Object<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        SerializeStruct::serialize_field(self, key, value).map_err(in_variant(self.variant))
    }

    fn end(self) -> Result<(), Fault> {
        let variant = self.variant;
        self.finish().map_err(in_variant(variant))
    }
}

/// An open array.
pub(super) struct Array<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) count: usize,
    /// The enum variant around the array, for its closing brace.
    pub(super) variant: Option<&'static str>,
}

impl Array<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if self.count > 0 {
            self.writer.out.push(',');
        }
        let index = self.count;
        self.count += 1;
        value
            .serialize(&mut *self.writer)
            .map_err(|fault| fault.at(Segment::Index(index)))
    }

    fn finish(self) {
        self.writer.close(']');
        if self.variant.is_some() {
            self.writer.close('}');
        }
    }
}

impl SerializeSeq for Array<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.element(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish();
        Ok(())
    }
}

impl SerializeTuple for Array<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.element(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish();
        Ok(())
    }
}

impl SerializeTupleStruct for Array<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.element(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish();
        Ok(())
    }
}

impl SerializeTupleVariant for Array<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.element(value).map_err(in_variant(self.variant))
    }

    fn end(self) -> Result<(), Fault> {
        self.finish();
        Ok(())
    }
}

fn in_variant(variant: Option<&'static str>) -> impl FnOnce(Fault) -> Fault {
    move |fault| match variant {
        Some(variant) => in_member(variant)(fault),
        None => fault,
    }
}
