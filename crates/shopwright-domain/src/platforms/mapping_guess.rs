//! What the columns of an unknown table could be: from their names, in several languages, and from
//! what stands in them. A guess is shown to somebody before anything is booked by it.

use std::collections::BTreeMap;

use super::cells::{DateOrder, DecimalSign, Formats, decimal, parse_time};
use super::mapped_csv::{MappedFormats, Mapping, TableKind};

/// A guess with what it is unsure of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The mapping, as far as it is known.
    pub mapping: Mapping,
    /// Words that nothing was found for though rows need them.
    pub missing: Vec<&'static str>,
    /// What should be looked at, in sentences.
    pub unsure: Vec<String>,
}

/// Names of columns for each word, best first: English, German, French, Spanish, Italian, Dutch.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "order_id",
        &[
            "order_id",
            "order id",
            "order number",
            "order no",
            "order",
            "orderid",
            "invoice",
            "invoiceno",
            "invoice number",
            "bestellnummer",
            "auftragsnummer",
            "rechnungsnummer",
            "bestellung",
            "numéro de commande",
            "commande",
            "pedido",
            "número de pedido",
            "ordine",
            "numero ordine",
            "ordernummer",
            "bestelnummer",
        ],
    ),
    (
        "at",
        &[
            "at",
            "order date",
            "date",
            "created at",
            "created",
            "datetime",
            "timestamp",
            "sold at",
            "invoicedate",
            "invoice date",
            "datum",
            "bestelldatum",
            "rechnungsdatum",
            "date de commande",
            "fecha",
            "data",
            "besteldatum",
            "counted at",
        ],
    ),
    (
        "sku",
        &[
            "sku",
            "product code",
            "item number",
            "item code",
            "product sku",
            "article",
            "stockcode",
            "code",
            "artikelnummer",
            "artikel-nr",
            "artikelnr",
            "art.-nr.",
            "référence",
            "reference",
            "référence produit",
            "referencia",
            "código",
            "codice",
            "codice articolo",
            "artikelcode",
            "product id",
        ],
    ),
    (
        "quantity",
        &[
            "quantity",
            "qty",
            "pieces",
            "units",
            "count",
            "on hand",
            "stock",
            "menge",
            "anzahl",
            "stück",
            "bestand",
            "lagerbestand",
            "quantité",
            "cantidad",
            "quantità",
            "aantal",
            "voorraad",
        ],
    ),
    (
        "unit_price",
        &[
            "unit_price",
            "unit price",
            "unitprice",
            "price each",
            "item price",
            "price",
            "einzelpreis",
            "stückpreis",
            "preis",
            "prix unitaire",
            "prix",
            "precio unitario",
            "precio",
            "prezzo unitario",
            "prezzo",
            "stukprijs",
            "prijs",
        ],
    ),
    (
        "price",
        &[
            "price",
            "regular price",
            "sales price",
            "preis",
            "verkaufspreis",
            "prix",
            "prix de vente",
            "precio",
            "prezzo",
            "prijs",
            "verkoopprijs",
        ],
    ),
    ("compare_at", &["compare_at", "compare at price", "rrp", "list price", "uvp", "streichpreis"]),
    (
        "cost",
        &[
            "cost",
            "cost price",
            "purchase price",
            "einkaufspreis",
            "ek",
            "prix d'achat",
            "coste",
            "costo",
            "inkoopprijs",
        ],
    ),
    (
        "title",
        &[
            "title",
            "product name",
            "name",
            "description",
            "item",
            "product",
            "bezeichnung",
            "artikel",
            "produkt",
            "titel",
            "beschreibung",
            "désignation",
            "produit",
            "nombre",
            "producto",
            "descrizione",
            "nome",
            "omschrijving",
        ],
    ),
    (
        "category",
        &[
            "category",
            "product type",
            "kategorie",
            "warengruppe",
            "catégorie",
            "categoría",
            "categoria",
            "categorie",
        ],
    ),
    (
        "discount",
        &["discount", "line discount", "rabatt", "remise", "descuento", "sconto", "korting"],
    ),
    (
        "shipping",
        &[
            "shipping",
            "shipping cost",
            "postage",
            "versand",
            "versandkosten",
            "frais de port",
            "envío",
            "spedizione",
            "verzendkosten",
        ],
    ),
    (
        "customer",
        &[
            "customer",
            "customer id",
            "customerid",
            "customer number",
            "kundennummer",
            "kunde",
            "numéro client",
            "client",
            "cliente",
            "klantnummer",
            "klant",
        ],
    ),
    (
        "email",
        &[
            "email",
            "e-mail",
            "customer email",
            "mail",
            "courriel",
            "correo",
            "correo electrónico",
            "e-mailadresse",
            "e-mail-adresse",
        ],
    ),
    ("currency", &["currency", "currency code", "währung", "devise", "moneda", "valuta"]),
    (
        "location",
        &[
            "location",
            "warehouse",
            "lager",
            "lagerort",
            "standort",
            "entrepôt",
            "almacén",
            "magazzino",
            "magazijn",
        ],
    ),
    ("status", &["status"]),
    ("image", &["image", "image url", "bild", "picture"]),
    (
        "name",
        &["name", "full name", "customer name", "kundenname", "nom", "nombre", "nome", "naam"],
    ),
    ("phone", &["phone", "telephone", "telefon", "téléphone", "teléfono", "telefono", "telefoon"]),
    ("country", &["country", "country code", "land", "pays", "país", "paese"]),
    ("city", &["city", "stadt", "ort", "ville", "ciudad", "città", "plaats"]),
    (
        "postal_code",
        &["postal code", "zip", "postcode", "plz", "code postal", "código postal", "cap"],
    ),
    (
        "line1",
        &[
            "address",
            "street",
            "address 1",
            "straße",
            "strasse",
            "adresse",
            "dirección",
            "indirizzo",
            "adres",
        ],
    ),
    ("tags", &["tags", "labels"]),
    ("marketing", &["marketing", "newsletter", "accepts marketing", "opt-in"]),
];

