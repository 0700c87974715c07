//! Orders from elsewhere: imports of whole histories, and orders one by one with what happens to
//! them: payment, shipment, refunds.

mod book_lines;
mod history_rows;
mod import_file;
mod import_online_retail;
mod known_buyers;
mod move_order;
mod order_events;
mod order_stock;
mod place_order;
mod refund_order;
mod rejects;

pub use import_file::{FileError, FileFacts};
pub(crate) use import_file::{
    open, open_separated, separator_of, survey, survey_any, survey_flexible,
};
pub use import_online_retail::{
    ImportError, ImportOnlineRetail, ImportPhase, ImportProgress, ImportSummary, RowCounts,
    import_online_retail,
};
pub use move_order::{OrderChangeError, cancel_order, complete_order, fulfil_order, pay_order};
pub use order_stock::OrderStockError;
pub use place_order::{PaymentMade, PlaceOrder, PlaceOrderError, StockChoice, place_order};
pub use refund_order::{RefundOrder, Refunded, RefundedPieces, refund_order};
pub(crate) use rejects::RejectsFile;
