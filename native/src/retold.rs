//! What an accepted change does, in the words of `edit`: so that it can be written again elsewhere.

use automerge::legacy::{Key, ObjectId, Op, OpType};
use automerge::{Change, ObjType, ScalarValue};

use crate::chunk::Hash;
use crate::document::{Document, Fault};
use crate::edit::Edit;
use crate::tables::{DEPTH_INNER, DEPTH_RECORD, DEPTH_RECORDS, Known, OpRef};

/// What an operation leaves at its key.
enum Left {
    Map,
    Value(ScalarValue),
    Nothing,
}

impl Document {
    /// The edits of an accepted change, on whatever branch it stands. A map inside a record is
    /// implied by what is put in it; taking a whole record away is no edit and is left out.
    pub fn edits(&self, hash: &Hash) -> Result<Vec<Edit>, Fault> {
        let index = self.tables.find(hash);
        let index = index.ok_or(Fault::value("edits are of accepted changes only"))?;
        let mut edits = Vec::new();
        for op in operations(self.tables.known(index))? {
            edits.extend(self.edit_of(index, &op)?);
        }
        Ok(edits)
    }

    fn edit_of(&self, change: u32, op: &Op) -> Result<Option<Edit>, Fault> {
        let past = &self.tables.known(change).clock;
        let (ObjectId::Id(object), Key::Map(key)) = (&op.obj, &op.key) else {
            return Err(strange());
        };
        let actor = self.tables.find_actor(object.actor().to_bytes());
        let object = actor.and_then(|actor| self.tables.resolve(object.counter(), actor, past));
        let object = object.ok_or_else(strange)?;
        let place = self.tables.place(object).ok_or_else(strange)?;
        let (record, key) = (place.record.to_string(), key.to_string());
        let edit = match (place.depth, self.left_by(change, object, &key, op)?) {
            (DEPTH_RECORDS, Left::Map) => Edit::Make { record: key },
            (DEPTH_RECORD, Left::Value(value)) => Edit::Put {
                record,
                field: key,
                value,
            },
            (DEPTH_RECORD, Left::Nothing) => Edit::Delete { record, field: key },
            (DEPTH_INNER, Left::Value(ScalarValue::Str(text))) => Edit::PutIn {
                record,
                field: self.key_of(object)?,
                key,
                text: text.to_string(),
            },
            (DEPTH_INNER, Left::Nothing) => Edit::DeleteIn {
                record,
                field: self.key_of(object)?,
                key,
            },
            _ => return Ok(None),
        };
        Ok(Some(edit))
    }

    /// A delete that settles a conflict leaves the winner: it is how Automerge writes a put of the
    /// value that wins already.
    fn left_by(&self, change: u32, object: OpRef, key: &str, op: &Op) -> Result<Left, Fault> {
        match &op.action {
            OpType::Make(ObjType::Map) => Ok(Left::Map),
            OpType::Put(value) => Ok(Left::Value(value.clone())),
            OpType::Delete => {
                let past = &self.tables.known(change).clock;
                match self.tables.standing(object, key, past).first() {
                    Some(standing) if standing.map => Ok(Left::Map),
                    Some(standing) if standing.op.change != change => {
                        match self.operation(standing.op)?.action {
                            OpType::Put(value) => Ok(Left::Value(value)),
                            _ => Err(strange()),
                        }
                    }
                    _ => Ok(Left::Nothing),
                }
            }
            _ => Err(strange()),
        }
    }

    /// The key under which a map was put.
    fn key_of(&self, object: OpRef) -> Result<String, Fault> {
        match self.operation(object)?.key {
            Key::Map(key) => Ok(key.to_string()),
            Key::Seq(_) => Err(strange()),
        }
    }

    fn operation(&self, op: OpRef) -> Result<Op, Fault> {
        let all = operations(self.tables.known(op.change))?;
        all.into_iter().nth(op.offset as usize).ok_or_else(strange)
    }
}

fn operations(known: &Known) -> Result<Vec<Op>, Fault> {
    let change = Change::try_from(&*known.raw).map_err(|_| strange())?;
    Ok(change.decode().operations)
}

fn strange() -> Fault {
    Fault::poisoned("an accepted change cannot be read as edits")
}
