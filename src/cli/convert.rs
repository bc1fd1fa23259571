//! `convert`: opens what is named, and prints what was found.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::convert::{ConvertError, Converter, Diagnostic, Options, Summary};

/// Some users could not be converted.
const INCOMPLETE: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// XML files, directories (their *.xml files), or - for standard input, which is read if nothing is named.
    files: Vec<PathBuf>,
    /// Namespace to write into the manifests; without it, kubectl decides.
    #[arg(long)]
    namespace: Option<String>,
    /// KeycloakConnection that the users refer to; without it, the one named default.
    #[arg(long)]
    connection: Option<String>,
    /// Whether users without the element Enabled may log in.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    default_enabled: bool,
}

/// Converts to standard output; diagnostics and a summary go to standard error. 0: every user was converted; 1: not
/// every one; 2: the command line is wrong.
pub(super) fn convert(arguments: ConvertArgs) -> ExitCode {
    let files = if arguments.files.is_empty() { vec![PathBuf::from("-")] } else { arguments.files };
    let options = Options {
        namespace: arguments.namespace,
        connection: arguments.connection,
        default_enabled: arguments.default_enabled,
    };
    match convert_all(&files, options) {
        Ok(summary) => {
            say(&summary.to_string());
            if summary.is_complete() { ExitCode::SUCCESS } else { INCOMPLETE.into() }
        }
        // Whoever reads our output has seen enough, as `head` does.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            if error.is_usage() { USAGE.into() } else { INCOMPLETE.into() }
        }
    }
}

fn convert_all(files: &[PathBuf], options: Options) -> Result<Summary, ConvertError> {
    let report = |file: &str, diagnostic: &Diagnostic| say(&diagnostic.in_file(file).to_string());
    let mut converter = Converter::new(options, BufWriter::new(io::stdout().lock()), report)?;
    for path in files {
        let name = path.to_string_lossy();
        if name == "-" {
            converter.convert("-", &mut io::stdin().lock())?;
            continue;
        }
        match documents(path) {
            Ok(documents) => {
                for document in documents {
                    convert_file(&mut converter, &document)?;
                }
            }
            Err(error) => converter.unreadable(&name, &error),
        }
    }
    converter.finish()
}

fn convert_file<W: Write, R: FnMut(&str, &Diagnostic)>(
    converter: &mut Converter<W, R>,
    path: &Path,
) -> Result<(), ConvertError> {
    let name = path.to_string_lossy();
    match File::open(path) {
        Ok(mut file) => converter.convert(&name, &mut file)?,
        Err(error) => converter.unreadable(&name, &error),
    }
    Ok(())
}

/// The file itself, or the XML files of a directory by name.
fn documents(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let is_xml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "xml");
    let mut documents: Vec<PathBuf> = entries.into_iter().filter(is_xml).collect();
    documents.sort();
    Ok(documents)
}

/// Standard error may be closed; there is nobody to tell then.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
