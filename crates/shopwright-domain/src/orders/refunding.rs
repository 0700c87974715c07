//! What a refund gives back: derived from each line's share of what was paid, never more than is
//! left.
//!
//! Pieces of a line are worth their part of its share by cumulative rounding, so any sequence of
//! partial refunds sums to the share exactly. An amount of its own may be given instead.

use super::kinds::LineKind;
use crate::shares::{allocate, part};

/// A line of the order with what was given back of it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundableLine {
    /// Its place in the order.
    pub ordinal: i64,
    /// What it is.
    pub kind: LineKind,
    /// Pieces sold.
    pub quantity: i64,
    /// Its share of what was paid, minor units.
    pub share_minor: i64,
    /// Pieces given back.
    pub refunded_quantity: i64,
    /// Given back, minor units.
    pub refunded_minor: i64,
}

/// What is to be given back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundWish {
    /// Pieces of lines: (ordinal, quantity).
    pub lines: Vec<(i64, i64)>,
    /// All that is left of the shipping.
    pub shipping: bool,
    /// The money, when it is not what the lines are worth.
    pub amount_minor: Option<i64>,
}

/// One part of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundPart {
    /// The order's line; `None` for an amount that belongs to no line.
    pub ordinal: Option<i64>,
    /// Pieces that come back.
    pub quantity: i64,
    /// Minor units, not negative.
    pub amount_minor: i64,
}

/// A refund that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPlan {
    /// At least one.
    pub parts: Vec<RefundPart>,
    /// Their sum.
    pub amount_minor: i64,
    /// What is left to give back afterwards.
    pub rest_minor: i64,
}

/// Why a refund cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// Neither lines nor shipping nor an amount.
    #[error("name lines, the shipping or an amount to give back")]
    Nothing,
    /// A line the order does not have.
    #[error("the order has no line {0}")]
    UnknownLine(i64),
    /// A line named twice.
    #[error("line {0} is named twice; add the quantities up")]
    LineTwice(i64),
    /// A discount line cannot come back: its amount is part of the others' shares.
    #[error("line {0} is a discount; it is given back with the lines it was taken from")]
    Discount(i64),
    /// Not a positive number of pieces.
    #[error("the quantity of line {0} must be at least 1")]
    Quantity(i64),
    /// More pieces than are left.
    #[error("line {ordinal} has {rest} pieces left to give back, not {wanted}")]
    TooMany {
        /// The line.
        ordinal: i64,
        /// Pieces wanted.
        wanted: i64,
        /// Pieces left.
        rest: i64,
    },
    /// An amount that is not above zero.
    #[error("the amount must be above 0")]
    Amount,
    /// More money than the named lines are worth.
    #[error("the named lines are worth {worth_minor}; refund more as an amount of its own")]
    AboveWorth {
        /// Minor units.
        worth_minor: i64,
    },
    /// More than is left of what was paid.
    #[error("{rest_minor} is left of what was paid, {wanted_minor} was to be given back")]
    ExceedsPaid {
        /// Minor units left.
        rest_minor: i64,
        /// Minor units wanted.
        wanted_minor: i64,
    },
}

/// Plans a refund of an order of which `paid_minor` was captured and `refunded_minor` given back.
pub fn refund(
    lines: &[RefundableLine],
    paid_minor: i64,
    refunded_minor: i64,
    wish: &RefundWish,
) -> Result<RefundPlan, RefundError> {
    let mut parts = named_parts(lines, wish)?;
    if wish.shipping {
        parts.extend(
            lines.iter().filter(|line| line.kind == LineKind::Shipping).filter_map(rest_of),
        );
    }
    let worth: i64 = parts.iter().map(|part| part.amount_minor).sum();
    if let Some(amount_minor) = wish.amount_minor {
        if amount_minor <= 0 {
            return Err(RefundError::Amount);
        }
        if parts.is_empty() {
            parts.push(RefundPart { ordinal: None, quantity: 0, amount_minor });
        } else if amount_minor > worth {
            return Err(RefundError::AboveWorth { worth_minor: worth });
        } else {
            spread(&mut parts, amount_minor);
        }
    } else if parts.is_empty() {
        return Err(RefundError::Nothing);
    }
    let amount_minor: i64 = parts.iter().map(|part| part.amount_minor).sum();
    let rest_minor = paid_minor - refunded_minor;
    if amount_minor > rest_minor {
        return Err(RefundError::ExceedsPaid { rest_minor, wanted_minor: amount_minor });
    }
    Ok(RefundPlan { parts, amount_minor, rest_minor: rest_minor - amount_minor })
}

