//! Bulk statements, expanded once and kept: sqlx takes a text it need not copy.

use std::collections::HashMap;
use std::sync::Arc;

/// Expanded statements by their text and number of rows.
#[derive(Default)]
pub struct Texts(HashMap<(&'static str, usize), Arc<str>>);

impl Texts {
    /// The statement `sql` for `rows` rows, made by `expand` the first time.
    pub fn get(
        &mut self,
        sql: &'static str,
        rows: usize,
        expand: impl FnOnce() -> String,
    ) -> Arc<str> {
        Arc::clone(self.0.entry((sql, rows)).or_insert_with(|| expand().into()))
    }
}
