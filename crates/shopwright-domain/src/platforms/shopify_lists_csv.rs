//! Shopify's exports of customers and of inventory: one row a person, one row a product and place.

use super::cells::{CellError, Formats, Row};
use super::shopify_products_csv::sku_of;
use super::{PlatformCustomer, PlatformStock};
use crate::customers::{Address, Consent, is_country};
use crate::time::Timestamp;

/// Columns without which a file is no export of customers.
pub const CUSTOMERS_NEEDED: [&str; 1] = ["Email"];
/// Columns of customers that are read.
pub const CUSTOMERS_READ: &[&str] = &[
    "Customer ID",
    "First Name",
    "Last Name",
    "Email",
    "Accepts Email Marketing",
    "Accepts Marketing",
    "Default Address Company",
    "Default Address Address1",
    "Default Address Address2",
    "Default Address City",
    "Default Address Province Code",
    "Default Address Country Code",
    "Default Address Zip",
    "Default Address Phone",
    "Phone",
    "Tags",
];
/// Columns without which a file is no export of inventory.
pub const INVENTORY_NEEDED: [&str; 2] = ["SKU", "Location"];
/// Columns of inventory that are read.
pub const INVENTORY_READ: &[&str] = &[
    "SKU",
    "Location",
    "On hand (new)",
    "On hand (current)",
    "On hand",
    "Available",
    "Available (not editable)",
];

/// Reads a customer; consent is dated with the import, since the file does not say when it was given.
pub fn customer(row: &Row<'_>, now: Timestamp) -> Result<PlatformCustomer, CellError> {
    let external_id = row.line(&["Customer ID"]);
    let email = row.line(&["Email"]);
    if external_id.is_none() && email.is_none() {
        return Err(CellError::new("Email", "", "neither an id nor an address; nobody to keep"));
    }
    let names = [row.line(&["First Name"]), row.line(&["Last Name"])];
    let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let marketing = row.yes(&["Accepts Email Marketing", "Accepts Marketing"])?;
    let tags = row.line(&["Tags"]).unwrap_or_default();
    let part = |name: &str| row.line(&[&format!("Default Address {name}")]);
    let address = Address {
        company: part("Company"),
        line1: part("Address1"),
        line2: part("Address2"),
        city: part("City"),
        region: part("Province Code"),
        country: part("Country Code").filter(|code| is_country(code)),
        postal_code: part("Zip"),
        phone: part("Phone"),
        ..Address::default()
    };
    let has_address = address.parts().iter().any(|(_, part)| part.is_some());
    Ok(PlatformCustomer {
        external_id,
        email,
        name: (!name.is_empty()).then_some(name),
        phone: row.line(&["Phone"]),
        tags: tags
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        consent: marketing.map(|marketing| Consent {
            marketing,
            at: now,
            source: "shopify export".to_owned(),
        }),
        addresses: if has_address { vec![address] } else { Vec::new() },
        ..PlatformCustomer::default()
    })
}

/// Reads what lies at one place; `None` where the product is not stocked there.
pub fn stock(
    row: &Row<'_>,
    formats: &Formats,
    now: Timestamp,
) -> Result<Option<PlatformStock>, CellError> {
    let shelf = ["On hand (new)", "On hand (current)", "On hand"];
    let free = ["Available", "Available (not editable)"];
    let is_unstocked = |text: &str| text.eq_ignore_ascii_case("not stocked");
    if row.any(&shelf).or(row.any(&free)).is_none_or(is_unstocked) {
        return Ok(None);
    }
    let sku = sku_of(row, &["SKU"])?;
    let on_hand = row.whole(&shelf, formats)?;
    let quantity = match on_hand {
        Some(pieces) => pieces,
        None => row.whole(&free, formats)?.unwrap_or(0),
    };
    Ok(Some(PlatformStock {
        sku: Some(sku),
        inventory_item_id: None,
        location: row.line(&["Location"]),
        quantity,
        counts_sold: on_hand.is_some(),
        at: now,
    }))
}
