//! Own edits: one transaction upon exactly what the cache holds.

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, AutomergeError, ObjId, ObjType, ReadDoc, ScalarValue, Value};

use crate::document::{Document, Fault};
use crate::guard::guarded;
use crate::reading::op_id;
use crate::shape;
use crate::verdict::{ACTOR_BYTES, Caps};

/// What a field of a new map gets.
#[derive(Clone, Debug)]
pub enum Content {
    Scalar(ScalarValue),
    Inner(Vec<(String, String)>),
}

#[derive(Clone, Debug)]
pub enum Edit {
    /// A new empty record.
    Make {
        record: String,
    },
    Put {
        record: String,
        field: String,
        value: ScalarValue,
    },
    Delete {
        record: String,
        field: String,
    },
    /// A text in a map inside the record; the map is made if there is none.
    PutIn {
        record: String,
        field: String,
        key: String,
        text: String,
    },
    DeleteIn {
        record: String,
        field: String,
        key: String,
    },
    /// One new map over all that stand under this record id.
    Remake {
        record: String,
        fields: Vec<(String, Content)>,
    },
}

/// Bytes of a change beside its texts: header, deps and other actors at their caps.
const HEADER_BYTES: usize = 6_000;
/// Bytes of an operation beside its key and text, at most.
const OP_BYTES: usize = 24;

impl Document {
    /// Writes `edits` as one change of `actor` (36 bytes) and returns its raw bytes, or None when
    /// nothing changed. The cache holds it then; the caller brings it through `accept` next.
    pub fn edit(&mut self, actor: &[u8], edits: &[Edit]) -> Result<Option<Vec<u8>>, Fault> {
        self.may_write(actor)?;
        for (index, edit) in edits.iter().enumerate() {
            let fits = edit.check(&self.caps);
            fits.map_err(|why| Fault::value(format!("edit {index}: {why}")))?;
        }
        let size: usize = edits.iter().map(Edit::size).sum();
        if (size + HEADER_BYTES) as u64 > self.caps.change_bytes {
            return Err(Fault::value(
                "too many bytes for one change; write it in parts",
            ));
        }
        let actor = ActorId::from(actor);
        self.cache.set_actor(actor.clone());
        if *self.cache.get_actor() != actor {
            return Err(Fault::poisoned("Automerge did not take the actor"));
        }
        let mut transaction = self.cache.transaction();
        let records = &self.records;
        let written = guarded(|| write(&mut transaction, records, edits));
        let written = match written {
            Ok(written) => written,
            Err(caught) => {
                // Its drop would roll back a broken document: a second panic would abort.
                std::mem::forget(transaction);
                return Err(Fault::Poisoned(format!("panic at {}", caught.place)));
            }
        };
        let pending = transaction.pending_ops() as u64;
        if let Err(fault) = written {
            transaction.rollback();
            return Err(fault);
        }
        if pending > self.caps.ops {
            transaction.rollback();
            let detail = format!("{pending} operations are too many for one change");
            return Err(Fault::value(detail));
        }
        let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
        if hash.is_none() {
            return Ok(None);
        }
        let change = self.cache.get_last_local_change();
        let change = change.ok_or(Fault::poisoned("the own change is not there"))?;
        self.unjudged = Some(change.hash().0);
        Ok(Some(change.raw_bytes().to_vec()))
    }

    /// A write that would fork the own chain, or hang on a change that the gate has not seen, is
    /// refused before it starts.
    fn may_write(&self, actor: &[u8]) -> Result<(), Fault> {
        if actor.len() != ACTOR_BYTES {
            let detail = format!("an actor has 36 bytes, not {}", actor.len());
            return Err(Fault::Value(detail));
        }
        if self.unjudged.is_some() {
            return Err(Fault::value("the last edit has not been accepted yet"));
        }
        let own = self.tables.find_actor(actor);
        if own.is_some_and(|own| !self.tables.holds_all_of(own, &self.applied)) {
            let detail = "this actor has changes that do not count here; take a new nonce";
            return Err(Fault::value(detail));
        }
        Ok(())
    }
}

impl Edit {
    fn check(&self, caps: &Caps) -> Result<(), &'static str> {
        shape::record_id(self.record())?;
        match self {
            Edit::Make { .. } => Ok(()),
            Edit::Put { field, value, .. } => {
                shape::field(field)?;
                shape::scalar(value, caps)
            }
            Edit::Delete { field, .. } => shape::field(field),
            Edit::PutIn {
                field, key, text, ..
            } => {
                shape::field(field)?;
                shape::inner_key(key, caps)?;
                shape::text(text, caps)
            }
            Edit::DeleteIn { field, key, .. } => {
                shape::field(field)?;
                shape::inner_key(key, caps)
            }
            Edit::Remake { fields, .. } => fields.iter().try_for_each(|(field, content)| {
                shape::field(field)?;
                content.check(caps)
            }),
        }
    }

    fn record(&self) -> &str {
        match self {
            Edit::Make { record }
            | Edit::Put { record, .. }
            | Edit::Delete { record, .. }
            | Edit::PutIn { record, .. }
            | Edit::DeleteIn { record, .. }
            | Edit::Remake { record, .. } => record,
        }
    }

    /// Bytes that the edit may take in a change, generously.
    fn size(&self) -> usize {
        let own = match self {
            Edit::Make { record } => record.len(),
            Edit::Put { field, value, .. } => field.len() + shape::value_bytes(value) as usize,
            Edit::Delete { field, .. } => field.len(),
            Edit::PutIn {
                field, key, text, ..
            } => field.len() + key.len() + text.len() + OP_BYTES,
            Edit::DeleteIn { field, key, .. } => field.len() + key.len(),
            Edit::Remake { record, fields } => {
                let each = fields
                    .iter()
                    .map(|(field, content)| field.len() + content.size());
                record.len() + each.sum::<usize>()
            }
        };
        own + OP_BYTES
    }
}

