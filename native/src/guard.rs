//! The wall around Automerge: no panic leaves this crate, and none prints.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

static HOOK: Once = Once::new();

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic that was caught. It carries the place in the code, never the message: a message may
/// quote what a member wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    pub place: String,
}

/// Runs `work`; a panic inside it becomes `Err`. What `work` had in its hands is then in doubt and
/// must be thrown away by the caller.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Caught> {
    HOOK.call_once(install);
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.map_err(|payload| {
        discard(payload);
        Caught {
            place: PLACE.take(),
        }
    })
}

/// Drops a value that may panic while it is dropped.
pub fn discard_value<T>(value: T) {
    // The second panic says nothing new: the value was in doubt before.
    let _ = guarded(move || drop(value));
}

fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        // A payload whose drop panics with a payload whose drop panics: leak it.
        std::mem::forget(second);
    }
}

fn install() {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        if GUARDED.get() {
            PLACE.set(place_of(info));
        } else {
            before(info);
        }
    }));
}

fn place_of(info: &PanicHookInfo<'_>) -> String {
    match info.location() {
        // The file's name alone: a full path would show whose computer built this.
        Some(at) => {
            let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
            format!("{file}:{}", at.line())
        }
        None => String::from("an unknown place"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_place() {
        let caught = guarded(|| panic!("secret")).unwrap_err();
        assert!(caught.place.starts_with("guard.rs:"));
        assert!(!caught.place.contains("secret"));
        assert_eq!(guarded(|| 7), Ok(7));
    }

    #[test]
    fn a_value_that_panics_in_drop_is_discarded() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        discard_value(Bomb);
        let caught = guarded(|| std::panic::panic_any(Bomb));
        assert!(caught.is_err());
    }
}
