//! Everything known of one document's accepted changes, on whatever branch they stand.
//!
//! A fork gives an actor several *chains*: a chain starts at the actor's first change, or where a
//! second change follows one that already has a successor. A causal past is a clock over chains
//! (`clock.rs`), so "x is in the past of c" is one comparison. Operations are named by (change,
//! position), which is unique where two branches use one (counter, actor) twice; an (counter, actor)
//! is resolved within a past, which never holds two branches of one actor.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::chunk::Hash;
use crate::clock::Clock;
use crate::history::History;

/// An operation or the object that it made: index of the change, position within it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct OpRef {
    pub change: u32,
    pub offset: u32,
}

/// The `records` map, which the genesis makes.
pub const RECORDS: OpRef = OpRef {
    change: 0,
    offset: 0,
};

/// Depths of objects, the root counted as 1.
pub const DEPTH_RECORDS: u8 = 2;
pub const DEPTH_RECORD: u8 = 3;
pub const DEPTH_INNER: u8 = 4;

/// A value that stands at a key: its operation, its bytes by the record cap, whether it is a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    pub op: OpRef,
    pub bytes: u32,
    pub map: bool,
}

/// Which keys of a map show a value, and what they weigh without the maps inside.
#[derive(Clone, Default)]
pub struct Shown {
    pub keys: Arc<[Arc<str>]>,
    pub bytes: u64,
    pub maps: Arc<[OpRef]>,
}

/// What a change made: a map, and where it stands.
#[derive(Clone)]
pub struct Place {
    pub depth: u8,
    /// The map in which it was put.
    pub parent: OpRef,
    /// Id of the record that it is or is in; empty for `records`.
    pub record: Arc<str>,
}

struct Object {
    place: Place,
    keys: BTreeMap<Arc<str>, History<Option<Standing>>>,
    shown: History<Shown>,
}

/// Sums over changes: count, raw bytes, record maps made. The genesis is not counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Totals {
    pub changes: u64,
    pub bytes: u64,
    pub records: u64,
}

impl Totals {
    pub fn add(&mut self, other: Totals) {
        self.changes += other.changes;
        self.bytes += other.bytes;
        self.records += other.records;
    }
}

/// One accepted change.
pub struct Known {
    pub hash: Hash,
    pub raw: Arc<[u8]>,
    pub actor: u32,
    pub chain: u32,
    pub seq: u32,
    pub start_op: u64,
    pub ops: u32,
    /// The actor's own change before it.
    pub previous: Option<u32>,
    /// Its past, itself included.
    pub clock: Clock,
    /// Over its own chain from that chain's start.
    line: Totals,
    /// Ids of the records that it wrote to.
    pub records: Box<[Arc<str>]>,
}

impl Known {
    pub fn max_op(&self) -> u64 {
        self.start_op + u64::from(self.ops) - 1
    }
}

struct Chain {
    first: u32,
    changes: Vec<u32>,
}

struct Actor {
    id: Box<[u8]>,
    chains: Vec<u32>,
}

/// A judged change on its way into the tables.
pub struct Entry {
    pub hash: Hash,
    pub raw: Arc<[u8]>,
    pub actor: Box<[u8]>,
    pub previous: Option<u32>,
    pub seq: u32,
    pub start_op: u64,
    pub ops: u32,
    /// The past of its deps, itself not included.
    pub past: Clock,
    pub totals: Totals,
    pub made: Vec<(OpRef, Place)>,
    pub left: Vec<(OpRef, Arc<str>, Option<Standing>)>,
    pub shown: Vec<(OpRef, Shown)>,
}

/// What `retract` needs beyond the change itself.
pub struct Undo {
    made: Vec<OpRef>,
    left: Vec<(OpRef, Arc<str>)>,
    shown: Vec<OpRef>,
}

pub struct Tables {
    changes: Vec<Known>,
    by_hash: HashMap<Hash, u32>,
    chains: Vec<Chain>,
    actors: Vec<Actor>,
    by_actor: HashMap<Box<[u8]>, u32>,
    objects: HashMap<OpRef, Object>,
    totals: Totals,
    ops: u64,
}

