//! The classes that Python sees. Every call runs without the Python lock and inside the guard; what
//! is in doubt afterwards is dropped, and the object answers `DocumentPoisoned` from then on.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::chunk::Hash;
use crate::document::{self, Fault};
use crate::guard::{discard_value, guarded};
use crate::verdict::{self, Rules, Stop};
use crate::{convert, edit::Edit};

pyo3::import_exception!(meshaid.errors, DocumentPoisoned);

pub fn to_error(fault: Fault) -> PyErr {
    match fault {
        Fault::Value(detail) => PyValueError::new_err(detail),
        Fault::Poisoned(detail) => DocumentPoisoned::new_err(format!(
            "the document cannot be used any more ({detail}); build it again from its changes"
        )),
    }
}

/// Runs a call that has no document behind it.
pub fn guarded_call<T>(work: impl FnOnce() -> Result<T, Fault>) -> PyResult<T> {
    match guarded(work) {
        Ok(outcome) => outcome.map_err(to_error),
        Err(caught) => Err(to_error(Fault::Poisoned(format!(
            "panic at {}",
            caught.place
        )))),
    }
}

/// Every cap of the gate; defaults as in `meshaid.limits`.
#[pyclass(frozen, module = "meshaid._automerge")]
pub struct Caps {
    inner: verdict::Caps,
}

#[pymethods]
impl Caps {
    #[new]
    #[pyo3(signature = (**given))]
    fn new(given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut inner = verdict::Caps::default();
        for (name, value) in given.into_iter().flatten() {
            let name: String = name.extract()?;
            let cap = convert::cap(&mut inner, &name);
            let cap = cap.ok_or_else(|| PyTypeError::new_err(format!("no cap named {name}")))?;
            *cap = value.extract()?;
        }
        Ok(Caps { inner })
    }

    fn __getattr__(&self, name: &str) -> PyResult<u64> {
        let mut copy = self.inner.clone();
        let cap = convert::cap(&mut copy, name);
        cap.map(|cap| *cap)
            .ok_or_else(|| pyo3::exceptions::PyAttributeError::new_err(String::from(name)))
    }
}

/// What is known of one accepted change.
#[pyclass(frozen, module = "meshaid._automerge")]
pub struct Meta {
    inner: verdict::Meta,
}

#[pymethods]
impl Meta {
    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.hash)
    }

    #[getter]
    fn actor<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.actor)
    }

    #[getter]
    fn seq(&self) -> u32 {
        self.inner.seq
    }

    #[getter]
    fn deps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        convert::hashes(py, &self.inner.deps)
    }

    #[getter]
    fn prev<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let previous = self.inner.previous.as_ref();
        PyBytes::new(py, previous.map_or(&[], |hash| hash.as_slice()))
    }

    #[getter]
    fn start_op(&self) -> u64 {
        self.inner.start_op
    }

    #[getter]
    fn ops(&self) -> u32 {
        self.inner.ops
    }

    #[getter]
    fn max_op(&self) -> u64 {
        self.inner.start_op + u64::from(self.inner.ops) - 1
    }

    #[getter]
    fn size(&self) -> usize {
        self.inner.size
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Meta>()
            .is_ok_and(|other| other.get().inner == self.inner)
    }

    fn __hash__(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.inner.hash[..8]);
        u64::from_le_bytes(first)
    }

    fn __repr__(&self) -> String {
        let m = &self.inner;
        format!("Meta(seq={}, ops={}, size={})", m.seq, m.ops, m.size)
    }
}

/// The gate's answer to a run.
#[pyclass(frozen, module = "meshaid._automerge")]
pub struct Verdict {
    #[pyo3(get)]
    outcome: &'static str,
    #[pyo3(get)]
    rule: &'static str,
    #[pyo3(get)]
    detail: String,
    #[pyo3(get)]
    missing: Py<PyTuple>,
    #[pyo3(get)]
    metas: Py<PyTuple>,
    #[pyo3(get)]
    forks: Py<PyTuple>,
}

#[pymethods]
impl Verdict {
    fn __repr__(&self) -> String {
        format!(
            "Verdict(outcome={:?}, rule={:?}, detail={:?})",
            self.outcome, self.rule, self.detail
        )
    }
}

fn to_verdict(py: Python<'_>, given: verdict::Verdict) -> PyResult<Verdict> {
    let (outcome, rule, detail, missing, metas, forks) = match given {
        verdict::Verdict::Accepted { metas, forks } => {
            ("accepted", 0, String::new(), Vec::new(), metas, forks)
        }
        verdict::Verdict::Stopped(Stop::Waiting {
            rule,
            detail,
            missing,
        }) => ("waiting", rule, detail, missing, Vec::new(), Vec::new()),
        verdict::Verdict::Stopped(Stop::Refused { rule, detail }) => {
            ("refused", rule, detail, Vec::new(), Vec::new(), Vec::new())
        }
        verdict::Verdict::Stopped(Stop::Doubt(detail)) => {
            return Err(to_error(Fault::Poisoned(detail)));
        }
    };
    Ok(Verdict {
        outcome,
        rule: rule.checked_sub(1).map_or("", |at| verdict::RULES[at]),
        detail,
        missing: convert::hashes(py, &missing)?.unbind(),
        metas: to_metas(py, metas)?.unbind(),
        forks: PyTuple::new(py, forks)?.unbind(),
    })
}

