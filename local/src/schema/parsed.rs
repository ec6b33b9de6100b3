//! Declarations as they are stored, parsed once for as long as their text stays the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::{Kind, TableConfig, kinds};
use crate::error::ApiError;

/// Declarations that a thread remembers; beyond, it forgets all and begins anew.
const REMEMBERED_MAX: usize = 256;

/// A declaration with its text.
pub(super) struct Parsed {
    text: (String, String),
    pub(super) config: Arc<TableConfig>,
    pub(super) kinds: Arc<[Kind]>,
    pub(super) born: Arc<BTreeMap<String, i64>>,
}

thread_local! {
    // By the table's number. The text is compared each time, so nothing here is ever out of date.
    static REMEMBERED: RefCell<HashMap<i64, Rc<Parsed>>> = RefCell::default();
}

impl Parsed {
    /// Parses the columns `config` and `born` of a table.
    pub(super) fn of(number: i64, config: &str, born: &str) -> Result<Rc<Self>, ApiError> {
        REMEMBERED.with_borrow_mut(|remembered| {
            if let Some(known) = remembered.get(&number)
                && known.text.0 == config
                && known.text.1 == born
            {
                return Ok(Rc::clone(known));
            }
            let declared: TableConfig = serde_json::from_str(config)?;
            let parsed = Rc::new(Self {
                text: (config.to_owned(), born.to_owned()),
                kinds: kinds(&declared)?.into(),
                config: Arc::new(declared),
                born: Arc::new(serde_json::from_str(born)?),
            });
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
            remembered.insert(number, Rc::clone(&parsed));
            Ok(parsed)
        })
    }
}
