//! Between Python values and ours.

use std::collections::BTreeMap;

use automerge::ScalarValue;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyNone, PyString, PyTuple};

use crate::chunk::Hash;
use crate::document::Fault;
use crate::edit::{Content, Edit};
use crate::face::to_error;
use crate::reading::{Record, ShownField, ShownValue};
use crate::verdict::{Caps, Signer};

pub fn cap<'a>(caps: &'a mut Caps, name: &str) -> Option<&'a mut u64> {
    Some(match name {
        "change_bytes" => &mut caps.change_bytes,
        "ops" => &mut caps.ops,
        "preds" => &mut caps.preds,
        "deps" => &mut caps.deps,
        "other_actors" => &mut caps.other_actors,
        "depth" => &mut caps.depth,
        "key_bytes" => &mut caps.key_bytes,
        "string_bytes" => &mut caps.string_bytes,
        "record_fields" => &mut caps.record_fields,
        "record_bytes" => &mut caps.record_bytes,
        "inner_entries" => &mut caps.inner_entries,
        "epoch_changes" => &mut caps.epoch_changes,
        "epoch_bytes" => &mut caps.epoch_bytes,
        "epoch_records" => &mut caps.epoch_records,
        "seq" => &mut caps.seq,
        _ => return None,
    })
}

pub fn signer(standing: &str) -> PyResult<Signer> {
    match standing {
        "member" => Ok(Signer::Member),
        "other" => Ok(Signer::Other),
        "unknown" => Ok(Signer::Unknown),
        _ => Err(PyValueError::new_err(
            "standing is \"member\", \"other\" or \"unknown\"",
        )),
    }
}

pub fn to_hashes(given: &[PyBackedBytes]) -> PyResult<Vec<Hash>> {
    given
        .iter()
        .map(|hash| {
            Hash::try_from(&**hash).map_err(|_| {
                PyValueError::new_err(format!("a hash has 32 bytes, not {}", hash.len()))
            })
        })
        .collect()
}

pub fn hashes<'py>(py: Python<'py>, hashes: &[Hash]) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, hashes.iter().map(|hash| PyBytes::new(py, hash)))
}

/// One edit from its tuple; the first entry names it.
pub fn edit(given: &Bound<'_, PyAny>) -> PyResult<Edit> {
    let parts = given.cast::<PyTuple>().map_err(PyErr::from)?;
    let verb: String = parts.get_item(0)?.extract()?;
    let text = |index: usize| -> PyResult<String> { parts.get_item(index)?.extract() };
    match (verb.as_str(), parts.len()) {
        ("make", 2) => Ok(Edit::Make { record: text(1)? }),
        ("put", 4) => Ok(Edit::Put {
            record: text(1)?,
            field: text(2)?,
            value: scalar(&parts.get_item(3)?)?,
        }),
        ("delete", 3) => Ok(Edit::Delete {
            record: text(1)?,
            field: text(2)?,
        }),
        ("put_in", 5) => Ok(Edit::PutIn {
            record: text(1)?,
            field: text(2)?,
            key: text(3)?,
            text: text(4)?,
        }),
        ("delete_in", 4) => Ok(Edit::DeleteIn {
            record: text(1)?,
            field: text(2)?,
            key: text(3)?,
        }),
        ("remake", 3) => Ok(Edit::Remake {
            record: text(1)?,
            fields: contents(&parts.get_item(2)?)?,
        }),
        (_, count) => Err(PyValueError::new_err(format!(
            "no such edit with {count} entries"
        ))),
    }
}

