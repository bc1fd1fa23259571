//! What a person sees: messages, no more than twenty of a kind in a file, and how far a long input has come.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::convert::{Diagnostic, Severity};

/// Most warnings of one kind that are shown for one file.
const MAX_OF_A_KIND: u64 = 20;
/// What takes less time needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes to standard error.
pub(super) struct Terminal {
    is_quiet: bool,
    file: String,
    counts: BTreeMap<&'static str, u64>,
    bar: Option<ProgressBar>,
}

impl Terminal {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self { is_quiet, file: String::new(), counts: BTreeMap::new(), bar: None }
    }

    pub(super) fn show(&mut self, file: &str, diagnostic: &Diagnostic) {
        if diagnostic.severity == Severity::Warning {
            if self.is_quiet {
                return;
            }
            file.clone_into(&mut self.file);
            let count = self.counts.entry(diagnostic.kind).or_default();
            *count += 1;
            if *count > MAX_OF_A_KIND {
                return;
            }
        }
        self.say(&diagnostic.in_file(file).to_string());
    }

    /// Takes the bar away, and says how many warnings of the file were held back.
    pub(super) fn end_file(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        for (kind, count) in std::mem::take(&mut self.counts) {
            let hidden = count.saturating_sub(MAX_OF_A_KIND);
            if hidden > 0 {
                let title = Diagnostic {
                    severity: Severity::Warning,
                    position: None,
                    kind,
                    message: format!("{hidden} more: {kind}"),
                };
                self.say(&title.in_file(&self.file).to_string());
            }
        }
    }

    /// Says it, unless only errors are wanted.
    pub(super) fn remark(&self, line: &str) {
        if !self.is_quiet {
            self.say(line);
        }
    }

    /// Standard error may be closed; there is nobody to tell then.
    pub(super) fn say(&self, line: &str) {
        let write = || {
            let _ = writeln!(io::stderr(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Shows how much of a file of that size is read, if it takes long and somebody looks.
    pub(super) fn begin_file(&mut self, size: Option<u64>) -> Option<ProgressBar> {
        self.bar = (!self.is_quiet && io::stderr().is_terminal()).then(|| bar(size));
        self.bar.clone()
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    let template = match size {
        Some(_) => "{bar:40} {percent} %  {bytes_per_sec}  {eta} left",
        None => "{bytes} read  {bytes_per_sec}",
    };
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Tells the bar what is read through it.
pub(super) struct Counted<R> {
    input: R,
    bar: Option<ProgressBar>,
}

impl<R> Counted<R> {
    pub(super) fn new(input: R, bar: Option<ProgressBar>) -> Self {
        Self { input, bar }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        if let Some(bar) = &self.bar {
            bar.inc(length as u64);
            if bar.is_hidden() && bar.elapsed() > PATIENCE {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        Ok(length)
    }
}
