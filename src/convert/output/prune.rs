//! Takes away what belongs to users that are no longer in the input, unless that looks like a mistake.

use std::collections::BTreeSet;
use std::{fs, io};

use super::super::converter::Summary;
use super::Directory;

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Who is missing may be among those that failed.
    #[error("nothing was removed, since not every user was converted; correct the errors and convert again")]
    Incomplete,
    /// The input may be the first page of a longer list.
    #[error(
        "nothing was removed, since a file has exactly 100 users, the size of a page of the exporting product; export with a limit, so that all users come"
    )]
    OnePage,
    /// Too many users are gone.
    #[error(
        "nothing was removed, since {gone} of {listed} files are of users that are no longer in the input, more than {limit} %; say `--prune-limit` if that is meant"
    )]
    Limit {
        /// How many files would have been removed.
        gone: usize,
        /// How many files an earlier run wrote.
        listed: usize,
        /// How many of a hundred may be removed.
        limit: u8,
    },
    /// A file could not be removed, or the index not be written.
    #[error("a file of a user that is no longer in the input could not be removed: {0}")]
    Io(#[from] io::Error),
}

impl Directory {
    /// Removes the files of an earlier run whose users were not in this one, and gives their names. Called after the
    /// last user.
    ///
    /// # Errors
    /// What was read may not be all there is, or more than `limit` of a hundred files would go.
    pub fn prune(&self, summary: &Summary, limit: u8) -> Result<Vec<String>, PruneError> {
        if !summary.is_complete() {
            return Err(PruneError::Incomplete);
        }
        if summary.one_page > 0 {
            return Err(PruneError::OnePage);
        }
        let gone: Vec<String> = self.earlier.difference(&self.written).cloned().collect();
        let listed = self.earlier.len();
        if gone.len() * 100 > listed * usize::from(limit) {
            return Err(PruneError::Limit { gone: gone.len(), listed, limit });
        }
        for (removed, file) in gone.iter().enumerate() {
            match fs::remove_file(self.path.join(file)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let left: BTreeSet<String> = self.written.iter().chain(&gone[removed..]).cloned().collect();
                    self.write_index(&left)?;
                    return Err(error.into());
                }
            }
        }
        self.write_index(&self.written)?;
        Ok(gone)
    }
}
