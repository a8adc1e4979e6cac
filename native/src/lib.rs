//! meshaid's binding to Automerge and the gate in front of it: the Python face.
//!
//! Signed change bytes are the truth and live in the store; a `Document` is a cache that can be
//! thrown away at any time. Remote bytes reach Automerge through the gate only.

pub mod chunk;
pub mod clock;
mod convert;
pub mod document;
pub mod edit;
mod face;
pub mod gate;
pub mod guard;
pub mod history;
pub mod operations;
pub mod reading;
pub mod retold;
pub mod shape;
pub mod tables;
pub mod verdict;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pymodule]
mod _automerge {
    #[pymodule_export]
    use super::face::{Caps, Document, Meta, Verdict};

    #[pymodule_export]
    use super::{change_hash, genesis};

    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let rules = PyTuple::new(module.py(), crate::verdict::RULES)?;
        module.add("RULES", rules)
    }
}

/// Raw bytes of the genesis change of a document.
#[pyfunction]
fn genesis<'py>(py: Python<'py>, actor: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let raw = face::guarded_call(|| document::genesis(actor))?;
    Ok(PyBytes::new(py, &raw))
}

/// The hash of a well-formed raw change.
#[pyfunction]
fn change_hash<'py>(py: Python<'py>, raw: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let hash = face::guarded_call(|| document::change_hash(raw))?;
    Ok(PyBytes::new(py, &hash))
}
