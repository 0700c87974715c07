//! The life of an order as one table: what can be done in which state, and what it leads to.
//!
//! `pending → paid → fulfilled → completed`, with `canceled`, `partially_refunded` and `refunded`
//! beside it. A partial refund changes the name of the state but not what was shipped, so a
//! partially refunded order can still be fulfilled; the ledger keeps the time of shipping itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Placed, not paid.
    Pending,
    /// Paid in full.
    Paid,
    /// Paid and shipped.
    Fulfilled,
    /// Shipped and closed.
    Completed,
    /// Given up before it was paid.
    Canceled,
    /// Some of what was paid was given back.
    PartiallyRefunded,
    /// All of what was paid was given back.
    Refunded,
}

/// What can be done to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderAction {
    /// Record that it was paid.
    Pay,
    /// Record that it was shipped.
    Fulfil,
    /// Close it.
    Complete,
    /// Give it up.
    Cancel,
    /// Give back a part of what is left of the payment.
    RefundPart,
    /// Give back all that is left of the payment.
    RefundRest,
}

/// What an action leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into this state, which may be the one it is in.
    To(OrderState),
    /// The same was done before; doing it again changes nothing.
    Already,
}

/// An action the state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an order that is {state} cannot be {}; {}",
    .action.past(),
    allowed_text(.allowed)
)]
pub struct IllegalActionError {
    /// Where the order is.
    pub state: OrderState,
    /// What was asked for.
    pub action: OrderAction,
    /// What would be allowed.
    pub allowed: Vec<OrderAction>,
}

fn allowed_text(allowed: &[OrderAction]) -> String {
    let names: Vec<_> = allowed.iter().map(|action| action.as_str()).collect();
    if names.is_empty() {
        "nothing more can be done to it".to_owned()
    } else {
        format!("allowed: {}", names.join(", "))
    }
}

/// A stored text that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a state of an order")]
pub struct UnknownStateError(pub String);

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Paid,
        Self::Fulfilled,
        Self::Completed,
        Self::Canceled,
        Self::PartiallyRefunded,
        Self::Refunded,
    ];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Fulfilled => "fulfilled",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// What `action` leads to from here.
    pub fn step(self, action: OrderAction) -> Result<Step, IllegalActionError> {
        self.cell(action).ok_or_else(|| IllegalActionError {
            state: self,
            action,
            allowed: self.allowed(),
        })
    }

    /// The actions that lead somewhere from here.
    pub fn allowed(self) -> Vec<OrderAction> {
        let leads = |action: &OrderAction| matches!(self.cell(*action), Some(Step::To(_)));
        OrderAction::ALL.into_iter().filter(leads).collect()
    }

    /// The table.
    const fn cell(self, action: OrderAction) -> Option<Step> {
        use OrderAction as A;
        use OrderState as S;
        let step = match (self, action) {
            (S::Pending, A::Pay) => Step::To(S::Paid),
            (S::Pending, A::Cancel) => Step::To(S::Canceled),
            (S::Paid, A::Fulfil) => Step::To(S::Fulfilled),
            (S::Fulfilled, A::Complete) => Step::To(S::Completed),
            // What is left of it can still be shipped.
            (S::PartiallyRefunded, A::Fulfil) => Step::To(S::PartiallyRefunded),
            (S::Paid | S::Fulfilled | S::Completed | S::PartiallyRefunded, A::RefundPart) => {
                Step::To(S::PartiallyRefunded)
            }
            (S::Paid | S::Fulfilled | S::Completed | S::PartiallyRefunded, A::RefundRest) => {
                Step::To(S::Refunded)
            }
            (
                S::Paid | S::Fulfilled | S::Completed | S::PartiallyRefunded | S::Refunded,
                A::Pay,
            )
            | (S::Fulfilled | S::Completed, A::Fulfil)
            | (S::Completed, A::Complete)
            | (S::Canceled, A::Cancel) => Step::Already,
            (S::Pending, A::Fulfil | A::Complete | A::RefundPart | A::RefundRest)
            | (S::Paid | S::PartiallyRefunded, A::Complete | A::Cancel)
            | (S::Fulfilled | S::Completed, A::Cancel)
            | (S::Canceled, A::Pay | A::Fulfil | A::Complete | A::RefundPart | A::RefundRest)
            | (S::Refunded, A::Fulfil | A::Complete | A::Cancel | A::RefundPart | A::RefundRest) => {
                return None;
            }
        };
        Some(step)
    }
}

impl OrderAction {
    /// Every action.
    pub const ALL: [Self; 6] =
        [Self::Pay, Self::Fulfil, Self::Complete, Self::Cancel, Self::RefundPart, Self::RefundRest];

    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Fulfil => "fulfil",
            Self::Complete => "complete",
            Self::Cancel => "cancel",
            Self::RefundPart => "refund_part",
            Self::RefundRest => "refund_rest",
        }
    }

    const fn past(self) -> &'static str {
        match self {
            Self::Pay => "paid",
            Self::Fulfil => "fulfilled",
            Self::Complete => "completed",
            Self::Cancel => "canceled",
            Self::RefundPart => "refunded in part",
            Self::RefundRest => "refunded",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for OrderState {
    type Err = UnknownStateError;

    fn from_str(text: &str) -> Result<Self, UnknownStateError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownStateError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row: the outcome of each action in the order of `OrderAction::ALL`; `-` is illegal, `=`
    /// changes nothing.
    fn check(state: OrderState, row: [&str; 6]) {
        for (action, want) in OrderAction::ALL.into_iter().zip(row) {
            let found = match state.step(action) {
                Ok(Step::To(next)) => next.as_str(),
                Ok(Step::Already) => "=",
                Err(refusal) => {
                    assert_eq!((refusal.state, refusal.action), (state, action));
                    assert_eq!(refusal.allowed, state.allowed());
                    "-"
                }
            };
            assert_eq!(found, want, "{state} {}", action.as_str());
        }
    }

    #[test]
    fn every_cell_of_the_table_is_as_documented() {
        use OrderState::{
            Canceled, Completed, Fulfilled, Paid, PartiallyRefunded, Pending, Refunded,
        };
        let (part, all) = ("partially_refunded", "refunded");
        check(Pending, ["paid", "-", "-", "canceled", "-", "-"]);
        check(Paid, ["=", "fulfilled", "-", "-", part, all]);
        check(Fulfilled, ["=", "=", "completed", "-", part, all]);
        check(Completed, ["=", "=", "=", "-", part, all]);
        check(Canceled, ["-", "-", "-", "=", "-", "-"]);
        check(PartiallyRefunded, ["=", part, "-", "-", part, all]);
        check(Refunded, ["=", "-", "-", "-", "-", "-"]);
    }

    #[test]
    fn a_refusal_says_what_would_be_allowed() {
        let text = |state: OrderState, action| state.step(action).unwrap_err().to_string();
        assert_eq!(
            text(OrderState::Paid, OrderAction::Cancel),
            "an order that is paid cannot be canceled; allowed: fulfil, refund_part, refund_rest"
        );
        assert_eq!(
            text(OrderState::Refunded, OrderAction::Fulfil),
            "an order that is refunded cannot be fulfilled; nothing more can be done to it"
        );
    }

    #[test]
    fn states_are_read_back_from_their_text() {
        for state in OrderState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
        assert!("Paid".parse::<OrderState>().is_err());
    }
}
