//! The files of the recommenders, read line by line; a wrong line is named by its number.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use shopwright_models::recommend::rows::{Rows, ordered};
use shopwright_models::recommend::{Deed, Event, Past};

use crate::failure::Failure;

/// Names as numbers from 0, in the order they are first met.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        number
    }

    /// The number of a name that has one.
    pub fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The names by number.
    pub fn in_order(&self) -> Vec<&str> {
        let mut names = vec![""; self.numbers.len()];
        for (name, number) in &self.numbers {
            names[*number as usize] = name;
        }
        names
    }

    /// Numbers in the order of the names, so that they do not depend on the order of the lines.
    fn sort(&mut self) -> Vec<u32> {
        let sorted: BTreeMap<&str, u32> =
            self.numbers.iter().map(|(name, number)| (&**name, *number)).collect();
        let mut moved = vec![0; sorted.len()];
        for (new, old) in (0..).zip(sorted.values()) {
            moved[*old as usize] = new;
        }
        for number in self.numbers.values_mut() {
            *number = moved[*number as usize];
        }
        moved
    }
}

/// A training file.
#[derive(Debug)]
pub struct Training {
    /// Ordered by user and time.
    pub events: Vec<Event>,
    /// The items.
    pub items: Names,
    /// The users.
    pub users: Names,
}

/// One question.
#[derive(Debug)]
pub struct Query {
    /// Its name.
    pub id: String,
    /// Oldest first, without items that the training file does not know.
    pub history: Vec<Past>,
}

/// Calls `each` with every line that is not empty.
fn lines(path: &Path, mut each: impl FnMut(&str) -> Result<(), String>) -> Result<(), Failure> {
    let failed = |what: String| Failure::new("file", format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = reader.read_line(&mut line);
        if read.map_err(|error| failed(format!("line {number}: {error}")))? == 0 {
            return Ok(());
        }
        let text = line.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            each(text).map_err(|what| failed(format!("line {number}: {what}")))?;
        }
    }
}

fn deed(text: &str) -> Result<Deed, String> {
    match text {
        "view" => Ok(Deed::View),
        "cart" => Ok(Deed::Cart),
        "purchase" => Ok(Deed::Purchase),
        "like" => Ok(Deed::Like),
        _ => Err(format!("`{text}` is no event; write view, cart, purchase or like")),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    let time: Option<i64> = text.parse().ok().filter(|time| (0..=253_402_300_799).contains(time));
    time.ok_or_else(|| format!("`{text}` is no time; write unix seconds, 0 when not known"))
}

/// Reads a training file: user, item, event and seconds, separated by tabs.
pub fn training(path: &Path) -> Result<Training, Failure> {
    let (mut items, mut users, mut events) = (Names::default(), Names::default(), Vec::new());
    lines(path, |line| {
        let mut fields = line.split('\t');
        let (Some(user), Some(item), Some(event), Some(time), None) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("write user, item, event and seconds, separated by tabs".to_owned());
        };
        if user.is_empty() || item.is_empty() || item.contains(',') {
            return Err("users and items need names, items without commas".to_owned());
        }
        let (deed, time) = (deed(event)?, seconds(time)?);
        events.push(Event { user: users.number(user), item: items.number(item), deed, time });
        Ok(())
    })?;
    if events.is_empty() {
        let what = format!("{}: no events; write at least one line", path.display());
        return Err(Failure::new("file", what));
    }
    let (item_moved, user_moved) = (items.sort(), users.sort());
    for event in &mut events {
        event.item = item_moved[event.item as usize];
        event.user = user_moved[event.user as usize];
    }
    Ok(Training { events: ordered(events), items, users })
}

/// Reads `item:event:seconds …`. An item's name may hold colons, and spaces if the training file
/// has them: a deed goes on to the first word that ends it.
fn read_history(text: &str, items: &Names) -> Result<Vec<Past>, String> {
    let mut past = Vec::new();
    let mut begun = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !begun.is_empty() {
            begun.push(' ');
        }
        begun.push_str(word);
        let mut parts = begun.rsplitn(3, ':');
        let (Some(time), Some(event), Some(item)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (deed, time) = (deed(event)?, seconds(time)?);
        if let Some(item) = items.known(item) {
            past.push(Past { item, deed, time });
        }
        begun.clear();
    }
    if begun.is_empty() {
        Ok(past)
    } else {
        Err(format!("`{begun}` is no deed; write item:event:seconds"))
    }
}

/// Reads queries: id, user and history, separated by tabs. A known user without a history has
/// their events of the training file.
pub fn queries(path: &Path, known: &Training) -> Result<Vec<Query>, Failure> {
    let mut found = Vec::new();
    lines(path, |line| {
        let mut fields = line.split('\t');
        let (Some(id), Some(user), history, None) =
            (fields.next(), fields.next(), fields.next().unwrap_or(""), fields.next())
        else {
            return Err("write query id, user and history, separated by tabs".to_owned());
        };
        let mut past = read_history(history, &known.items)?;
        if history.trim().is_empty()
            && let Some(user) = known.users.known(user)
        {
            let from = known.events.partition_point(|event| event.user < user);
            let mine = known.events[from..].iter().take_while(|event| event.user == user);
            past = mine.map(|e| Past { item: e.item, deed: e.deed, time: e.time }).collect();
        }
        found.push(Query { id: id.to_owned(), history: past });
        Ok(())
    })?;
    Ok(found)
}

/// Reads what is known of items: the item, then any fields; each word is a row of its items.
pub fn words(path: &Path, items: &Names) -> Result<Rows, Failure> {
    let mut by_word: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    lines(path, |line| {
        let Some((item, fields)) = line.split_once('\t') else {
            return Err("write item and what is known of it, separated by tabs".to_owned());
        };
        if let Some(item) = items.known(item) {
            let lower = fields.to_lowercase();
            let split = lower.split(|c: char| !c.is_alphanumeric());
            for word in split.filter(|word| word.chars().count() > 1) {
                by_word.entry(word.to_owned()).or_default().push(item);
            }
        }
        Ok(())
    })?;
    let mut rows = Rows { starts: vec![0], columns: items.len(), ..Rows::default() };
    for mut all in by_word.into_values() {
        all.sort_unstable();
        all.dedup();
        // What every tenth item says tells nothing of any, and costs its square.
        if all.len() * 10 <= items.len().max(100) && all.len() > 1 {
            rows.items.extend(all.iter().take(2_000));
            rows.starts.push(u32::try_from(rows.items.len()).unwrap_or(u32::MAX));
            rows.times.push(0);
        }
    }
    Ok(rows)
}
