//! Makes the demo's data: a slice of a real order history, and invented costs and stock for it.
//!
//! The slice is cut at whole days and copied byte for byte. The invented file is a function of the
//! slice and a seed alone, so anyone can make both again and compare. Every count is high
//! enough that no later line of the slice takes the shelf below zero.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use jiff::tz::TimeZone;
use shopwright_domain::money::{Currency, UnitPrice, format_minor};
use shopwright_domain::orders::LineKind;
use shopwright_domain::orders::online_retail::{COLUMNS, Line, RawLine, read_line};
use shopwright_domain::time::Timestamp;

/// The first day of the slice, local.
const FIRST_DAY: &str = "2011-08-19";
/// The last day of the slice, local.
const LAST_DAY: &str = "2011-11-18";
/// When the invented shelf count was taken: four weeks before the last day, 06:00 in London,
/// before that day's first invoice.
const COUNTED_AT: &str = "2011-10-21T05:00:00Z";
const ZONE: &str = "Europe/London";
const CURRENCY: &str = "GBP";

/// Sales a product needs in the slice, and since the count, to be given a cost and stock.
const LINES_MIN: u64 = 100;
const RECENT_LINES_MIN: u64 = 30;
const SEED: u64 = 20_111_118;
const COST_PERCENT_MIN: u64 = 45;
const COST_PERCENT_MAX: u64 = 65;

const EXCERPT_FILE: &str = "online_retail_excerpt.csv.gz";
const SYNTHETIC_FILE: &str = "synthetic_costs_and_stock.csv";

/// Reads the published file (`.csv` or `.csv.gz`) and writes both demo files into `out_dir`.
///
/// Refuses a file with other columns, with a line that cannot be booked, out of time order, or
/// whose invoices reach across the edges of the slice.
pub fn run(source: &Path, out_dir: &Path) -> Result<(), String> {
    let text = read_text(source)?;
    let excerpt = cut(&text)?;
    write(&out_dir.join(EXCERPT_FILE), &compress(&excerpt)?)?;
    let histories = read_histories(&excerpt)?;
    let synthetic = invent(&histories)?;
    write(&out_dir.join(SYNTHETIC_FILE), synthetic.as_bytes())
}

fn read_text(source: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", source.display());
    let bytes = fs::read(source).map_err(failed)?;
    let mut text = String::new();
    if source.extension().is_some_and(|end| end == "gz") {
        MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).map_err(failed)?;
    } else {
        bytes.as_slice().read_to_string(&mut text).map_err(failed)?;
    }
    Ok(text)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The same bytes on every run: no file name, no time.
fn compress(text: &str) -> Result<Vec<u8>, String> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(|error| format!("cannot compress the excerpt: {error}"))
}

/// The header and the records of the slice's days, byte for byte.
fn cut(text: &str) -> Result<String, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?;
    if headers.iter().ne(COLUMNS) {
        return Err(format!("the columns {} are expected", COLUMNS.join(", ")));
    }
    let mut invoices: BTreeMap<String, Side> = BTreeMap::new();
    let (mut start, mut end) = (None, None);
    let mut last_side = Side::Before;
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let position = record.position().ok_or("a record without a position")?;
        let side = Side::of(&record[4]);
        if side < last_side {
            return Err(format!("line {} is earlier than the line before it", position.line()));
        }
        last_side = side;
        if side != Side::Before {
            start.get_or_insert(position.byte());
        }
        if side == Side::After {
            end.get_or_insert(position.byte());
        }
        let first_side = *invoices.entry(record[0].to_owned()).or_insert(side);
        if first_side != side {
            return Err(format!("invoice {} reaches across an edge of the slice", &record[0]));
        }
    }
    let place = |byte: Option<u64>| byte.and_then(|byte| usize::try_from(byte).ok());
    let start = place(start).ok_or("the file ends before the slice begins")?;
    let header = text.lines().next().unwrap_or_default();
    Ok(format!("{header}\n{}", &text[start..place(end).unwrap_or(text.len())]))
}

/// Where a local time lies relative to the slice; the order is that of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    Within,
    After,
}

impl Side {
    fn of(local: &str) -> Self {
        let day = local.split(' ').next().unwrap_or_default();
        if day < FIRST_DAY {
            Self::Before
        } else if day <= LAST_DAY {
            Self::Within
        } else {
            Self::After
        }
    }
}

/// What the slice says about one product.
#[derive(Default)]
struct History {
    lines: u64,
    recent_lines: u64,
    price_lines: BTreeMap<UnitPrice, u64>,
    /// Σ stock movements since the count.
    moved: i64,
    /// The lowest that sum ever was, at most 0.
    lowest: i64,
}

impl History {
    fn add(&mut self, line: &Line, counted_at: Timestamp) {
        if line.kind == LineKind::Sale {
            self.lines += 1;
            self.recent_lines += u64::from(line.at >= counted_at);
            *self.price_lines.entry(line.unit_price).or_default() += 1;
        }
        if let Some(effect) = line.kind.moves_stock().filter(|_| line.at >= counted_at) {
            self.moved += effect.movement(line.quantity);
            self.lowest = self.lowest.min(self.moved);
        }
    }