fn plain(name: &str) -> String {
    name.trim()
        .trim_start_matches('\u{feff}')
        .to_lowercase()
        .replace(['_', '.'], " ")
        .trim()
        .to_owned()
}

/// Which column is `word`, by the best name there is for it.
fn column_for(word: &str, columns: &[String]) -> Option<usize> {
    let (_, names) = SYNONYMS.iter().find(|(known, _)| *known == word)?;
    names.iter().find_map(|name| columns.iter().position(|column| plain(column) == plain(name)))
}

/// Guesses what a table is about and what its columns are. `rows` are the first ones.
pub fn guess(columns: &[String], rows: &[Vec<String>], formats: &Formats) -> Guess {
    let found = |kind: TableKind| {
        let needed = kind.needed().iter().filter(|w| column_for(w, columns).is_some()).count();
        let all = kind.columns().iter().filter(|w| column_for(w, columns).is_some()).count();
        (needed == kind.needed().len(), needed, all)
    };
    let kind = match TableKind::ALL.into_iter().max_by_key(|kind| found(*kind)) {
        Some(kind) if found(kind).1 > 0 => kind,
        _ => TableKind::Products,
    };
    let mut places: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut unsure = Vec::new();
    for word in kind.columns() {
        let Some(place) = column_for(word, columns) else { continue };
        if places.values().any(|taken| *taken == place) {
            continue;
        }
        places.insert(word, place);
    }
    let cells = |word: &str| -> Vec<&str> {
        let Some(place) = places.get(word) else { return Vec::new() };
        rows.iter()
            .filter_map(|row| Some(row.get(*place)?.trim()))
            .filter(|c| !c.is_empty())
            .collect()
    };
    let decimal =
        decimal_sign(&[cells("unit_price"), cells("price"), cells("cost")].concat(), &mut unsure);
    let dates = date_order(&cells("at"), formats, &mut unsure);
    let missing: Vec<&'static str> =
        kind.needed().iter().filter(|word| !places.contains_key(*word)).copied().collect();
    let columns =
        places.iter().map(|(word, place)| ((*word).to_owned(), columns[*place].clone())).collect();
    let formats = MappedFormats { decimal, dates, ..MappedFormats::default() };
    Guess {
        mapping: Mapping { kind, columns, constants: BTreeMap::new(), formats },
        missing,
        unsure,
    }
}