impl Content {
    fn check(&self, caps: &Caps) -> Result<(), &'static str> {
        match self {
            Content::Scalar(value) => shape::scalar(value, caps),
            Content::Inner(entries) => entries.iter().try_for_each(|(key, text)| {
                shape::inner_key(key, caps)?;
                shape::text(text, caps)
            }),
        }
    }

    fn size(&self) -> usize {
        match self {
            Content::Scalar(value) => shape::value_bytes(value) as usize + OP_BYTES,
            Content::Inner(entries) => {
                let each = entries
                    .iter()
                    .map(|(key, text)| key.len() + text.len() + OP_BYTES);
                each.sum::<usize>() + OP_BYTES
            }
        }
    }
}

fn write(to: &mut Transaction<'_>, records: &ObjId, edits: &[Edit]) -> Result<(), Fault> {
    for (index, edit) in edits.iter().enumerate() {
        let written = write_one(to, records, edit);
        written.map_err(|error| match error {
            Trouble::Asked(why) => Fault::value(format!("edit {index}: {why}")),
            Trouble::Automerge => Fault::poisoned("Automerge refused an own edit"),
        })?;
    }
    Ok(())
}

enum Trouble {
    /// The edit does not fit what the document shows.
    Asked(&'static str),
    Automerge,
}

impl From<AutomergeError> for Trouble {
    fn from(_: AutomergeError) -> Self {
        Trouble::Automerge
    }
}

fn write_one(to: &mut Transaction<'_>, records: &ObjId, edit: &Edit) -> Result<(), Trouble> {
    match edit {
        Edit::Make { record } => {
            if !maps(to, records, record)?.is_empty() {
                return Err(Trouble::Asked("this record is there already"));
            }
            to.put_object(records, record.as_str(), ObjType::Map)?;
        }
        Edit::Put {
            record,
            field,
            value,
        } => {
            let winner = settle(to, records, record, field)?;
            to.put(&winner, field.as_str(), value.clone())?;
        }
        Edit::Delete { record, field } => {
            let winner = settle(to, records, record, field)?;
            delete_shown(to, &winner, field)?;
        }
        Edit::PutIn {
            record,
            field,
            key,
            text,
        } => {
            let winner = last(maps(to, records, record)?)?;
            let inner = match maps(to, &winner, field)?.pop() {
                Some(inner) => inner,
                None => to.put_object(&winner, field.as_str(), ObjType::Map)?,
            };
            to.put(&inner, key.as_str(), text.as_str())?;
        }
        Edit::DeleteIn { record, field, key } => {
            for map in maps(to, records, record)? {
                for inner in maps(to, &map, field)? {
                    delete_shown(to, &inner, key)?;
                }
            }
        }
        Edit::Remake { record, fields } => {
            let map = to.put_object(records, record.as_str(), ObjType::Map)?;
            for (field, content) in fields {
                put_content(to, &map, field, content)?;
            }
        }
    }
    Ok(())
}

fn put_content(
    to: &mut Transaction<'_>,
    map: &ObjId,
    field: &str,
    content: &Content,
) -> Result<(), Trouble> {
    match content {
        Content::Scalar(value) => to.put(map, field, value.clone())?,
        Content::Inner(entries) => {
            let inner = to.put_object(map, field, ObjType::Map)?;
            for (key, text) in entries {
                to.put(&inner, key.as_str(), text.as_str())?;
            }
        }
    }
    Ok(())
}

/// The maps that stand at a key, the winner last.
fn maps(to: &Transaction<'_>, object: &ObjId, key: &str) -> Result<Vec<ObjId>, Trouble> {
    let all = to.get_all(object, key)?;
    let mut found: Vec<ObjId> = all
        .into_iter()
        .filter(|(value, _)| matches!(value, Value::Object(ObjType::Map)))
        .map(|(_, id)| id)
        .collect();
    found.sort_unstable_by(|a, b| op_id(a).cmp(&op_id(b)));
    Ok(found)
}

fn last(mut maps: Vec<ObjId>) -> Result<ObjId, Trouble> {
    maps.pop().ok_or(Trouble::Asked("there is no such record"))
}

/// The winning map of a record, after the field was taken out of the others: who writes a field
/// answers all the values of it that were shown.
fn settle(
    to: &mut Transaction<'_>,
    records: &ObjId,
    record: &str,
    field: &str,
) -> Result<ObjId, Trouble> {
    let mut all = maps(to, records, record)?;
    let winner = all.pop().ok_or(Trouble::Asked("there is no such record"))?;
    for other in all {
        delete_shown(to, &other, field)?;
    }
    Ok(winner)
}

fn delete_shown(to: &mut Transaction<'_>, object: &ObjId, key: &str) -> Result<(), Trouble> {
    if to.get(object, key)?.is_some() {
        to.delete(object, key)?;
    }
    Ok(())
}