impl Tables {
    /// Tables of a document that holds its genesis and nothing else.
    pub fn new(hash: Hash, raw: &[u8], actor: &[u8]) -> Tables {
        let mut tables = Tables {
            changes: Vec::new(),
            by_hash: HashMap::new(),
            chains: Vec::new(),
            actors: Vec::new(),
            by_actor: HashMap::new(),
            objects: HashMap::new(),
            totals: Totals::default(),
            ops: 0,
        };
        let records = Place {
            depth: DEPTH_RECORDS,
            parent: RECORDS,
            record: Arc::from(""),
        };
        tables.enter(Entry {
            hash,
            raw: Arc::from(raw),
            actor: Box::from(actor),
            previous: None,
            seq: 1,
            start_op: 1,
            ops: 1,
            past: Clock::default(),
            totals: Totals::default(),
            made: vec![(RECORDS, records)],
            left: Vec::new(),
            shown: Vec::new(),
        });
        tables
    }

    pub fn find(&self, hash: &Hash) -> Option<u32> {
        self.by_hash.get(hash).copied()
    }

    pub fn known(&self, change: u32) -> &Known {
        &self.changes[change as usize]
    }

    pub fn changes(&self) -> &[Known] {
        &self.changes
    }

    pub fn actor_count(&self) -> usize {
        self.actors.len()
    }

    pub fn chain_count(&self) -> usize {
        self.chains.len()
    }

    pub fn op_count(&self) -> u64 {
        self.ops
    }

