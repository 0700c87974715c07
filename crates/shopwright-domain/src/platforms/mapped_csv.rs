//! Tables of any origin: a mapping says which column is what, and how its cells are written.
//!
//! A query of a database that names its columns in these words needs no mapping.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{CellError, DateOrder, DecimalSign, Formats, Header, Row, one_line};
use super::shopify_orders_csv::{currency_of, side_line};
use super::shopify_products_csv::{positive, sku_of};
use super::{
    PlatformCustomer, PlatformLine, PlatformOrder, PlatformPayment, PlatformStock, PlatformVariant,
    VariantIds,
};
use crate::catalog::{ProductKind, ProductStatus, SHOP_ID_BYTES_MAX};
use crate::orders::LineKind;
use crate::time::Timestamp;

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Lines of orders; `sales` is the same.
    #[serde(alias = "sales")]
    Orders,
    /// Products.
    Products,
    /// What lies where.
    Inventory,
    /// People.
    Customers,
}

impl TableKind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Products, Self::Inventory, Self::Customers];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Products => "products",
            Self::Inventory => "inventory",
            Self::Customers => "customers",
        }
    }

    /// Columns it cannot do without.
    pub const fn needed(self) -> &'static [&'static str] {
        match self {
            Self::Orders => &["order_id", "at", "sku", "quantity", "unit_price"],
            Self::Products => &["sku"],
            Self::Inventory => &["sku", "quantity"],
            Self::Customers => &["email"],
        }
    }

    /// Columns that are read.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Orders => &[
                "order_id",
                "at",
                "sku",
                "quantity",
                "unit_price",
                "title",
                "discount",
                "shipping",
                "customer",
                "email",
                "currency",
            ],
            Self::Products => &[
                "sku",
                "title",
                "category",
                "price",
                "compare_at",
                "cost",
                "quantity",
                "currency",
                "status",
                "image",
            ],
            Self::Inventory => &["sku", "quantity", "location", "at"],
            Self::Customers => &[
                "customer",
                "email",
                "name",
                "phone",
                "country",
                "city",
                "postal_code",
                "line1",
                "tags",
                "marketing",
            ],
        }
    }
}

/// Which column of a file is what. Written by people, in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What the table is about.
    pub kind: TableKind,
    /// Our word → the name over the file's column.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Our word → what holds for every row.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
    /// How cells are written.
    #[serde(default)]
    pub formats: MappedFormats,
}

/// How the cells of a mapped file are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappedFormats {
    /// `point` or `comma`.
    pub decimal: DecimalSign,
    /// `day_first` or `month_first`.
    pub dates: DateOrder,
    /// IANA name; the shop's own when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// ISO 4217; the shop's own when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Whether prices include their tax.
    pub tax_included: bool,
}

/// A mapping that cannot be used on a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A word this kind of table does not have.
    #[error("a table of {kind} has no `{word}`; it has {known}")]
    UnknownWord {
        /// The kind.
        kind: &'static str,
        /// The word.
        word: String,
        /// The words there are.
        known: String,
    },
    /// Something that is needed is neither a column nor a constant.
    #[error("nothing says what is the `{0}` of a row; add it under [columns] or [constants]")]
    Missing(&'static str),
    /// A column that the file does not have.
    #[error("the file has no column `{0}`; its columns are {1}")]
    NoColumn(String, String),
}