fn decimal_sign(amounts: &[&str], unsure: &mut Vec<String>) -> DecimalSign {
    let reads = |sign| amounts.iter().filter(|text| decimal(text, sign).is_some()).count();
    let (point, comma) = (reads(DecimalSign::Point), reads(DecimalSign::Comma));
    if point == comma && amounts.iter().any(|text| text.contains([',', '.'])) {
        unsure.push("the amounts can be read with a decimal point and with a comma".to_owned());
    }
    if comma > point { DecimalSign::Comma } else { DecimalSign::Point }
}

fn date_order(times: &[&str], formats: &Formats, unsure: &mut Vec<String>) -> DateOrder {
    let reads = |dates| {
        let formats = Formats { dates, ..formats.clone() };
        times.iter().filter(|text| parse_time(text, &formats).is_some()).count()
    };
    let (day, month) = (reads(DateOrder::DayFirst), reads(DateOrder::MonthFirst));
    let has_order = times.iter().any(|text| text.contains(['/', '.']) && !text.starts_with("20"));
    if day == month && has_order {
        unsure.push("the dates can be read with the day first and with the month first".to_owned());
    }
    if times.len() > day.max(month) {
        unsure.push(format!(
            "{} of the first {} times cannot be read",
            times.len() - day.max(month),
            times.len()
        ));
    }
    if month > day { DateOrder::MonthFirst } else { DateOrder::DayFirst }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn guessed(header: &str, rows: &[&str]) -> Guess {
        let split = |row: &str| row.split(';').map(ToOwned::to_owned).collect::<Vec<_>>();
        let formats = Formats {
            currency: "EUR".parse().unwrap(),
            zone: TimeZone::UTC,
            decimal: DecimalSign::Point,
            dates: DateOrder::DayFirst,
        };
        let rows: Vec<_> = rows.iter().map(|row| split(row)).collect();
        guess(&split(header), &rows, &formats)
    }

    #[test]
    fn a_german_list_of_sales_is_understood() {
        let rows =
            ["A-1;24.12.2025 18:00;K7;2;1.299,50;Kerze", "A-2;25.12.2025 09:00;K8;1;3,20;Docht"];
        let guess =
            guessed("Bestellnummer;Datum;Artikelnummer;Menge;Einzelpreis;Bezeichnung", &rows);
        let mapping = &guess.mapping;
        assert_eq!(mapping.kind, TableKind::Orders);
        let column = |word: &str| mapping.columns.get(word).map(String::as_str);
        assert_eq!(column("order_id"), Some("Bestellnummer"));
        assert_eq!(column("at"), Some("Datum"));
        assert_eq!(column("unit_price"), Some("Einzelpreis"));
        assert_eq!(column("title"), Some("Bezeichnung"));
        assert_eq!(mapping.formats.decimal, DecimalSign::Comma);
        assert_eq!(mapping.formats.dates, DateOrder::DayFirst);
        assert_eq!(guess.missing, Vec::<&str>::new());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_said() {
        let guess = guessed("order;date;sku;qty;price", &["1;01/02/2026;a;1;3"]);
        assert_eq!(
            guess.unsure,
            ["the dates can be read with the day first and with the month first"]
        );
        let months = guessed("order;date;sku;qty;price", &["1;12/31/2026;a;1;3"]);
        assert_eq!(months.mapping.formats.dates, DateOrder::MonthFirst);
        assert!(months.unsure.is_empty(), "{:?}", months.unsure);
    }

    #[test]
    fn a_table_without_any_known_name_is_a_guess_with_everything_missing() {
        let guess = guessed("a;b", &["1;2"]);
        assert_eq!((guess.mapping.kind, guess.missing), (TableKind::Products, vec!["sku"]));
    }
}
