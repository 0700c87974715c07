//! Why a command did not do what was asked: one sentence that says what to do, and an exit code.
//!
//! Exit 1 means that the thing asked for is not so (no such SKU, broken books); exit 2 that the
//! input is wrong or something failed. The sentence never carries a secret.

use shopwright_store::StoreError;

/// A command that ended without its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code of the process, 1 or 2.
    pub exit: u8,
    /// A fixed word for programs that read the JSON form.
    pub code: &'static str,
    /// One sentence, lower case, without a full stop.
    pub message: String,
}

impl Failure {
    /// The thing asked for is not so.
    pub fn not_so(code: &'static str, message: impl Into<String>) -> Self {
        Self { exit: 1, code, message: message.into() }
    }

    /// Bad input, or something failed.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { exit: 2, code, message: message.into() }
    }

    /// The form printed under `--json`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "code": self.code, "message": self.message } })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new("ledger", error.to_string())
    }
}