impl Mapping {
    /// Checks the mapping against a file's header and gives the header in our words. Constants come
    /// after the file's own columns, in the order of [`Self::constant_fields`].
    pub fn apply(&self, header: &Header) -> Result<Header, MappingError> {
        let known = self.kind.columns();
        if let Some(word) =
            self.columns.keys().chain(self.constants.keys()).find(|w| !known.contains(&w.as_str()))
        {
            return Err(MappingError::UnknownWord {
                kind: self.kind.as_str(),
                word: word.clone(),
                known: known.join(", "),
            });
        }
        let given =
            |word: &str| self.columns.contains_key(word) || self.constants.contains_key(word);
        if let Some(word) = self.kind.needed().iter().find(|word| !given(word)) {
            return Err(MappingError::Missing(word));
        }
        // What is not mapped gets a name that none of our words has.
        let mut names: Vec<String> =
            header.names().iter().map(|name| format!("column {name}")).collect();
        for (word, column) in &self.columns {
            let same = |name: &String| name.trim().to_lowercase() == column.trim().to_lowercase();
            match header.names().iter().position(same) {
                Some(place) if names[place].starts_with("column ") => names[place].clone_from(word),
                // One column for two words: its second name stands behind the others.
                Some(_) => names.push(word.clone()),
                None => {
                    return Err(MappingError::NoColumn(column.clone(), header.names().join(", ")));
                }
            }
        }
        names.extend(self.constants.keys().cloned());
        Ok(Header::new(names))
    }

    /// What stands behind a row's own fields, under the names [`Self::apply`] gave.
    pub fn constant_fields(&self) -> impl Iterator<Item = &str> {
        self.constants.values().map(String::as_str)
    }
}

fn missing(column: &str) -> CellError {
    CellError::new(column, "", "is empty")
}

/// Reads the rows of one order.
pub fn order(
    rows: &[Row<'_>],
    source: &str,
    tax_included: bool,
    formats: &Formats,
) -> Result<PlatformOrder, (usize, CellError)> {
    let Some(head) = rows.first() else { return Err((0, missing("order_id"))) };
    let on_head = |error| (0, error);
    let currency = currency_of(head, formats).map_err(on_head)?;
    let external_id =
        head.text("order_id").map(one_line).ok_or_else(|| (0, missing("order_id")))?;
    let mut total_minor: i64 = 0;
    let mut lines = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let (line, amount) = order_line(row, currency, formats).map_err(|error| (place, error))?;
        total_minor = total_minor.saturating_add(amount - line.discount_minor);
        lines.push(line);
    }
    let placed_at =
        head.time(&["at"], formats).map_err(on_head)?.ok_or_else(|| (0, missing("at")))?;
    let shipping = head.minor(&["shipping"], currency, formats).map_err(on_head)?.unwrap_or(0);
    if shipping < 0 {
        let value = head.text("shipping").unwrap_or_default();
        return Err((0, CellError::new("shipping", value, "is below 0")));
    }
    if shipping > 0 {
        lines.push(side_line(LineKind::Shipping, "Shipping", shipping, currency).map_err(on_head)?);
        total_minor = total_minor.saturating_add(shipping);
    }
    let (person, email) = (head.line(&["customer"]), head.line(&["email"]));
    let customer = (person.is_some() || email.is_some()).then(|| PlatformCustomer {
        external_id: person,
        email,
        ..PlatformCustomer::default()
    });
    Ok(PlatformOrder {
        source: source.to_owned(),
        external_id,
        number: None,
        placed_at,
        updated_at: None,
        currency,
        tax_included,
        total_minor,
        lines,
        customer,
        ship_to: None,
        payment: PlatformPayment::Paid {
            provider: source.to_owned(),
            reference: String::new(),
            at: placed_at,
        },
        fulfilled_at: Some(placed_at),
        canceled_at: None,
        refunds: Vec::new(),
        is_test: false,
    })
}

