//! One document: the tables of all accepted changes, and the Automerge cache of what counts.

use std::sync::Arc;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};

use crate::chunk::{self, Hash, TYPE_CHANGE};
use crate::clock::Clock;
use crate::gate::{Gate, Judged, Run};
use crate::tables::{Tables, Undo};
use crate::verdict::{Caps, GENESIS_ACTOR_BYTES, Meta, Rules, Signer, Stop, Verdict};

/// Name of the one map in the root.
const RECORDS_KEY: &str = "records";

/// Why a call did not work.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something that cannot be; nothing happened.
    Value(String),
    /// The document is in doubt and must be thrown away.
    Poisoned(String),
}

impl Fault {
    pub fn value(detail: impl Into<String>) -> Fault {
        Fault::Value(detail.into())
    }

    pub fn poisoned(detail: impl Into<String>) -> Fault {
        Fault::Poisoned(detail.into())
    }
}

pub struct Document {
    pub(crate) tables: Tables,
    pub(crate) caps: Caps,
    rules: Rules,
    genesis: Arc<[u8]>,
    pub(crate) cache: Automerge,
    pub(crate) records: ObjId,
    /// What the cache holds, as a past.
    pub(crate) applied: Clock,
    applied_count: usize,
    /// The last own edit, while the gate has not taken it yet.
    pub(crate) unjudged: Option<Hash>,
}

/// The genesis change of the document of `actor` (16 bytes): time 0, makes `ROOT.records`.
pub fn genesis(actor: &[u8]) -> Result<Vec<u8>, Fault> {
    if actor.len() != GENESIS_ACTOR_BYTES {
        let detail = format!("a genesis actor has 16 bytes, not {}", actor.len());
        return Err(Fault::Value(detail));
    }
    let mut made = Automerge::new().with_actor(ActorId::from(actor));
    let mut transaction = made.transaction();
    let put = transaction.put_object(ROOT, RECORDS_KEY, ObjType::Map);
    put.map_err(|_| Fault::poisoned("the genesis could not be written"))?;
    transaction.commit_with(CommitOptions::default().with_time(0));
    let change = made.get_last_local_change();
    let change = change.ok_or(Fault::poisoned("the genesis could not be read"))?;
    Ok(change.raw_bytes().to_vec())
}

/// The hash of a well-formed change.
pub fn change_hash(raw: &[u8]) -> Result<Hash, Fault> {
    let header = chunk::parse(raw).map_err(|why| Fault::value(format!("not a change: {why}")))?;
    if header.kind != TYPE_CHANGE || !header.checksum_fits {
        return Err(Fault::value("not a change: another chunk type or checksum"));
    }
    Ok(header.hash)
}

impl Document {
    /// A document that holds its genesis only.
    pub fn new(raw: &[u8], caps: Caps, rules: Rules) -> Result<Document, Fault> {
        let header =
            chunk::parse(raw).map_err(|why| Fault::value(format!("not a genesis: {why}")))?;
        if genesis(header.actor)? != raw {
            return Err(Fault::value("not the genesis change of its actor"));
        }
        let tables = Tables::new(header.hash, raw, header.actor);
        let (cache, records) = fresh_cache(raw)?;
        Ok(Document {
            applied: tables.known(0).clock.clone(),
            tables,
            caps,
            rules,
            genesis: Arc::from(raw),
            cache,
            records,
            applied_count: 0,
            unjudged: None,
        })
    }

    /// Judges a run and changes nothing.
    pub fn check(&mut self, actor: &[u8], signer: Signer, run: &[&[u8]]) -> Result<Verdict, Fault> {
        self.judge_run(actor, signer, run, false)
    }

    /// Judges a run and, when it is accepted, enters it into the tables: all of it or nothing.
    pub fn accept(
        &mut self,
        actor: &[u8],
        signer: Signer,
        run: &[&[u8]],
    ) -> Result<Verdict, Fault> {
        self.judge_run(actor, signer, run, true)
    }

