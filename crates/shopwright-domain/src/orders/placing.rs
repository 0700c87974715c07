//! An order taken elsewhere: its lines, and whether its total is what they add up to.
//!
//! A line is payable at amount − discount, plus its tax where prices do not include it. Discount
//! lines are given for the whole order; their sum is allocated over the other lines by largest
//! remainder, so that each line has a share of what was paid and all shares sum to the total.

use super::kinds::LineKind;
use crate::catalog::{SHOP_ID_BYTES_MAX, Sku, TITLE_BYTES_MAX};
use crate::invalid::{Findings, InvalidField};
use crate::money::{Currency, UnitPrice};
use crate::shares::allocate;

/// The most lines of an order.
pub const LINES_MAX: usize = 1_000;
/// The most pieces of one line.
pub const QUANTITY_MAX: i64 = 1_000_000_000;
/// The largest amount of one line or order, minor units.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// An order as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDraft {
    /// The currency of every amount.
    pub currency: Currency,
    /// Whether the lines' amounts include their tax.
    pub tax_included: bool,
    /// What the buyer pays, minor units.
    pub total_minor: i64,
    /// At least one.
    pub lines: Vec<LineDraft>,
}

/// A line as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineDraft {
    /// Sale, shipping, discount or fee.
    pub kind: LineKind,
    /// The product of a sale.
    pub sku: Option<Sku>,
    /// What the line says; empty takes the product's title or the kind's name.
    pub title: String,
    /// Pieces.
    pub quantity: i64,
    /// Exact price of one piece.
    pub unit_price: UnitPrice,
    /// Quantity × unit price, minor units.
    pub amount_minor: i64,
    /// Taken off this line, minor units, not negative.
    pub discount_minor: i64,
    /// Tax on this line, minor units.
    pub tax_minor: i64,
}

/// What a line costs the buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTotals {
    /// Payable for this line, minor units.
    pub total_minor: i64,
    /// Its share of the order's total after the order's discounts; 0 on discount lines.
    pub share_minor: i64,
}

/// Checks an order and gives the totals of its lines in their order.
pub fn place(draft: &OrderDraft) -> Result<Vec<LineTotals>, Vec<InvalidField>> {
    let mut found = Findings::default();
    if draft.lines.is_empty() || draft.lines.len() > LINES_MAX {
        found.add("/lines", format!("an order has 1 to {LINES_MAX} lines"));
        return Err(found.0);
    }
    for (place, line) in draft.lines.iter().enumerate() {
        check_line(line, draft.currency, &format!("/lines/{place}"), &mut found);
    }
    found.into_result()?;
    let totals: Vec<i64> =
        draft.lines.iter().map(|line| payable(line, draft.tax_included)).collect();
    let sum: i64 = totals.iter().sum();
    let refuse = |problem: String| Err(vec![InvalidField::new("/total", problem)]);
    if sum != draft.total_minor {
        return refuse(format!(
            "the lines add up to {sum}, the total says {}: {} too {}",
            draft.total_minor,
            (sum - draft.total_minor).abs(),
            if draft.total_minor > sum { "much" } else { "little" }
        ));
    }
    if !(0..=AMOUNT_MINOR_MAX).contains(&sum) {
        return refuse(format!("a total is from 0 to {AMOUNT_MINOR_MAX} minor units"));
    }
    let Some(shares) = share_out(&draft.lines, &totals) else {
        return refuse("the discounts are more than what they are taken from".to_owned());
    };
    let both = totals.into_iter().zip(shares);
    Ok(both.map(|(total_minor, share_minor)| LineTotals { total_minor, share_minor }).collect())
}