fn named_parts(
    lines: &[RefundableLine],
    wish: &RefundWish,
) -> Result<Vec<RefundPart>, RefundError> {
    let mut parts: Vec<RefundPart> = Vec::new();
    for (ordinal, quantity) in wish.lines.iter().copied() {
        let line = lines.iter().find(|line| line.ordinal == ordinal);
        let line = line.ok_or(RefundError::UnknownLine(ordinal))?;
        let shipping_twice = wish.shipping && line.kind == LineKind::Shipping;
        if shipping_twice || parts.iter().any(|part| part.ordinal == Some(ordinal)) {
            return Err(RefundError::LineTwice(ordinal));
        }
        if line.kind == LineKind::Discount {
            return Err(RefundError::Discount(ordinal));
        }
        if quantity < 1 {
            return Err(RefundError::Quantity(ordinal));
        }
        let rest = line.quantity - line.refunded_quantity;
        let worth = part(line.share_minor, line.refunded_quantity, quantity, line.quantity);
        let amount_minor = worth.filter(|_| quantity <= rest).ok_or(RefundError::TooMany {
            ordinal,
            wanted: quantity,
            rest,
        })?;
        parts.push(RefundPart { ordinal: Some(ordinal), quantity, amount_minor });
    }
    Ok(parts)
}

/// All pieces that are left of a line; `None` when none are.
fn rest_of(line: &RefundableLine) -> Option<RefundPart> {
    let quantity = line.quantity - line.refunded_quantity;
    let amount_minor = part(line.share_minor, line.refunded_quantity, quantity, line.quantity)?;
    let some = RefundPart { ordinal: Some(line.ordinal), quantity, amount_minor };
    (quantity > 0).then_some(some)
}