/// The tuples that `edit` takes. A change never holds `remake`: it is a make and puts.
pub fn edits(py: Python<'_>, edits: Vec<Edit>) -> PyResult<Bound<'_, PyTuple>> {
    let tuples: PyResult<Vec<_>> = edits.into_iter().map(|edit| shown_edit(py, edit)).collect();
    PyTuple::new(py, tuples?)
}

fn shown_edit(py: Python<'_>, edit: Edit) -> PyResult<Bound<'_, PyTuple>> {
    match edit {
        Edit::Make { record } | Edit::Remake { record, .. } => ("make", record).into_pyobject(py),
        Edit::Put {
            record,
            field,
            value,
        } => ("put", record, field, shown_scalar(py, value)?).into_pyobject(py),
        Edit::Delete { record, field } => ("delete", record, field).into_pyobject(py),
        Edit::PutIn {
            record,
            field,
            key,
            text,
        } => ("put_in", record, field, key, text).into_pyobject(py),
        Edit::DeleteIn { record, field, key } => {
            ("delete_in", record, field, key).into_pyobject(py)
        }
    }
}

fn contents(given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Content)>> {
    let fields = given.cast::<PyDict>().map_err(PyErr::from)?;
    let mut contents = Vec::with_capacity(fields.len());
    for (field, value) in fields {
        let content = match value.cast::<PyDict>() {
            Ok(inner) => {
                let entries: PyResult<Vec<(String, String)>> = inner
                    .iter()
                    .map(|(key, text)| Ok((key.extract()?, text.extract()?)))
                    .collect();
                Content::Inner(entries?)
            }
            Err(_) => Content::Scalar(scalar(&value)?),
        };
        contents.push((field.extract()?, content));
    }
    Ok(contents)
}

fn scalar(value: &Bound<'_, PyAny>) -> PyResult<ScalarValue> {
    if value.is_instance_of::<PyNone>() {
        Ok(ScalarValue::Null)
    } else if value.is_instance_of::<PyBool>() {
        Ok(ScalarValue::Boolean(value.extract()?))
    } else if value.is_instance_of::<PyInt>() {
        let number: i64 = value
            .extract()
            .map_err(|_| PyValueError::new_err("integer beyond 64 bits"))?;
        Ok(ScalarValue::Int(number))
    } else if value.is_instance_of::<PyFloat>() {
        Ok(ScalarValue::F64(value.extract()?))
    } else if value.is_instance_of::<PyString>() {
        Ok(ScalarValue::Str(value.extract::<String>()?.into()))
    } else if value.is_instance_of::<PyBytes>() {
        Ok(ScalarValue::Bytes(value.extract::<Vec<u8>>()?))
    } else {
        Err(PyTypeError::new_err(
            "a value is str, int, bool, bytes, float or None",
        ))
    }
}

pub fn records(py: Python<'_>, records: BTreeMap<String, Record>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for (id, record) in records {
        let fields = PyDict::new(py);
        for (field, values) in record.fields {
            let shown: PyResult<Vec<_>> = values.into_iter().map(|v| shown_field(py, v)).collect();
            fields.set_item(field, PyList::new(py, shown?)?)?;
        }
        let entry = PyDict::new(py);
        entry.set_item("maps", record.maps)?;
        entry.set_item("fields", fields)?;
        all.set_item(id, entry)?;
    }
    Ok(all)
}

fn shown_field(py: Python<'_>, shown: ShownField) -> PyResult<Bound<'_, PyTuple>> {
    let value = match shown.value {
        ShownValue::Scalar(value) => shown_scalar(py, value)?,
        ShownValue::Inner(entries) => {
            let inner = PyDict::new(py);
            for (key, texts) in entries {
                let texts = texts
                    .into_iter()
                    .map(|(text, counter, actor)| (text, counter, PyBytes::new(py, &actor)));
                inner.set_item(key, PyList::new(py, texts.collect::<Vec<_>>())?)?;
            }
            inner.into_any()
        }
    };
    let change = shown.change.map(|hash| PyBytes::new(py, &hash));
    (value, shown.counter, PyBytes::new(py, &shown.actor), change).into_pyobject(py)
}

fn shown_scalar(py: Python<'_>, value: ScalarValue) -> PyResult<Bound<'_, PyAny>> {
    Ok(match value {
        ScalarValue::Str(text) => PyString::new(py, &text).into_any(),
        ScalarValue::Int(number) => number.into_pyobject(py)?.into_any(),
        ScalarValue::Uint(number) => number.into_pyobject(py)?.into_any(),
        ScalarValue::F64(number) => PyFloat::new(py, number).into_any(),
        ScalarValue::Boolean(yes) => PyBool::new(py, yes).to_owned().into_any(),
        ScalarValue::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
        ScalarValue::Null => py.None().into_bound(py),
        _ => {
            let detail = "a record holds a value of an unknown type";
            return Err(to_error(Fault::poisoned(detail)));
        }
    })
}