    /// Over all branches, the genesis left out.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    pub fn find_actor(&self, id: &[u8]) -> Option<u32> {
        self.by_actor.get(id).copied()
    }

    pub fn actor_id(&self, actor: u32) -> &[u8] {
        &self.actors[actor as usize].id
    }

    /// Where the map made by `op` stands; None when `op` made none.
    pub fn place(&self, op: OpRef) -> Option<&Place> {
        self.objects.get(&op).map(|object| &object.place)
    }

    fn at(&self, chain: u32, seq: u32) -> u32 {
        let chain = &self.chains[chain as usize];
        chain.changes[(seq - chain.first) as usize]
    }

    /// Whether `change` is in `past`.
    pub fn covers(&self, past: &Clock, change: u32) -> bool {
        let known = self.known(change);
        past.get(known.chain) >= known.seq
    }

    /// The changes of `past`, in no particular order.
    pub fn within<'a>(&'a self, past: &'a Clock) -> impl Iterator<Item = u32> + 'a {
        past.iter().flat_map(|(chain, seq)| {
            let chain = &self.chains[chain as usize];
            chain.changes[..(seq + 1 - chain.first) as usize]
                .iter()
                .copied()
        })
    }

    /// The last change of `actor` in `past`.
    pub fn last_of(&self, actor: u32, past: &Clock) -> Option<u32> {
        let own = self.actors[actor as usize].chains.iter();
        let ends = own.filter_map(|&chain| {
            let seq = past.get(chain);
            (seq > 0).then(|| self.at(chain, seq))
        });
        ends.max_by_key(|&change| self.known(change).seq)
    }

    /// Whether `past` holds the newest change of every branch of `actor`.
    pub fn holds_all_of(&self, actor: u32, past: &Clock) -> bool {
        self.actors[actor as usize].chains.iter().all(|&chain| {
            let entry = &self.chains[chain as usize];
            past.get(chain) + 1 == entry.first + entry.changes.len() as u32
        })
    }

    /// An actor of which `past` holds two changes with one seq, if there is one.
    pub fn forked_in(&self, past: &Clock) -> bool {
        let mut spans: Vec<(u32, u32, u32)> = past
            .iter()
            .map(|(chain, last)| {
                let actor = self.known(self.at(chain, last)).actor;
                (actor, self.chains[chain as usize].first, last)
            })
            .filter(|&(actor, _, _)| self.actors[actor as usize].chains.len() > 1)
            .collect();
        spans.sort_unstable();
        spans
            .windows(2)
            .any(|pair| pair[0].0 == pair[1].0 && pair[1].1 <= pair[0].2)
    }

    /// Whether another change than `hash` is known at (`actor`, `seq`).
    pub fn rival(&self, actor: &[u8], seq: u32, hash: &Hash) -> bool {
        let Some(actor) = self.find_actor(actor) else {
            return false;
        };
        self.actors[actor as usize].chains.iter().any(|&chain| {
            let entry = &self.chains[chain as usize];
            let end = entry.first + entry.changes.len() as u32;
            (entry.first..end).contains(&seq) && self.known(self.at(chain, seq)).hash != *hash
        })
    }

    /// The operation that (`counter`, `actor`) names within `past`.
    pub fn resolve(&self, counter: u64, actor: u32, past: &Clock) -> Option<OpRef> {
        for &chain in &self.actors[actor as usize].chains {
            let entry = &self.chains[chain as usize];
            let within = (past.get(chain) + 1).saturating_sub(entry.first) as usize;
            let line = &entry.changes[..within];
            let after = line.partition_point(|&c| self.known(c).start_op <= counter);
            if after > 0 {
                let change = line[after - 1];
                let known = self.known(change);
                if counter <= known.max_op() {
                    let offset = (counter - known.start_op) as u32;
                    return Some(OpRef { change, offset });
                }
            }
        }
        None
    }

    /// (counter, actor) of an operation: the order by which Automerge picks a winner.
    pub fn op_id(&self, op: OpRef) -> (u64, &[u8]) {
        let known = self.known(op.change);
        let counter = known.start_op + u64::from(op.offset);
        (counter, self.actor_id(known.actor))
    }

    /// The sums over all changes of `past`.
    pub fn totals_of(&self, past: &Clock) -> Totals {
        let mut sum = Totals::default();
        for (chain, seq) in past.iter() {
            sum.add(self.known(self.at(chain, seq)).line);
        }
        sum
    }

    /// The values that stand at (`object`, `key`) when exactly `past` is known.
    pub fn standing(&self, object: OpRef, key: &str, past: &Clock) -> Vec<Standing> {
        let history = self.objects.get(&object).and_then(|o| o.keys.get(key));
        let Some(history) = history else {
            return Vec::new();
        };
        let newest = self.undominated(history.newest(past));
        let mut found: Vec<Standing> = Vec::new();
        for &(change, left) in &newest {
            let Some(standing) = *left else { continue };
            // Its own value nobody else can have seen. An older one that a conflict's resolution
            // left stands only where nobody who saw it removed it.
            let stands = standing.op.change == change
                || newest.iter().all(|&(other, theirs)| {
                    !self.covers(&self.known(other).clock, standing.op.change)
                        || *theirs == Some(standing)
                });
            if stands && !found.contains(&standing) {
                found.push(standing);
            }
        }
        found
    }

    /// Without the entries that another one has in its past.
    fn undominated<'a, T>(&self, newest: Vec<(u32, u32, &'a T)>) -> Vec<(u32, &'a T)> {
        let mut entries: Vec<(u32, &T)> = newest
            .into_iter()
            .map(|(chain, seq, left)| (self.at(chain, seq), left))
            .collect();
        if entries.len() < 2 {
            return entries;
        }
        // A change is entered after everything in its past: newest first, the seen come later.
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.0));
        let mut covered = Clock::default();
        entries.retain(|&(change, _)| {
            let new = !self.covers(&covered, change);
            if new {
                covered.join(&self.known(change).clock);
            }
            new
        });
        entries
    }

    /// What the map `object` shows when exactly `past` is known.
    pub fn shown(&self, object: OpRef, past: &Clock) -> Shown {
        let Some(entry) = self.objects.get(&object) else {
            return Shown::default();
        };
        let newest = self.undominated(entry.shown.newest(past));
        match newest.as_slice() {
            [] => Shown::default(),
            [(_, only)] => (*only).clone(),
            several => self.merged(object, several, past),
        }
    }

    fn merged(&self, object: OpRef, several: &[(u32, &Shown)], past: &Clock) -> Shown {
        let mut keys: Vec<&Arc<str>> = several.iter().flat_map(|s| s.1.keys.iter()).collect();
        keys.sort_unstable();
        keys.dedup();
        let (mut bytes, mut maps, mut shown) = (0, Vec::new(), Vec::new());
        for key in keys {
            let standing = self.standing(object, key, past);
            if !standing.is_empty() {
                shown.push(Arc::clone(key));
            }
            for value in standing {
                bytes += key.len() as u64 + u64::from(value.bytes);
                if value.map {
                    maps.push(value.op);
                }
            }
        }
        Shown {
            keys: Arc::from(shown),
            bytes,
            maps: Arc::from(maps),
        }
    }

    /// Adds a change behind its previous one, on a new chain if that one already has a successor.
    pub fn enter(&mut self, entry: Entry) -> Undo {
        let index = self.changes.len() as u32;
        let actor = self.actor_index(entry.actor);
        let chain = self.chain_for(actor, entry.previous, entry.seq);
        let mut line = entry.totals;
        if let Some(&before) = self.chains[chain as usize].changes.last() {
            line.add(self.known(before).line);
        }
        self.chains[chain as usize].changes.push(index);
        let mut clock = entry.past;
        clock.raise(chain, entry.seq);
        let (undo, records) = self.note(chain, entry.seq, entry.made, entry.left, entry.shown);
        self.totals.add(entry.totals);
        self.ops += u64::from(entry.ops);
        self.by_hash.insert(entry.hash, index);
        self.changes.push(Known {
            hash: entry.hash,
            raw: entry.raw,
            actor,
            chain,
            seq: entry.seq,
            start_op: entry.start_op,
            ops: entry.ops,
            previous: entry.previous,
            clock,
            line,
            records,
        });
        undo
    }

    /// Notes what a change does to maps and keys; returns the records that it wrote to as well.
    fn note(
        &mut self,
        chain: u32,
        seq: u32,
        made: Vec<(OpRef, Place)>,
        left: Vec<(OpRef, Arc<str>, Option<Standing>)>,
        shown: Vec<(OpRef, Shown)>,
    ) -> (Undo, Box<[Arc<str>]>) {
        let mut undo = Undo {
            made: Vec::new(),
            left: Vec::new(),
            shown: Vec::new(),
        };
        for (object, place) in made {
            let (keys, shown) = (BTreeMap::new(), History::default());
            let fresh = Object { place, keys, shown };
            self.objects.insert(object, fresh);
            undo.made.push(object);
        }
        let mut records = Vec::new();
        for (object, key, left) in left {
            let at = self.objects.get_mut(&object).expect("judged object");
            records.push(match at.place.depth {
                DEPTH_RECORDS => Arc::clone(&key),
                _ => Arc::clone(&at.place.record),
            });
            let history = at.keys.entry(Arc::clone(&key)).or_default();
            history.push(chain, seq, left);
            undo.left.push((object, key));
        }
        for (object, shown) in shown {
            let at = self.objects.get_mut(&object).expect("judged object");
            at.shown.push(chain, seq, shown);
            undo.shown.push(object);
        }
        records.sort_unstable();
        records.dedup();
        (undo, records.into())
    }

    fn actor_index(&mut self, id: Box<[u8]>) -> u32 {
        if let Some(&index) = self.by_actor.get(&id) {
            return index;
        }
        let index = self.actors.len() as u32;
        self.by_actor.insert(id.clone(), index);
        let chains = Vec::new();
        self.actors.push(Actor { id, chains });
        index
    }

    fn chain_for(&mut self, actor: u32, previous: Option<u32>, first: u32) -> u32 {
        if let Some(previous) = previous {
            let chain = self.known(previous).chain;
            if self.chains[chain as usize].changes.last() == Some(&previous) {
                return chain;
            }
        }
        let chain = self.chains.len() as u32;
        let changes = Vec::new();
        self.chains.push(Chain { first, changes });
        self.actors[actor as usize].chains.push(chain);
        chain
    }

    /// Takes the change entered last out again.
    pub fn retract(&mut self, undo: Undo) {
        let Some(known) = self.changes.pop() else {
            return;
        };
        for object in undo.shown {
            if let Some(at) = self.objects.get_mut(&object) {
                at.shown.pop(known.chain);
            }
        }
        for (object, key) in undo.left {
            if let Some(at) = self.objects.get_mut(&object)
                && at.keys.get_mut(&key).is_some_and(|h| h.pop(known.chain))
            {
                at.keys.remove(&key);
            }
        }
        for object in undo.made {
            self.objects.remove(&object);
        }
        let chain = &mut self.chains[known.chain as usize];
        chain.changes.pop();
        let mut own = known.line;
        if let Some(&before) = chain.changes.last() {
            let before = self.changes[before as usize].line;
            own.changes -= before.changes;
            own.bytes -= before.bytes;
            own.records -= before.records;
        } else {
            self.chains.pop();
            let actor = &mut self.actors[known.actor as usize];
            actor.chains.pop();
            if actor.chains.is_empty() {
                let id = std::mem::take(&mut actor.id);
                self.by_actor.remove(&id);
                self.actors.pop();
            }
        }
        self.totals.changes -= own.changes;
        self.totals.bytes -= own.bytes;
        self.totals.records -= own.records;
        self.ops -= u64::from(known.ops);
        self.by_hash.remove(&known.hash);
    }
}
