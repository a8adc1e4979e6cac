//! The rules about what a change does: G12 form, G13 object, G14 pred, G16 schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ExpandedChange, ObjType, ScalarValue};

use crate::clock::Clock;
use crate::gate::Gate;
use crate::shape;
use crate::tables::{
    DEPTH_INNER, DEPTH_RECORD, DEPTH_RECORDS, OpRef, Place, RECORDS, Shown, Standing, Tables,
};
use crate::verdict::Stop;

/// The values at one key before and after a change.
pub struct Touch {
    pub before: Vec<Standing>,
    pub after: Vec<Standing>,
}

pub struct ShownChange {
    pub before: Shown,
    pub after: Shown,
}

type Touched = BTreeMap<OpRef, BTreeMap<Arc<str>, Touch>>;

/// What a change does to the tables once it is accepted.
pub struct Effects {
    pub made: BTreeMap<OpRef, Place>,
    pub touched: Touched,
    pub shown: BTreeMap<OpRef, ShownChange>,
    /// What G16 found wrong with the shape of a key or value.
    misshapen: Option<String>,
}

impl Effects {
    pub fn records_made(&self) -> u64 {
        let depths = self.made.values().map(|place| place.depth);
        depths.filter(|&depth| depth == DEPTH_RECORD).count() as u64
    }
}

/// What stands at each touched key afterwards, as the tables keep it.
pub fn left(touched: Touched) -> Vec<(OpRef, Arc<str>, Option<Standing>)> {
    let mut all = Vec::new();
    for (object, keys) in touched {
        for (key, touch) in keys {
            all.push((object, key, touch.after.first().copied()));
        }
    }
    all
}

/// Judges G12, G13 and G14 and works out the effects.
pub fn read(gate: &Gate<'_>, change: &ExpandedChange, past: &Clock) -> Result<Effects, Stop> {
    if gate.rules.judges(12) {
        for (index, op) in change.operations.iter().enumerate() {
            g12_form(gate, op).map_err(|why| Stop::refused(12, format!("op {index}: {why}")))?;
        }
    }
    let author = Author {
        tables: gate.tables,
        past,
        actor: change.actor_id.to_bytes(),
        start_op: change.start_op.get(),
        next: gate.tables.changes().len() as u32,
    };
    let (places, made) = g13_objects(gate, change, &author)?;
    let mut effects = Effects {
        made,
        touched: BTreeMap::new(),
        shown: BTreeMap::new(),
        misshapen: None,
    };
    for (index, op) in change.operations.iter().enumerate() {
        let (Some((object, depth)), Key::Map(key)) = (&places[index], &op.key) else {
            continue;
        };
        if effects.misshapen.is_none() {
            let wrong = shape::of_op(*depth, key, &op.action, gate.caps).err();
            effects.misshapen = wrong.map(|why| format!("op {index}: {why}"));
        }
        g14_pred(gate, &author, &mut effects.touched, *object, index, op)?;
    }
    effects.shown = shown(gate, &effects, past);
    Ok(effects)
}

/// The author's view while its change is read: what an operation id means here.
struct Author<'a> {
    tables: &'a Tables,
    past: &'a Clock,
    actor: &'a [u8],
    start_op: u64,
    /// The index that the change will have.
    next: u32,
}

impl Author<'_> {
    /// The operation that `id` names: in the past, or before `index` in this change.
    fn resolve(&self, id: &OpId, index: usize) -> Option<OpRef> {
        if id.actor().to_bytes() == self.actor && id.counter() >= self.start_op {
            let offset = id.counter() - self.start_op;
            let change = self.next;
            return (offset < index as u64).then_some(OpRef {
                change,
                offset: offset as u32,
            });
        }
        let actor = self.tables.find_actor(id.actor().to_bytes())?;
        self.tables.resolve(id.counter(), actor, self.past)
    }
}