/// Lowers the parts to `amount_minor` in all, in proportion to what they are worth.
fn spread(parts: &mut [RefundPart], amount_minor: i64) {
    let weights: Vec<i64> = parts.iter().map(|part| part.amount_minor).collect();
    // The weights sum to at least the amount, which is above zero.
    for (part, amount) in parts.iter_mut().zip(allocate(amount_minor, &weights).unwrap_or(weights))
    {
        part.amount_minor = amount;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(ordinal: i64, kind: LineKind, quantity: i64, share_minor: i64) -> RefundableLine {
        let (refunded_quantity, refunded_minor) = (0, 0);
        RefundableLine { ordinal, kind, quantity, share_minor, refunded_quantity, refunded_minor }
    }

    /// 10.00 for three pieces, 5.00 for one, 4.90 postage, a discount line.
    fn lines() -> Vec<RefundableLine> {
        vec![
            line(0, LineKind::Sale, 3, 1_000),
            line(1, LineKind::Sale, 1, 500),
            line(2, LineKind::Shipping, 1, 490),
            line(3, LineKind::Discount, 1, 0),
        ]
    }

    fn wish(lines: &[(i64, i64)], shipping: bool, amount_minor: Option<i64>) -> RefundWish {
        RefundWish { lines: lines.to_vec(), shipping, amount_minor }
    }

    fn amounts(wish: &RefundWish) -> Vec<(Option<i64>, i64)> {
        let plan = refund(&lines(), 1_990, 0, wish).unwrap();
        assert_eq!(plan.rest_minor, 1_990 - plan.amount_minor);
        plan.parts.iter().map(|part| (part.ordinal, part.amount_minor)).collect()
    }

    #[test]
    fn pieces_are_worth_their_part_of_the_lines_share() {
        assert_eq!(amounts(&wish(&[(0, 1)], false, None)), [(Some(0), 333)]);
        assert_eq!(amounts(&wish(&[(0, 2)], false, None)), [(Some(0), 667)]);
        assert_eq!(
            amounts(&wish(&[(1, 1), (0, 3)], true, None)),
            [(Some(1), 500), (Some(0), 1_000), (Some(2), 490)]
        );
        assert_eq!(amounts(&wish(&[], true, None)), [(Some(2), 490)]);
        assert_eq!(amounts(&wish(&[], false, Some(77))), [(None, 77)]);
        assert_eq!(amounts(&wish(&[(0, 3), (1, 1)], false, Some(3))), [(Some(0), 2), (Some(1), 1)]);
    }

    #[test]
    fn what_cannot_be_given_back_is_refused_by_name() {
        let check = |wish: &RefundWish, refunded: i64, error: RefundError| {
            assert_eq!(refund(&lines(), 1_990, refunded, wish), Err(error));
        };
        check(&wish(&[], false, None), 0, RefundError::Nothing);
        check(&wish(&[(9, 1)], false, None), 0, RefundError::UnknownLine(9));
        check(&wish(&[(0, 1), (0, 1)], false, None), 0, RefundError::LineTwice(0));
        check(&wish(&[(2, 1)], true, None), 0, RefundError::LineTwice(2));
        check(&wish(&[(3, 1)], false, None), 0, RefundError::Discount(3));
        check(&wish(&[(0, 0)], false, None), 0, RefundError::Quantity(0));
        let many = RefundError::TooMany { ordinal: 0, wanted: 4, rest: 3 };
        check(&wish(&[(0, 4)], false, None), 0, many);
        check(&wish(&[], false, Some(0)), 0, RefundError::Amount);
        check(&wish(&[(1, 1)], false, Some(501)), 0, RefundError::AboveWorth { worth_minor: 500 });
        let exceeds =
            |rest_minor, wanted_minor| RefundError::ExceedsPaid { rest_minor, wanted_minor };
        check(&wish(&[], false, Some(1_991)), 0, exceeds(1_990, 1_991));
        check(&wish(&[(0, 3)], false, None), 991, exceeds(999, 1_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_sequence_of_partial_refunds_sums_to_what_was_paid(
            shares in proptest::collection::vec((1..12_i64, 0..100_000_i64), 1..5),
            steps in proptest::collection::vec((0..5_i64, 1..6_i64), 0..30),
        ) {
            let mut lines: Vec<_> = (0..).zip(&shares)
                .map(|(ordinal, (quantity, share))| line(ordinal, LineKind::Sale, *quantity, *share))
                .collect();
            let paid: i64 = shares.iter().map(|(_, share)| share).sum();
            let count = i64::try_from(shares.len()).unwrap();
            let mut given = 0;
            let rest = |lines: &[RefundableLine]| -> Vec<(i64, i64)> {
                let left = |line: &RefundableLine| {
                    (line.ordinal, line.quantity - line.refunded_quantity)
                };
                lines.iter().map(left).filter(|(_, left)| *left > 0).collect()
            };
            let mut wishes: Vec<Vec<(i64, i64)>> =
                steps.iter().map(|(at, pieces)| vec![(at % count, *pieces)]).collect();
            wishes.push(Vec::new());
            let last = wishes.len() - 1;
            for (turn, mut wanted) in wishes.into_iter().enumerate() {
                if turn == last {
                    wanted = rest(&lines);
                }
                let Ok(plan) = refund(&lines, paid, given, &wish(&wanted, false, None)) else {
                    continue;
                };
                for part in &plan.parts {
                    let line = &mut lines[usize::try_from(part.ordinal.unwrap()).unwrap()];
                    line.refunded_quantity += part.quantity;
                    line.refunded_minor += part.amount_minor;
                    prop_assert!(line.refunded_minor <= line.share_minor);
                }
                given += plan.amount_minor;
                prop_assert!(given <= paid);
                prop_assert_eq!(plan.rest_minor, paid - given);
            }
            prop_assert_eq!(given, paid);
        }
    }
}