fn to_metas(py: Python<'_>, metas: Vec<verdict::Meta>) -> PyResult<Bound<'_, PyTuple>> {
    let metas: PyResult<Vec<_>> = metas
        .into_iter()
        .map(|inner| Py::new(py, Meta { inner }))
        .collect();
    PyTuple::new(py, metas?)
}

/// Tables of every accepted change of one document, and the Automerge cache of what counts.
#[pyclass(frozen, module = "meshaid._automerge")]
pub struct Document {
    /// None once it is poisoned.
    state: Mutex<Option<Box<document::Document>>>,
}

impl Document {
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut document::Document) -> Result<T, Fault> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.call_detached(work)).map_err(to_error)
    }

    fn call_detached<T>(
        &self,
        work: impl FnOnce(&mut document::Document) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = state.as_mut() else {
            return Err(Fault::poisoned("an earlier call failed"));
        };
        let outcome = match guarded(|| work(live)) {
            Ok(outcome) => outcome,
            Err(caught) => Err(Fault::Poisoned(format!("panic at {}", caught.place))),
        };
        if matches!(outcome, Err(Fault::Poisoned(_))) {
            discard_value(state.take());
        }
        outcome
    }
}

#[pymethods]
impl Document {
    #[new]
    #[pyo3(signature = (genesis, *, caps = None, without = ""))]
    fn new(py: Python<'_>, genesis: &[u8], caps: Option<&Caps>, without: &str) -> PyResult<Self> {
        let caps = caps.map(|caps| caps.inner.clone()).unwrap_or_default();
        let rules = match without {
            "" => Rules::ALL,
            name => Rules::without(name)
                .ok_or_else(|| PyValueError::new_err("`without` names a rule, G1 to G17"))?,
        };
        let made = py.detach(|| guarded_call(|| document::Document::new(genesis, caps, rules)));
        Ok(Document {
            state: Mutex::new(Some(Box::new(made?))),
        })
    }

    fn check(
        &self,
        py: Python<'_>,
        actor: &[u8],
        standing: &str,
        run: Vec<PyBackedBytes>,
    ) -> PyResult<Verdict> {
        let signer = convert::signer(standing)?;
        let given = self.call(py, |document| document.check(actor, signer, &slices(&run)))?;
        to_verdict(py, given)
    }

    fn accept(
        &self,
        py: Python<'_>,
        actor: &[u8],
        standing: &str,
        run: Vec<PyBackedBytes>,
    ) -> PyResult<Verdict> {
        let signer = convert::signer(standing)?;
        let given = self.call(py, |document| document.accept(actor, signer, &slices(&run)))?;
        to_verdict(py, given)
    }

    fn restore<'py>(
        &self,
        py: Python<'py>,
        raws: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let metas = self.call(py, |document| document.restore(&slices(&raws)))?;
        to_metas(py, metas)
    }

    fn apply<'py>(
        &self,
        py: Python<'py>,
        hashes: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let hashes = convert::to_hashes(&hashes)?;
        let records = self.call(py, |document| document.apply(&hashes))?;
        PyTuple::new(py, records)
    }

    fn rebuild(&self, py: Python<'_>, hashes: Vec<PyBackedBytes>) -> PyResult<()> {
        let hashes = convert::to_hashes(&hashes)?;
        self.call(py, |document| document.rebuild(&hashes))
    }

    fn applied(&self, py: Python<'_>) -> PyResult<usize> {
        self.call(py, |document| Ok(document.applied_count()))
    }

    fn heads<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let heads = self.call(py, |document| Ok(document.heads()))?;
        convert::hashes(py, &heads)
    }

    fn edit<'py>(
        &self,
        py: Python<'py>,
        actor: &[u8],
        ops: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let edits: Vec<Edit> = ops.iter().map(convert::edit).collect::<PyResult<_>>()?;
        let raw = self.call(py, |document| document.edit(actor, &edits))?;
        Ok(raw.map(|raw| PyBytes::new(py, &raw)))
    }

    fn edits<'py>(&self, py: Python<'py>, change: PyBackedBytes) -> PyResult<Bound<'py, PyTuple>> {
        let hashes = convert::to_hashes(&[change])?;
        let edits = self.call(py, |document| document.edits(&hashes[0]))?;
        convert::edits(py, edits)
    }

    #[pyo3(signature = (ids = None))]
    fn records<'py>(
        &self,
        py: Python<'py>,
        ids: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let records = self.call(py, |document| document.read(ids.as_deref()))?;
        convert::records(py, records)
    }

    fn record_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let ids = self.call(py, |document| Ok(document.record_ids()))?;
        PyTuple::new(py, ids)
    }

    fn changes_since<'py>(
        &self,
        py: Python<'py>,
        heads: Vec<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let heads: Vec<Hash> = convert::to_hashes(&heads)?;
        let raws = self.call(py, |document| Ok(document.changes_since(&heads)))?;
        PyTuple::new(py, raws.iter().map(|raw| PyBytes::new(py, raw)))
    }

    fn export<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.call(py, |document| Ok(document.export()))?;
        Ok(PyBytes::new(py, &data))
    }

    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let data = self.call(py, |document| Ok(document.save()))?;
        Ok(PyBytes::new(py, &data))
    }

    fn load(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        self.call(py, |document| document.load(data))
    }

    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let numbers = self.call(py, |document| Ok(document.statistics()))?;
        let dict = PyDict::new(py);
        for (name, number) in numbers {
            dict.set_item(name, number)?;
        }
        Ok(dict)
    }

    #[getter]
    fn poisoned(&self, py: Python<'_>) -> bool {
        py.detach(|| {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_none()
        })
    }
}

fn slices(raws: &[PyBackedBytes]) -> Vec<&[u8]> {
    raws.iter().map(|raw| &**raw).collect()
}
