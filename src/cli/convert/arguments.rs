//! What can be said to `convert`, and what it means for the converter.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, ValueEnum};

use crate::api::{ConnectionKind, ConnectionReference};
use crate::convert::{Format, Input, ManifestOptions, Mode, NameOptions, Options, Secrets, Warnings};

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// XML files, directories (their *.xml files), or - for standard input, which is read if nothing is named.
    pub(super) files: Vec<PathBuf>,
    /// Read the directories below the named ones too.
    #[arg(short, long)]
    pub(super) recursive: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    faults: Faults,
    #[command(flatten)]
    pub(super) writing: Writing,
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    names: Names,
    #[command(flatten)]
    pub(super) telling: Telling,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
struct Reading {
    /// Ask that each user keeps the schema as printed.
    #[arg(long)]
    strict: bool,
    /// The encoding of all files, whatever they say themselves.
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// Take several documents in one file, one behind the other.
    #[arg(long)]
    concatenated: bool,
    /// Whether users without the element Enabled may log in.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    default_enabled: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
struct Faults {
    /// Leave out users that have warnings.
    #[arg(long)]
    warnings_as_errors: bool,
    /// End with the first error.
    #[arg(long)]
    fail_fast: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Writing")]
pub(super) struct Writing {
    /// Write to this file, once all is read; standard output otherwise.
    #[arg(short, long, value_name = "FILE", conflicts_with = "output_dir")]
    pub(super) output: Option<PathBuf>,
    /// Write a file for each user into this directory.
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// Replace files of the directory that have another text.
    #[arg(long, requires = "output_dir")]
    pub(super) force: bool,
    /// Remove the files that an earlier run wrote there for users that are no longer in the input.
    #[arg(long, requires = "output_dir")]
    pub(super) prune: bool,
    /// Most files that may be removed, of a hundred that are there.
    #[arg(long, requires = "prune", default_value_t = 10, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) prune_limit: u8,
    /// Write the Secrets to this file, so that the rest can go to Git.
    #[arg(long, value_name = "FILE", conflicts_with = "no_secrets")]
    pub(super) secrets_out: Option<PathBuf>,
    /// Write no Secrets; the users refer to them all the same.
    #[arg(long)]
    pub(super) no_secrets: bool,
    /// Write a record of the run to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Manifests")]
struct Manifests {
    /// The notation of manifests.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Notation,
    /// Write passwords as text (the default).
    #[arg(long, conflicts_with_all = ["data", "no_secrets"])]
    string_data: bool,
    /// Write passwords in Base64.
    #[arg(long, conflicts_with = "no_secrets")]
    data: bool,
    /// Namespace to write into the manifests; without it, kubectl decides.
    #[arg(long)]
    namespace: Option<String>,
    /// Connection that the users refer to; without it, the KeycloakConnection named default.
    #[arg(long, value_name = "[KIND/]NAME", value_parser = connection)]
    connection: Option<ConnectionReference>,
    /// Name of the export, for the label keycloakuser.dev/export of every manifest.
    #[arg(long, value_name = "NAME")]
    export_name: Option<String>,
    /// A label of every manifest; can be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// An annotation of every manifest; can be repeated.
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = pair)]
    annotations: Vec<(String, String)>,
    /// Write the Id of an export as the annotation keycloakuser.dev/source-id.
    #[arg(long)]
    keep_id: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Names of objects")]
struct Names {
    /// Stands in front of every name that is made of a username.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    name_prefix: String,
    /// Names for single usernames: a YAML or JSON file of `username: name`.
    #[arg(long, value_name = "FILE")]
    name_map: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct Telling {
    /// Say nothing but errors.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Notation {
    Yaml,
    Json,
}

impl ConvertArgs {
    /// What is to be converted.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        if self.files.is_empty() { vec![PathBuf::from("-")] } else { self.files.clone() }
    }

    pub(super) fn format(&self) -> Format {
        match self.manifests.format {
            Notation::Yaml => Format::Yaml,
            Notation::Json => Format::Json,
        }
    }

    /// How to convert.
    ///
    /// # Errors
    /// The name map cannot be read.
    pub(super) fn options(&self) -> Result<Options, String> {
        let Self { reading, faults, manifests, names, .. } = self;
        Ok(Options {
            mode: if reading.strict { Mode::Strict } else { Mode::Lenient },
            input: if reading.concatenated { Input::Concatenated } else { Input::OneDocument },
            encoding: reading.encoding.clone(),
            warnings: if faults.warnings_as_errors { Warnings::Errors } else { Warnings::Allowed },
            fail_fast: faults.fail_fast,
            default_enabled: reading.default_enabled,
            keep_id: manifests.keep_id,
            manifests: ManifestOptions {
                format: self.format(),
                secrets: self.secrets(),
                namespace: manifests.namespace.clone(),
                connection: manifests.connection.clone().unwrap_or_default(),
                export_name: manifests.export_name.clone(),
                labels: manifests.labels.iter().cloned().collect(),
                annotations: manifests.annotations.iter().cloned().collect(),
            },
            names: NameOptions {
                prefix: names.name_prefix.clone(),
                map: names.name_map.as_deref().map_or(Ok(BTreeMap::new()), name_map)?,
            },
        })
    }

    fn secrets(&self) -> Secrets {
        match (self.writing.no_secrets, self.manifests.data) {
            (true, _) => Secrets::LeftOut,
            (false, true) => Secrets::Data,
            (false, false) => Secrets::StringData,
        }
    }
}

fn name_map(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_saphyr::from_str(&text)
        .map_err(|_| format!("{} must be a YAML or JSON object of usernames and names, each once", path.display()))
}

fn connection(text: &str) -> Result<ConnectionReference, String> {
    let Some((kind, name)) = text.split_once('/') else {
        return Ok(ConnectionReference { name: text.to_owned(), ..ConnectionReference::default() });
    };
    let kind: ConnectionKind = serde_json::from_value(serde_json::Value::from(kind))
        .map_err(|_| format!("there is no kind of connection named {kind}"))?;
    Ok(ConnectionReference { kind, name: name.to_owned() })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../docs/convert.md");

    #[test]
    fn the_manual_has_every_option_and_no_others() {
        let command = ConvertArgs::augment_args(clap::Command::new("convert"));
        let options: Vec<String> =
            command.get_arguments().filter_map(|argument| Some(format!("`--{}", argument.get_long()?))).collect();
        let table = MANUAL.split_once("## Options\n").unwrap().1.split_once("\n## ").unwrap().0;
        let listed = |row: &str| row.starts_with("| `").then(|| row.split('|').nth(1).unwrap().to_owned());
        let rows: String = table.lines().filter_map(listed).collect();
        let has = |option: &String| rows.contains(&format!("{option}`")) || rows.contains(&format!("{option} "));
        assert_eq!(options.iter().filter(|option| !has(option)).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(rows.matches("`--").count(), options.len(), "{rows}");
    }
}
