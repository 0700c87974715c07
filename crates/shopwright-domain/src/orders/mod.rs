//! Engine-independent order words: kinds of document and line, booking rules for imported
//! histories, the life of an order, what it adds up to, what a refund gives back.

mod kinds;
pub mod online_retail;
mod placing;
mod refunding;
mod state;

pub use kinds::{DocumentKind, LineKind, StockEffect, UnknownKindError};
pub use placing::{
    AMOUNT_MINOR_MAX, LINES_MAX, LineDraft, LineTotals, OrderDraft, QUANTITY_MAX,
    REFERENCE_BYTES_MAX, code_of, place, title_of,
};
pub use refunding::{RefundError, RefundPart, RefundPlan, RefundWish, RefundableLine, refund};
pub use state::{IllegalActionError, OrderAction, OrderState, Step, UnknownStateError};
