//! Reading records out of the cache, with every value that stands.

use std::collections::BTreeMap;

use automerge::{ObjId, ObjType, ReadDoc, ScalarValue, Value};

use crate::chunk::Hash;
use crate::document::{Document, Fault};

/// A text inside an inner map, with the operation that wrote it.
pub type InnerText = (String, u64, Vec<u8>);

#[derive(Debug, Clone, PartialEq)]
pub enum ShownValue {
    Scalar(ScalarValue),
    /// Per key the texts that stand, the winner first.
    Inner(BTreeMap<String, Vec<InnerText>>),
}

/// A value that stands in a field.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownField {
    pub value: ShownValue,
    pub counter: u64,
    pub actor: Vec<u8>,
    /// The change that wrote it; None while the gate has not taken that change.
    pub change: Option<Hash>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Record {
    /// How many maps stand under the record's id.
    pub maps: usize,
    /// Per field all values of all maps, the winner first.
    pub fields: BTreeMap<String, Vec<ShownField>>,
}

/// (counter, actor): the order of winners. The root comes before all.
pub fn op_id(id: &ObjId) -> (u64, &[u8]) {
    match id {
        ObjId::Root => (0, &[]),
        ObjId::Id(counter, actor, _) => (*counter, actor.to_bytes()),
    }
}

impl Document {
    pub fn record_ids(&self) -> Vec<String> {
        self.cache.keys(&self.records).collect()
    }

    /// The records of these ids, or all; ids that the cache does not show are left out.
    pub fn read(&self, ids: Option<&[String]>) -> Result<BTreeMap<String, Record>, Fault> {
        let all;
        let ids = match ids {
            Some(ids) => ids,
            None => {
                all = self.record_ids();
                &all
            }
        };
        let mut records = BTreeMap::new();
        for id in ids {
            let mut record = Record::default();
            for (value, map) in self.standing(&self.records, id)? {
                if matches!(value, Value::Object(ObjType::Map)) {
                    record.maps += 1;
                    self.read_map(&map, &mut record)?;
                }
            }
            for values in record.fields.values_mut() {
                values.sort_by(|a, b| (b.counter, &b.actor).cmp(&(a.counter, &a.actor)));
            }
            if record.maps > 0 {
                records.insert(id.clone(), record);
            }
        }
        Ok(records)
    }

    fn standing(&self, object: &ObjId, key: &str) -> Result<Vec<(Value<'_>, ObjId)>, Fault> {
        let all = self.cache.get_all(object, key);
        all.map_err(|_| Fault::poisoned("Automerge cannot read a record"))
    }

    fn read_map(&self, map: &ObjId, record: &mut Record) -> Result<(), Fault> {
        for item in self.cache.map_range(map, ..) {
            let values = record.fields.entry(item.key.to_string()).or_default();
            if item.conflict {
                for (value, id) in self.standing(map, &item.key)? {
                    values.push(self.shown(value, &id)?);
                }
            } else {
                let id = item.id();
                values.push(self.shown(item.value.into_value(), &id)?);
            }
        }
        Ok(())
    }

    fn shown(&self, value: Value<'_>, id: &ObjId) -> Result<ShownField, Fault> {
        let (counter, actor) = op_id(id);
        let value = match value {
            Value::Scalar(scalar) => ShownValue::Scalar(scalar.into_owned()),
            Value::Object(_) => ShownValue::Inner(self.read_inner(id)?),
        };
        let known = self.tables.find_actor(actor);
        let op = known.and_then(|known| self.tables.resolve(counter, known, &self.applied));
        Ok(ShownField {
            value,
            counter,
            actor: actor.to_vec(),
            change: op.map(|op| self.tables.known(op.change).hash),
        })
    }

    fn read_inner(&self, map: &ObjId) -> Result<BTreeMap<String, Vec<InnerText>>, Fault> {
        let mut entries = BTreeMap::new();
        let keys: Vec<String> = self.cache.keys(map).collect();
        for key in keys {
            let mut texts: Vec<InnerText> = Vec::new();
            for (value, id) in self.standing(map, &key)? {
                let (counter, actor) = op_id(&id);
                let text = value.to_str();
                let text = text.ok_or(Fault::poisoned("no text in a map inside a record"))?;
                texts.push((String::from(text), counter, actor.to_vec()));
            }
            texts.sort_by(|a, b| (b.1, &b.2).cmp(&(a.1, &a.2)));
            entries.insert(key, texts);
        }
        Ok(entries)
    }
}
