//! What was measured: printed as it comes, then as one table, and written as JSON and as a chart.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::chart;

/// Says what happens now.
pub fn headline(text: &str) {
    eprintln!("== {text}");
}

/// A bar on a terminal; elsewhere a line at its end would say as much as its absence.
pub fn progress(what: &str, count: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("   {what}: {count} to come");
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("   {msg}: {pos} of {len} {wide_bar} {eta}").expect("a template");
    ProgressBar::new(count as u64).with_style(style).with_message(what.to_owned())
}

/// A figure.
pub struct Line {
    pub bench: &'static str,
    pub users: usize,
    pub what: String,
    pub value: f64,
    pub unit: &'static str,
    /// It should be at most this.
    pub at_most: Option<f64>,
}

impl Line {
    fn verdict(&self) -> String {
        match self.at_most {
            None => String::new(),
            Some(most) if self.value <= most => format!("kept, at most {}", number(most)),
            Some(most) => format!("missed, at most {}", number(most)),
        }
    }

    fn is_kept(&self) -> bool {
        self.at_most.is_none_or(|most| self.value <= most)
    }

    fn row(&self) -> String {
        let Self { bench, users, what, value, unit, .. } = self;
        let row = format!("{bench:<10} {users:>7}  {what:<52} {:>9} {unit:<16} {}", number(*value), self.verdict());
        row.trim_end().to_owned()
    }

    fn json(&self) -> Value {
        json!({ "bench": self.bench, "users": self.users, "figure": self.what, "value": self.value,
            "unit": self.unit, "atMost": self.at_most, "kept": self.is_kept() })
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

pub struct Report {
    lines: Vec<Line>,
    directory: PathBuf,
    started: Instant,
}

impl Report {
    pub fn new(directory: &Path) -> Self {
        Self { lines: Vec::new(), directory: directory.to_owned(), started: Instant::now() }
    }

    /// Something to know beside the figures.
    pub fn remark(&self, text: &str) {
        eprintln!("   {text}");
    }

    /// Takes the figures of one measurement.
    pub fn lines(&mut self, bench: &'static str, users: usize) -> Lines<'_> {
        Lines { report: self, bench, users }
    }

    /// Prints and writes everything; whether every goal was kept.
    pub fn finish(&self) -> bool {
        let mut table = String::new();
        for line in &self.lines {
            writeln!(table, "{}", line.row()).expect("memory");
        }
        let minutes = self.started.elapsed().as_secs_f64() / 60.0;
        println!("\n{table}\nmeasured in {minutes:.0} min");
        let lines: Vec<Value> = self.lines.iter().map(Line::json).collect();
        std::fs::create_dir_all(&self.directory).expect("the directory can be made");
        let write = |name: &str, text: String| {
            let path = self.directory.join(name);
            std::fs::write(&path, text).expect("the directory can be written");
            println!("written: {}", path.display());
        };
        write("scale.json", serde_json::to_string_pretty(&lines).expect("JSON"));
        write("scale.svg", chart::render(&self.lines));
        self.lines.iter().all(Line::is_kept)
    }
}

/// Where the figures of one measurement go.
pub struct Lines<'a> {
    report: &'a mut Report,
    bench: &'static str,
    users: usize,
}

impl Lines<'_> {
    pub fn figure(&mut self, what: &str, value: f64, unit: &'static str) {
        self.add(what, value, unit, None);
    }

    pub fn goal(&mut self, what: &str, value: f64, unit: &'static str, at_most: f64) {
        self.add(what, value, unit, Some(at_most));
    }

    fn add(&mut self, what: &str, value: f64, unit: &'static str, at_most: Option<f64>) {
        let line = Line { bench: self.bench, users: self.users, what: what.to_owned(), value, unit, at_most };
        eprintln!("   {}", line.row());
        self.report.lines.push(line);
    }
}