fn check_line(line: &LineDraft, currency: Currency, at: &str, found: &mut Findings) {
    let pointer = |field: &str| format!("{at}/{field}");
    match (line.kind, &line.sku) {
        (LineKind::Sale | LineKind::FreeGoods, None) => {
            found.add(pointer("sku"), "a sale names its product; free lines have another kind");
        }
        (LineKind::Shipping | LineKind::Discount | LineKind::Fee, Some(_)) => {
            found.add(pointer("sku"), "only a sale names a product; leave the SKU out");
        }
        _ => {}
    }
    if line.title.len() > TITLE_BYTES_MAX || line.title.chars().any(char::is_control) {
        found.add(pointer("title"), format!("write at most {TITLE_BYTES_MAX} bytes in one line"));
    }
    if !(1..=QUANTITY_MAX).contains(&line.quantity) {
        found.add(pointer("quantity"), format!("must be from 1 to {QUANTITY_MAX}"));
        return;
    }
    let sign = if line.kind == LineKind::Discount { -1 } else { 1 };
    let amounts = [line.unit_price.micros(), line.amount_minor].map(i64::signum);
    if amounts.iter().any(|found| *found != 0 && *found != sign) {
        let says = if sign < 0 { "a discount is not above 0" } else { "must not be below 0" };
        found.add(pointer("amount"), says);
    }
    match line.unit_price.line_amount_minor(line.quantity, currency) {
        Ok(amount) if amount == line.amount_minor && amount.abs() <= AMOUNT_MINOR_MAX => {}
        Ok(amount) if amount == line.amount_minor => {
            found.add(pointer("amount"), format!("at most {AMOUNT_MINOR_MAX} minor units"));
        }
        Ok(amount) => found.add(
            pointer("amount"),
            format!(
                "{} × {} is {amount}, not {}: {} apart",
                line.quantity,
                line.unit_price,
                line.amount_minor,
                i128::from(amount).abs_diff(i128::from(line.amount_minor))
            ),
        ),
        Err(error) => found.add(pointer("unit_price"), error.to_string()),
    }
    if line.discount_minor < 0 || line.discount_minor > line.amount_minor.max(0) {
        found.add(pointer("discount"), "must be from 0 to the line's amount");
    }
    let tax_fits =
        if line.kind == LineKind::Discount { -AMOUNT_MINOR_MAX..=0 } else { 0..=AMOUNT_MINOR_MAX };
    if !tax_fits.contains(&line.tax_minor) {
        found.add(pointer("tax"), "has the sign of the line's amount");
    }
}

fn payable(line: &LineDraft, tax_included: bool) -> i64 {
    line.amount_minor - line.discount_minor + if tax_included { 0 } else { line.tax_minor }
}

/// Each line's share of the order's total. Discounts go over goods and fees first, and over
/// shipping too only where they are more than those.
fn share_out(lines: &[LineDraft], totals: &[i64]) -> Option<Vec<i64>> {
    let is_discount = |line: &LineDraft| line.kind == LineKind::Discount;
    let discount: i64 = lines
        .iter()
        .zip(totals)
        .filter(|(line, _)| is_discount(line))
        .map(|(_, total)| total)
        .sum();
    let weights = |with_shipping: bool| -> Vec<i64> {
        let counts = |line: &LineDraft| {
            !is_discount(line) && (with_shipping || line.kind != LineKind::Shipping)
        };
        lines
            .iter()
            .zip(totals)
            .map(|(line, total)| if counts(line) { *total } else { 0 })
            .collect()
    };
    let mut over = weights(false);
    if over.iter().sum::<i64>() < -discount {
        over = weights(true);
    }
    if over.iter().sum::<i64>() < -discount {
        return None;
    }
    let taken = allocate(discount, &over)?;
    let share = |((line, total), taken): ((&LineDraft, &i64), &i64)| {
        if is_discount(line) { 0 } else { total + taken }
    };
    Some(lines.iter().zip(totals).zip(&taken).map(share).collect())
}

/// What a line says when it was sent without a title.
pub const fn title_of(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Shipping => "Shipping",
        LineKind::Discount => "Discount",
        LineKind::Fee => "Fee",
        _ => "",
    }
}

/// The stored code of a line without a product.
pub const fn code_of(kind: LineKind) -> &'static str {
    kind.as_str()
}