    fn judge_run(
        &mut self,
        actor: &[u8],
        signer: Signer,
        raws: &[&[u8]],
        keep: bool,
    ) -> Result<Verdict, Fault> {
        if raws.is_empty() {
            return Err(Fault::value("a run has at least one change"));
        }
        let mut metas: Vec<Meta> = Vec::new();
        let mut entered: Vec<Undo> = Vec::new();
        let mut stopped = None;
        for raw in raws {
            let run = Run {
                actor,
                signer,
                before: metas.last().map(|meta| meta.hash),
            };
            match self.gate(self.rules).judge(raw, Some(&run)) {
                Ok(Judged::Held(meta)) => metas.push(meta),
                Ok(Judged::New(meta, entry)) => {
                    metas.push(meta);
                    entered.push(self.tables.enter(*entry));
                }
                Err(stop) => {
                    stopped = Some(stop);
                    break;
                }
            }
        }
        let forks = self.forks(&metas);
        if !keep || stopped.is_some() {
            for undo in entered.into_iter().rev() {
                self.tables.retract(undo);
            }
        }
        match stopped {
            Some(Stop::Doubt(detail)) => Err(Fault::Poisoned(detail)),
            Some(stop) => Ok(Verdict::Stopped(stop)),
            None => {
                self.settle_edit();
                Ok(Verdict::Accepted { metas, forks })
            }
        }
    }

    fn forks(&self, metas: &[Meta]) -> Vec<u32> {
        if !self.rules.judges(6) {
            return Vec::new();
        }
        let forked = metas
            .iter()
            .filter(|meta| self.tables.rival(&meta.actor, meta.seq, &meta.hash));
        forked.map(|meta| meta.seq).collect()
    }

    /// The own edit that the cache holds is in the tables now.
    fn settle_edit(&mut self) {
        let known = self.unjudged.and_then(|hash| self.tables.find(&hash));
        if let Some(known) = known {
            self.applied.join(&self.tables.known(known).clock);
            self.applied_count += 1;
            self.unjudged = None;
        }
    }

