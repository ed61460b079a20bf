//! What was measured: facts, each of them what, which figure of it, and how much.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

pub struct Figures {
    /// In the order of the file.
    facts: Vec<(String, String, String)>,
    at: HashMap<(String, String), usize>,
}

impl Figures {
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut figures = Self { facts: Vec::new(), at: HashMap::new() };
        for line in fs::read_to_string(path)?.lines() {
            if let [what, figure, value] = line.split('\t').collect::<Vec<_>>()[..] {
                figures.at.insert((what.into(), figure.into()), figures.facts.len());
                figures.facts.push((what.into(), figure.into(), value.into()));
            }
        }
        Ok(figures)
    }

    pub fn text(&self, what: &str, figure: &str) -> Option<&str> {
        let at = *self.at.get(&(what.to_owned(), figure.to_owned()))?;
        Some(&self.facts[at].2)
    }

    pub fn get(&self, what: &str, figure: &str) -> Option<f64> {
        self.text(what, figure)?.parse().ok()
    }

    /// Ours by another's, of one run.
    pub fn ratio(&self, what: &str, other: &str, figure: &str) -> Option<f64> {
        Some(self.get(what, figure)? / self.get(other, figure)?)
    }

    /// All figures of this one thing.
    pub fn all(&self, what: &str) -> impl Iterator<Item = (&str, f64)> {
        let of_it = self.facts.iter().filter(move |fact| fact.0 == what);
        of_it.filter_map(|(_, figure, value)| Some((figure.as_str(), value.parse().ok()?)))
    }

    /// The points of a row of things that a number tells apart: `open-100` and so on, with one figure of each.
    pub fn series(&self, prefix: &str, figure: &str) -> Vec<(f64, f64)> {
        let facts = self.facts.iter().filter(|fact| fact.1 == figure);
        let points =
            facts.filter_map(|(what, _, value)| Some((what.strip_prefix(prefix)?.parse().ok()?, value.parse().ok()?)));
        let mut points: Vec<(f64, f64)> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

/// As people read it: some figures of what is small, and commas in what is large.
pub fn human(value: f64) -> String {
    if value != 0.0 && value.abs() < 100.0 && value.fract() != 0.0 {
        let digits = match value.abs() {
            ..0.1 => 4,
            0.1..10.0 => 2,
            _ => 1,
        };
        return format!("{value:.digits$}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}