fn g12_form(gate: &Gate<'_>, op: &Op) -> Result<(), &'static str> {
    if op.insert {
        return Err("insert");
    }
    let Key::Map(key) = &op.key else {
        return Err("list key");
    };
    if key.is_empty() || key.len() as u64 > gate.caps.key_bytes {
        return Err("length of the key");
    }
    let ObjectId::Id(object) = &op.obj else {
        return Err("operation on the root");
    };
    let in_records =
        object.counter() == 1 && { object.actor().to_bytes() == gate.tables.actor_id(0) };
    match &op.action {
        OpType::Make(ObjType::Map) | OpType::Delete => Ok(()),
        OpType::Put(ScalarValue::Counter(_)) => Err("counter"),
        OpType::Put(ScalarValue::Unknown { .. }) => Err("value of an unknown type"),
        OpType::Put(_) if in_records => Err("records holds maps only"),
        OpType::Put(_) => Ok(()),
        OpType::Make(_) => Err("list, text or table"),
        OpType::Increment(_) => Err("increment"),
        OpType::MarkBegin(_) | OpType::MarkEnd(_) => Err("mark"),
    }
}

type Placed = (Vec<Option<(OpRef, u8)>>, BTreeMap<OpRef, Place>);

/// The object of each operation with its depth, and the maps that the change makes. An operation
/// without an object is left out where the rule is switched off.
fn g13_objects(
    gate: &Gate<'_>,
    change: &ExpandedChange,
    author: &Author<'_>,
) -> Result<Placed, Stop> {
    let mut made: BTreeMap<OpRef, Place> = BTreeMap::new();
    let mut places = Vec::with_capacity(change.operations.len());
    for (index, op) in change.operations.iter().enumerate() {
        let object = match &op.obj {
            ObjectId::Root => None,
            ObjectId::Id(id) => author.resolve(id, index),
        };
        let place = object.and_then(|o| made.get(&o).or_else(|| author.tables.place(o)).cloned());
        let (Some(object), Some(place)) = (object, place) else {
            if gate.rules.judges(13) {
                let detail = format!("op {index}: object not made in its past");
                return Err(Stop::refused(13, detail));
            }
            places.push(None);
            continue;
        };
        if let (OpType::Make(_), Key::Map(key)) = (&op.action, &op.key) {
            if u64::from(place.depth) >= gate.caps.depth && gate.rules.judges(13) {
                return Err(Stop::refused(13, format!("op {index}: map too deep")));
            }
            let record = match place.depth {
                DEPTH_RECORDS => Arc::from(key.as_str()),
                _ => Arc::clone(&place.record),
            };
            let offset = index as u32;
            let change = author.next;
            let inner = Place {
                depth: place.depth.saturating_add(1),
                parent: object,
                record,
            };
            made.insert(OpRef { change, offset }, inner);
        }
        places.push(Some((object, place.depth)));
    }
    Ok((places, made))
}

/// Judges the predecessors of one operation and notes what stands at its key afterwards.
fn g14_pred(
    gate: &Gate<'_>,
    author: &Author<'_>,
    touched: &mut Touched,
    object: OpRef,
    index: usize,
    op: &Op,
) -> Result<(), Stop> {
    let Key::Map(key) = &op.key else {
        return Ok(());
    };
    let keys = touched.entry(object).or_default();
    if !keys.contains_key(key.as_str()) {
        let before = author.tables.standing(object, key, author.past);
        let after = before.clone();
        keys.insert(Arc::from(key.as_str()), Touch { before, after });
    }
    let Some(touch) = keys.get_mut(key.as_str()) else {
        return Ok(());
    };
    let visible = &touch.after;
    let preds: Option<Vec<OpRef>> = op.pred.iter().map(|id| author.resolve(id, index)).collect();
    let all = preds
        .as_ref()
        .is_some_and(|preds| same(preds, visible.iter()));
    let greatest = visible.iter().copied().max_by(|a, b| author.order(*a, *b));
    let resolves = visible.len() >= 2
        && preds
            .as_ref()
            .is_some_and(|preds| same(preds, visible.iter().filter(|v| Some(**v) != greatest)));
    let (fits, after) = match &op.action {
        OpType::Delete if resolves => (true, greatest),
        OpType::Delete => (all && !visible.is_empty(), None),
        action => {
            let (bytes, map) = match action {
                OpType::Put(value) => (shape::value_bytes(value), false),
                _ => (0, true),
            };
            let offset = index as u32;
            let change = author.next;
            let op = OpRef { change, offset };
            (all, Some(Standing { op, bytes, map }))
        }
    };
    if !fits && gate.rules.judges(14) {
        let detail = format!(
            "op {index}: {} predecessors where {} values stand",
            op.pred.len(),
            visible.len()
        );
        return Err(Stop::refused(14, detail));
    }
    touch.after = after.into_iter().collect();
    Ok(())
}

impl Author<'_> {
    fn order(&self, a: Standing, b: Standing) -> std::cmp::Ordering {
        self.id(a.op).cmp(&self.id(b.op))
    }

    fn id(&self, op: OpRef) -> (u64, &[u8]) {
        if op.change == self.next {
            (self.start_op + u64::from(op.offset), self.actor)
        } else {
            self.tables.op_id(op)
        }
    }
}