    fn gate(&self, rules: Rules) -> Gate<'_> {
        Gate {
            tables: &self.tables,
            caps: &self.caps,
            rules,
        }
    }

    /// Enters changes that were accepted before, in causal order; what they mean is not judged again.
    pub fn restore(&mut self, raws: &[&[u8]]) -> Result<Vec<Meta>, Fault> {
        let mut metas = Vec::with_capacity(raws.len());
        for (index, raw) in raws.iter().enumerate() {
            match self.gate(Rules::RESTORE).judge(raw, None) {
                Ok(Judged::Held(meta)) => metas.push(meta),
                Ok(Judged::New(meta, entry)) => {
                    metas.push(meta);
                    self.tables.enter(*entry);
                }
                Err(stop) => {
                    let why = match stop {
                        Stop::Refused { detail, .. } | Stop::Waiting { detail, .. } => detail,
                        Stop::Doubt(detail) => detail,
                    };
                    let detail = format!("stored change {index} does not fit: {why}");
                    return Err(Fault::Poisoned(detail));
                }
            }
        }
        Ok(metas)
    }

    /// Brings accepted changes into the cache in one step; returns the ids of the records that they
    /// wrote to, sorted.
    pub fn apply(&mut self, hashes: &[Hash]) -> Result<Vec<String>, Fault> {
        if self.unjudged.is_some() {
            return Err(Fault::value("the last edit has not been accepted yet"));
        }
        let (fresh, applied) = self.plan(hashes)?;
        let mut records = Vec::new();
        let mut changes = Vec::with_capacity(fresh.len());
        for &index in &fresh {
            let known = self.tables.known(index);
            records.extend(known.records.iter().map(|id| String::from(&**id)));
            let change = Change::try_from(&*known.raw);
            changes.push(change.map_err(|_| Fault::poisoned("accepted bytes do not decode"))?);
        }
        records.sort_unstable();
        records.dedup();
        if !changes.is_empty() {
            let done = self.cache.apply_changes(changes);
            done.map_err(|_| Fault::poisoned("Automerge refused an accepted change"))?;
        }
        self.applied = applied;
        self.applied_count += fresh.len();
        Ok(records)
    }

    /// The changes among `hashes` that are not applied yet, and the past with them.
    fn plan(&self, hashes: &[Hash]) -> Result<(Vec<u32>, Clock), Fault> {
        let mut applied = self.applied.clone();
        let mut fresh = Vec::new();
        for hash in hashes {
            let index = self.tables.find(hash);
            let index = index.ok_or(Fault::value("apply takes accepted changes only"))?;
            if self.tables.covers(&applied, index) {
                continue;
            }
            let known = self.tables.known(index);
            let own_ready = known
                .previous
                .is_none_or(|previous| self.tables.covers(&applied, previous));
            let ready = own_ready
                && known
                    .clock
                    .iter()
                    .all(|(chain, seq)| chain == known.chain || applied.get(chain) >= seq);
            if !ready {
                return Err(Fault::value("apply takes changes in causal order"));
            }
            applied.raise(known.chain, known.seq);
            fresh.push(index);
        }
        if self.tables.forked_in(&applied) {
            return Err(Fault::value(
                "two changes of one actor and seq cannot both count",
            ));
        }
        Ok((fresh, applied))
    }

    /// Throws the cache away and builds it from the genesis and `hashes`.
    pub fn rebuild(&mut self, hashes: &[Hash]) -> Result<(), Fault> {
        let (cache, records) = fresh_cache(&self.genesis)?;
        let genesis = self.tables.known(0).clock.clone();
        let old = std::mem::replace(&mut self.cache, cache);
        crate::guard::discard_value(old);
        self.records = records;
        self.applied = genesis;
        self.applied_count = 0;
        self.unjudged = None;
        self.apply(hashes).map(drop)
    }

    /// Changes in the cache, the genesis not counted.
    pub fn applied_count(&self) -> usize {
        self.applied_count + usize::from(self.unjudged.is_some())
    }

    /// Heads of the cache, sorted.
    pub fn heads(&self) -> Vec<Hash> {
        let mut heads: Vec<Hash> = self.cache.get_heads().iter().map(|head| head.0).collect();
        heads.sort_unstable();
        heads
    }

    /// Raw changes of the cache that are not in the past of `heads`, without the genesis.
    pub fn changes_since(&self, heads: &[Hash]) -> Vec<Vec<u8>> {
        let known: Vec<ChangeHash> = heads.iter().map(|head| ChangeHash(*head)).collect();
        let changes = self.cache.get_changes(&known);
        let raws = changes.iter().map(|change| change.raw_bytes().to_vec());
        raws.filter(|raw| **raw != *self.genesis).collect()
    }

    /// A standard Automerge file for other programs.
    pub fn export(&self) -> Vec<u8> {
        self.cache.save()
    }

    /// The cache as a file for this program; `load` reads it.
    pub fn save(&self) -> Vec<u8> {
        self.cache.save_nocompress()
    }

    /// Takes a cache that `save` wrote. All that it holds must be in the tables.
    pub fn load(&mut self, data: &[u8]) -> Result<(), Fault> {
        let cache = Automerge::load(data);
        let cache = cache.map_err(|_| Fault::poisoned("the cache file does not load"))?;
        let mut applied = Clock::default();
        for head in cache.get_heads() {
            let known = self.tables.find(&head.0);
            let known = known.ok_or(Fault::poisoned("the cache file holds unknown changes"))?;
            applied.join(&self.tables.known(known).clock);
        }
        let count = self.tables.within(&applied).count();
        if count == 0 || count as u64 != cache.stats().num_changes {
            return Err(Fault::poisoned(
                "the cache file holds other changes than its heads say",
            ));
        }
        self.records = records_of(&cache)?;
        self.cache = cache;
        self.applied = applied;
        self.applied_count = count - 1;
        self.unjudged = None;
        Ok(())
    }

    /// The tables alone, for whoever compares them with something else.
    pub fn into_tables(self) -> Tables {
        self.tables
    }

    /// Name and number, in no unit but counts and bytes.
    pub fn statistics(&self) -> Vec<(&'static str, u64)> {
        let totals = self.tables.totals();
        vec![
            ("changes", totals.changes),
            ("bytes", totals.bytes),
            ("records", totals.records),
            ("actors", self.tables.actor_count() as u64 - 1),
            ("chains", self.tables.chain_count() as u64 - 1),
            ("ops", self.tables.op_count() - 1),
            ("applied", self.applied_count() as u64),
        ]
    }
}

fn fresh_cache(genesis: &[u8]) -> Result<(Automerge, ObjId), Fault> {
    let mut cache = Automerge::new();
    let change = Change::try_from(genesis);
    let change = change.map_err(|_| Fault::poisoned("the genesis does not decode"))?;
    let done = cache.apply_changes([change]);
    done.map_err(|_| Fault::poisoned("the genesis does not apply"))?;
    let records = records_of(&cache)?;
    Ok((cache, records))
}

fn records_of(cache: &Automerge) -> Result<ObjId, Fault> {
    match cache.get(ROOT, RECORDS_KEY) {
        Ok(Some((_, records))) => Ok(records),
        _ => Err(Fault::poisoned("the document has no records")),
    }
}