    /// The price most lines have; of several, the lowest, so that a cost never exceeds any.
    fn modal_price(&self) -> Option<UnitPrice> {
        let most = self.price_lines.values().max()?;
        self.price_lines.iter().find(|(_, lines)| *lines == most).map(|(price, _)| *price)
    }
}

fn read_histories(excerpt: &str) -> Result<BTreeMap<Box<str>, History>, String> {
    let zone = TimeZone::get(ZONE).map_err(|error| error.to_string())?;
    let currency: Currency = CURRENCY.parse().map_err(|error| format!("{error}"))?;
    let counted_at: Timestamp = COUNTED_AT.parse().map_err(|error| format!("{error}"))?;
    let mut histories: BTreeMap<Box<str>, History> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(excerpt.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let raw = RawLine::from_fields(std::array::from_fn(|column| &record[column]));
        let line = read_line(&raw, &zone, currency)
            .map_err(|errors| format!("invoice {}: {}", raw.invoice, errors[0]))?;
        if line.kind.is_goods() {
            histories.entry(line.code.clone()).or_default().add(&line, counted_at);
        }
    }
    Ok(histories)
}

/// The invented file: one row a product with enough sales, in the order of the codes.
fn invent(histories: &BTreeMap<Box<str>, History>) -> Result<String, String> {
    let currency: Currency = CURRENCY.parse().map_err(|error| format!("{error}"))?;
    let mut text = String::from("sku,cost,opening_stock,counted_at,note\n");
    for (sku, history) in histories {
        if history.lines < LINES_MIN || history.recent_lines < RECENT_LINES_MIN {
            continue;
        }
        let price = history.modal_price().ok_or("a product with sales has a price")?;
        let cost = format_minor(cost_minor(sku, price, currency), currency);
        let opening = opening_stock(sku, history);
        for part in [sku, ",", &cost, ",", &opening.to_string(), ",", COUNTED_AT, ",synthetic\n"] {
            text.push_str(part);
        }
    }
    Ok(text)
}

/// 45 to 65 percent of the price to the nearest minor unit, at least one.
fn cost_minor(sku: &str, price: UnitPrice, currency: Currency) -> i64 {
    let percent = roll(sku, "cost", COST_PERCENT_MIN, COST_PERCENT_MAX);
    let micros_per_minor = 1_000_000 / currency.minor_per_major();
    ((price.micros() * percent + 50 * micros_per_minor) / (100 * micros_per_minor)).max(1)
}

/// What was on the shelf at the count, so that at the end of the slice about one product in seven
/// is nearly gone (1 to 9 left), one in four is low (10 to 49), and the rest has 50 and two to
/// eight weeks of its recent sales.
fn opening_stock(sku: &str, history: &History) -> i64 {
    let sold = -history.moved;
    let left = match roll(sku, "class", 0, 99) {
        0..15 => roll(sku, "left", 1, 9),
        15..40 => roll(sku, "left", 10, 49),
        _ => 50 + roll(sku, "left", 2, 8) * sold.max(0) / 4,
    };
    // Goods that were sold and came back later had to be there first.
    (sold + left).max(-history.lowest)
}

/// A number from `min` to `max` that depends on the seed, the product and the purpose alone:
/// FNV-1a over both texts, then the finalizer of `SplitMix64` so that near codes part.
fn roll(sku: &str, purpose: &str, min: u64, max: u64) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ SEED;
    for byte in sku.bytes().chain([0]).chain(purpose.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let drawn = min + (hash ^ (hash >> 31)) % (max - min + 1);
    i64::try_from(drawn).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

    fn file(rows: &[&str]) -> String {
        rows.iter().fold(format!("{HEADER}\n"), |text, row| text + row + "\n")
    }

    #[test]
    fn the_slice_is_the_bytes_of_its_days() {
        let before = "1,22429,\"A, B\",1,2011-08-18 23:59:00,1.0,,France";
        let within = "2,22429,\"C \"\"D\"\"\",1,2011-08-19 06:10:00,1.00,,France";
        let after = "3,22429,E,1,2011-11-19 06:10:00,1.0,,France";
        assert_eq!(cut(&file(&[before, within, after])), Ok(file(&[within])));
        assert_eq!(cut(&file(&[before, within])), Ok(file(&[within])));
        assert!(cut(&file(&[before])).is_err());
        assert!(cut(&file(&[within, before])).unwrap_err().contains("earlier"));
        assert!(cut(&file(&[before, &within.replacen('2', "1", 1)])).unwrap_err().contains("edge"));
        assert!(cut("a,b\n1,2\n").unwrap_err().contains("InvoiceNo"));
    }

    #[test]
    fn the_shelf_is_never_below_zero_and_ends_with_something_left() {
        for code in 10_000..12_000 {
            let sku = code.to_string();
            let came_back = History { moved: -10, lowest: -500, ..History::default() };
            assert!(opening_stock(&sku, &came_back) >= 500);
            let sold = History { moved: -40, lowest: -40, ..History::default() };
            assert!(opening_stock(&sku, &sold) > 40);
            let cost = cost_minor(&sku, UnitPrice(2_000_000), "GBP".parse().unwrap());
            assert!((90..=130).contains(&cost), "{cost}");
        }
    }
}