fn order_line(
    row: &Row<'_>,
    currency: crate::money::Currency,
    formats: &Formats,
) -> Result<(PlatformLine, i64), CellError> {
    let sku = sku_of(row, &["sku"])?;
    let quantity = row.whole(&["quantity"], formats)?.ok_or_else(|| missing("quantity"))?;
    let unit_price =
        row.unit_price(&["unit_price"], formats)?.ok_or_else(|| missing("unit_price"))?;
    if quantity < 1 {
        let problem = "must be above 0; what came back is a refund of its order";
        return Err(CellError::new("quantity", &quantity.to_string(), problem));
    }
    if unit_price.micros() < 0 {
        return Err(CellError::new("unit_price", &unit_price.to_string(), "is below 0"));
    }
    let amount = unit_price.line_amount_minor(quantity, currency).map_err(|error| {
        CellError::new("unit_price", &unit_price.to_string(), error.to_string())
    })?;
    let discount_minor = row.minor(&["discount"], currency, formats)?.unwrap_or(0);
    if !(0..=amount).contains(&discount_minor) {
        let value = row.text("discount").unwrap_or_default();
        let problem = "must be from 0 to what the line costs";
        return Err(CellError::new("discount", value, problem));
    }
    let kind = if amount == 0 { LineKind::FreeGoods } else { LineKind::Sale };
    let title = row.line(&["title"]).unwrap_or_default();
    let line = PlatformLine {
        external_id: None,
        kind,
        sku: Some(sku),
        variant_id: None,
        title,
        quantity,
        unit_price,
        discount_minor,
        tax_minor: 0,
        is_physical: true,
    };
    Ok((line, amount))
}

/// Reads a product.
pub fn product(row: &Row<'_>, formats: &Formats) -> Result<PlatformVariant, CellError> {
    let currency = currency_of(row, formats)?;
    let formats = &Formats { currency, ..formats.clone() };
    let status = match row.text("status") {
        None => ProductStatus::Active,
        Some(word) => word
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| CellError::new("status", word, "not one of active, draft, archived"))?,
    };
    let category = row.line(&["category"]);
    if category.as_ref().is_some_and(|path| path.len() > SHOP_ID_BYTES_MAX) {
        let value = category.unwrap_or_default();
        return Err(CellError::new("category", &value, "is longer than 200 bytes"));
    }
    Ok(PlatformVariant {
        ids: VariantIds::default(),
        sku: Some(sku_of(row, &["sku"])?),
        title: row.line(&["title"]).unwrap_or_default(),
        category,
        kind: ProductKind::Physical,
        status,
        currency: Some(currency),
        price_minor: positive(row, &["price"], formats)?,
        compare_at_minor: positive(row, &["compare_at"], formats)?,
        cost_minor: positive(row, &["cost"], formats)?,
        images: row.text("image").map(ToOwned::to_owned).into_iter().collect(),
        attributes: serde_json::Map::new(),
        quantity: row.whole(&["quantity"], formats)?,
        backorder: None,
        updated_at: None,
    })
}

/// Reads what lies at one place.
pub fn stock(row: &Row<'_>, formats: &Formats, now: Timestamp) -> Result<PlatformStock, CellError> {
    Ok(PlatformStock {
        sku: Some(sku_of(row, &["sku"])?),
        inventory_item_id: None,
        location: row.line(&["location"]),
        quantity: row.whole(&["quantity"], formats)?.ok_or_else(|| missing("quantity"))?,
        counts_sold: true,
        at: row.time(&["at"], formats)?.unwrap_or(now),
    })
}

/// Reads a person.
pub fn customer(row: &Row<'_>, now: Timestamp) -> Result<PlatformCustomer, CellError> {
    use crate::customers::{Address, Consent, is_country};
    let (external_id, email) = (row.line(&["customer"]), row.line(&["email"]));
    if external_id.is_none() && email.is_none() {
        return Err(missing("email"));
    }
    let address = Address {
        line1: row.line(&["line1"]),
        city: row.line(&["city"]),
        postal_code: row.line(&["postal_code"]),
        country: row.line(&["country"]).filter(|code| is_country(code)),
        ..Address::default()
    };
    let has_address = address.parts().iter().any(|(_, part)| part.is_some());
    let tags = row.line(&["tags"]).unwrap_or_default();
    let consent = row.yes(&["marketing"])?;
    Ok(PlatformCustomer {
        external_id,
        email,
        name: row.line(&["name"]),
        phone: row.line(&["phone"]),
        tags: tags
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        consent: consent.map(|marketing| Consent {
            marketing,
            at: now,
            source: "imported list".to_owned(),
        }),
        addresses: if has_address { vec![address] } else { Vec::new() },
        ..PlatformCustomer::default()
    })
}