fn same<'a>(preds: &[OpRef], standing: impl Iterator<Item = &'a Standing>) -> bool {
    let mut given = preds.to_vec();
    let mut wanted: Vec<OpRef> = standing.map(|s| s.op).collect();
    given.sort_unstable();
    wanted.sort_unstable();
    given == wanted
}

/// What each touched map shows, before and after; `records` itself has no cap and is left out.
fn shown(gate: &Gate<'_>, effects: &Effects, past: &Clock) -> BTreeMap<OpRef, ShownChange> {
    let mut all = BTreeMap::new();
    for (&object, keys) in &effects.touched {
        if object == RECORDS {
            continue;
        }
        let before = gate.tables.shown(object, past);
        let mut after = before.clone();
        for (key, touch) in keys {
            update(&mut after, key, touch);
        }
        all.insert(object, ShownChange { before, after });
    }
    all
}

fn update(shown: &mut Shown, key: &Arc<str>, touch: &Touch) {
    let weight = |values: &[Standing]| -> u64 {
        let each = values.iter().map(|v| key.len() as u64 + u64::from(v.bytes));
        each.sum()
    };
    shown.bytes = (shown.bytes + weight(&touch.after)).saturating_sub(weight(&touch.before));
    if touch.before.is_empty() != touch.after.is_empty() {
        let mut keys: Vec<Arc<str>> = shown.keys.to_vec();
        match keys.binary_search(key) {
            Ok(at) if touch.after.is_empty() => drop(keys.remove(at)),
            Err(at) if !touch.after.is_empty() => keys.insert(at, Arc::clone(key)),
            _ => {}
        }
        shown.keys = Arc::from(keys);
    }
    let is_map = |values: &[Standing]| values.iter().any(|value| value.map);
    if is_map(&touch.before) || is_map(&touch.after) {
        let gone = |op: &OpRef| touch.before.iter().any(|value| value.op == *op);
        let kept = shown.maps.iter().copied().filter(|op| !gone(op));
        let come = touch.after.iter().filter(|value| value.map);
        shown.maps = kept.chain(come.map(|value| value.op)).collect();
    }
}

/// Judges shapes, and the caps of every record that the change adds to.
pub fn g16_schema(gate: &Gate<'_>, effects: &Effects, past: &Clock) -> Result<(), Stop> {
    if !gate.rules.judges(16) {
        return Ok(());
    }
    if let Some(detail) = &effects.misshapen {
        return Err(Stop::refused(16, detail.as_str()));
    }
    let mut records: Vec<OpRef> = Vec::new();
    for (&object, change) in &effects.shown {
        let Some(place) = effects
            .made
            .get(&object)
            .or_else(|| gate.tables.place(object))
        else {
            continue;
        };
        if place.depth == DEPTH_RECORD {
            records.push(object);
        } else if place.depth >= DEPTH_INNER {
            records.push(place.parent);
            let (before, after) = (change.before.keys.len(), change.after.keys.len());
            if after as u64 > gate.caps.inner_entries && after > before {
                let detail = format!("{after} entries in a map inside a record");
                return Err(Stop::refused(16, detail));
            }
        }
    }
    records.sort_unstable();
    records.dedup();
    for record in records {
        let (fields_before, bytes_before) = weigh(gate, effects, record, past, false);
        let (fields, bytes) = weigh(gate, effects, record, past, true);
        if fields as u64 > gate.caps.record_fields && fields > fields_before {
            return Err(Stop::refused(16, format!("{fields} fields in a record")));
        }
        if bytes > gate.caps.record_bytes && bytes > bytes_before {
            return Err(Stop::refused(16, format!("{bytes} bytes in a record")));
        }
    }
    Ok(())
}

/// Fields and bytes of a record with the maps that it shows, before or after the change.
fn weigh(
    gate: &Gate<'_>,
    effects: &Effects,
    record: OpRef,
    past: &Clock,
    after: bool,
) -> (usize, u64) {
    let look = |object: OpRef| match effects.shown.get(&object) {
        Some(change) if after => change.after.clone(),
        Some(change) => change.before.clone(),
        None => gate.tables.shown(object, past),
    };
    let own = look(record);
    let inner: u64 = own.maps.iter().map(|&map| look(map).bytes).sum();
    (own.keys.len(), own.bytes + inner)
}