/// The longest text of a source, an order number or a payment reference, in bytes.
pub const REFERENCE_BYTES_MAX: usize = SHOP_ID_BYTES_MAX;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(kind: LineKind, quantity: i64, price: &str, amount_minor: i64) -> LineDraft {
        let goods = kind.is_goods();
        LineDraft {
            kind,
            sku: goods.then(|| Sku::parse("A").unwrap()),
            title: String::new(),
            quantity,
            unit_price: UnitPrice::parse(price).unwrap(),
            amount_minor,
            discount_minor: 0,
            tax_minor: 0,
        }
    }

    fn draft(lines: Vec<LineDraft>, total_minor: i64) -> OrderDraft {
        OrderDraft { currency: "EUR".parse().unwrap(), tax_included: false, total_minor, lines }
    }

    fn pointers(draft: &OrderDraft) -> Vec<String> {
        let found = place(draft).err().unwrap_or_default();
        found.into_iter().map(|field| field.pointer).collect()
    }

    #[test]
    fn a_total_is_the_sum_of_lines_less_discounts_plus_tax_and_shipping() {
        let mut lines = vec![
            line(LineKind::Sale, 3, "10.00", 3_000),
            line(LineKind::Sale, 1, "5.00", 500),
            line(LineKind::Shipping, 1, "4.90", 490),
            line(LineKind::Discount, 1, "-3.50", -350),
        ];
        lines[0].discount_minor = 100;
        lines[0].tax_minor = 580;
        let totals = place(&draft(lines.clone(), 4_120)).unwrap();
        let of = |pick: fn(&LineTotals) -> i64| totals.iter().map(pick).collect::<Vec<_>>();
        assert_eq!(of(|t| t.total_minor), [3_480, 500, 490, -350]);
        assert_eq!(of(|t| t.share_minor), [3_480 - 306, 500 - 44, 490, 0]);
        let included = OrderDraft { tax_included: true, ..draft(lines.clone(), 3_540) };
        assert!(place(&included).is_ok());
        let found = place(&draft(lines, 4_121)).unwrap_err();
        assert_eq!(found[0].pointer, "/total");
        assert!(found[0].problem.contains("add up to 4120, the total says 4121: 1 too much"));
    }

    #[test]
    fn discounts_beyond_the_goods_reach_the_shipping_and_no_further() {
        let lines = |discount: &str, amount| {
            vec![
                line(LineKind::Sale, 1, "1.00", 100),
                line(LineKind::Shipping, 1, "1.00", 100),
                line(LineKind::Discount, 1, discount, amount),
            ]
        };
        let shares = |discount, amount, total| {
            let totals = place(&draft(lines(discount, amount), total)).unwrap();
            totals.iter().map(|t| t.share_minor).collect::<Vec<_>>()
        };
        assert_eq!(shares("-1.00", -100, 100), [0, 100, 0]);
        assert_eq!(shares("-1.50", -150, 50), [25, 25, 0]);
        assert_eq!(shares("-2.00", -200, 0), [0, 0, 0]);
        assert_eq!(pointers(&draft(lines("-2.01", -201), -1)), ["/total"]);
    }

    #[test]
    fn each_field_of_a_line_is_held_to_what_can_be_booked() {
        let check = |change: fn(&mut LineDraft), pointer: &str| {
            let mut one = line(LineKind::Sale, 2, "1.00", 200);
            change(&mut one);
            let found = pointers(&draft(vec![one], 200));
            assert_eq!(found, [format!("/lines/0/{pointer}")]);
        };
        check(|l| l.sku = None, "sku");
        check(|l| l.kind = LineKind::Shipping, "sku");
        check(|l| l.title = "a\nb".into(), "title");
        check(|l| l.quantity = 0, "quantity");
        check(|l| l.quantity = QUANTITY_MAX + 1, "quantity");
        check(|l| l.amount_minor = 201, "amount");
        check(|l| l.quantity = 3, "amount");
        check(|l| l.discount_minor = 201, "discount");
        check(|l| l.discount_minor = -1, "discount");
        check(|l| l.tax_minor = -1, "tax");
        check(|l| (l.unit_price, l.amount_minor) = (UnitPrice(-1_000_000), -200), "amount");
        assert_eq!(pointers(&draft(Vec::new(), 0)), ["/lines"]);
        let many = vec![line(LineKind::Sale, 1, "0", 0); LINES_MAX + 1];
        assert_eq!(pointers(&draft(many, 0)), ["/lines"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn shares_sum_to_the_total_and_are_never_negative(
            goods in proptest::collection::vec((1..20_i64, 0..50_000_i64, 0..10_000_i64), 1..6),
            shipping in 0..2_000_i64, percent in 0..=100_i64,
        ) {
            let cents = |minor: i64| UnitPrice(minor * 10_000);
            let sale = |(quantity, price, tax): &(i64, i64, i64)| LineDraft {
                unit_price: cents(*price),
                amount_minor: quantity * price,
                tax_minor: *tax,
                ..line(LineKind::Sale, *quantity, "0", 0)
            };
            let mut lines: Vec<_> = goods.iter().map(sale).collect();
            let free = |kind, minor| LineDraft {
                unit_price: cents(minor), amount_minor: minor, ..line(kind, 1, "0", 0)
            };
            lines.push(free(LineKind::Shipping, shipping));
            let before: i64 = lines.iter().map(|line| payable(line, false)).sum();
            lines.push(free(LineKind::Discount, -(before * percent / 100)));
            let total = before - before * percent / 100;
            let totals = place(&draft(lines, total)).unwrap();
            prop_assert_eq!(totals.iter().map(|t| t.share_minor).sum::<i64>(), total);
            prop_assert_eq!(totals.iter().map(|t| t.total_minor).sum::<i64>(), total);
            prop_assert!(totals.iter().all(|t| t.share_minor >= 0));
        }
    }
}
