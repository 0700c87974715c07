//! Scores under construction: a number for each item, and which items have one.
//!
//! Clearing costs what was touched, not the size of the catalogue.

/// Scores by item.
#[derive(Clone, Debug)]
pub struct Scores {
    values: Vec<f32>,
    marked: Vec<bool>,
    touched: Vec<u32>,
}

impl Scores {
    /// No scores, for a catalogue of this many items.
    pub fn new(items: usize) -> Self {
        Self { values: vec![0.0; items], marked: vec![false; items], touched: Vec::new() }
    }

    /// Adds to an item's score.
    pub fn add(&mut self, item: u32, score: f32) {
        let at = item as usize;
        if !self.marked[at] {
            self.marked[at] = true;
            self.touched.push(item);
        }
        self.values[at] += score;
    }

    /// Gives all items a score at once, for models that score everything.
    pub fn all(&mut self) -> &mut [f32] {
        if self.touched.len() < self.values.len() {
            self.marked.fill(true);
            self.touched.clear();
            self.touched.extend(0..self.values.len() as u32);
        }
        &mut self.values
    }

    /// Forgets all scores.
    pub fn clear(&mut self) {
        if self.touched.len() == self.values.len() {
            self.values.fill(0.0);
            self.marked.fill(false);
        } else {
            for &item in &self.touched {
                self.values[item as usize] = 0.0;
                self.marked[item as usize] = false;
            }
        }
        self.touched.clear();
    }

    /// Takes the scores of these items away.
    pub fn silence(&mut self, items: &[u32]) {
        for &item in items {
            self.values[item as usize] = 0.0;
        }
    }

    /// Multiplies each score by its item's factor.
    pub fn scale(&mut self, factors: &[f32]) {
        for &item in &self.touched {
            self.values[item as usize] *= factors[item as usize];
        }
    }

    /// The items that have a score.
    pub fn items(&self) -> &[u32] {
        &self.touched
    }

    /// An item's score; 0 if it has none.
    pub fn of(&self, item: u32) -> f32 {
        self.values[item as usize]
    }

    /// The largest score, at least 0.
    pub fn largest(&self) -> f32 {
        if self.touched.len() == self.values.len() {
            return self.values.iter().copied().fold(0.0, f32::max);
        }
        self.touched.iter().map(|&item| self.of(item)).fold(0.0, f32::max)
    }

    /// Adds another's scores times a weight.
    pub fn add_all(&mut self, other: &Self, weight: f32) {
        if other.touched.len() == other.values.len() {
            for (mine, theirs) in self.all().iter_mut().zip(&other.values) {
                *mine += weight * theirs;
            }
        } else {
            for &item in &other.touched {
                self.add(item, weight * other.of(item));
            }
        }
    }

    /// The best `most` items above 0 that are not left out, best first, ties by item.
    pub fn best(&self, most: usize, left_out: &[u32]) -> Vec<(u32, f32)> {
        let mut found: Vec<(u32, f32)> = Vec::with_capacity(self.touched.len());
        let scored = self.touched.iter().map(|&item| (item, self.of(item)));
        found.extend(scored.filter(|(_, score)| *score > 0.0));
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let wanted = most + left_out.len();
        if found.len() > wanted {
            found.select_nth_unstable_by(wanted, order);
            found.truncate(wanted);
        }
        found.retain(|(item, _)| left_out.binary_search(item).is_err());
        found.sort_unstable_by(order);
        found.truncate(most);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Scores;

    #[test]
    fn the_best_are_in_order_without_what_is_left_out() {
        let mut scores = Scores::new(5);
        for (item, score) in [(4, 1.0), (0, 2.0), (2, 2.0), (1, 3.0), (3, -1.0)] {
            scores.add(item, score);
        }
        assert_eq!(scores.best(2, &[1]), [(0, 2.0), (2, 2.0)]);
        assert_eq!(scores.best(9, &[]), [(1, 3.0), (0, 2.0), (2, 2.0), (4, 1.0)]);
        scores.clear();
        assert!(scores.best(9, &[]).is_empty());
    }
}
