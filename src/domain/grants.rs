//! What users of a connection may be.

/// Usernames that resources of a connection may claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsernameGrants(Vec<String>);

impl UsernameGrants {
    /// Patterns in which `*` stands for any characters; none at all allows every name.
    #[must_use]
    pub fn new(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|pattern| pattern.to_lowercase()).collect())
    }

    /// Whether that name may be claimed; case does not count, as in Keycloak.
    #[must_use]
    pub fn allow(&self, username: &str) -> bool {
        let name = username.to_lowercase();
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, &name))
    }
}

/// Matches piece by piece: the first and the last piece are anchored, those between are found from the left.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut remaining) = text.strip_prefix(first) else {
        return false;
    };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in between.split('*') {
        let Some(at) = remaining.find(piece) else {
            return false;
        };
        remaining = &remaining[at + piece.len()..];
    }
    remaining.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(pattern: &str, name: &str) -> bool {
        UsernameGrants::new(&[pattern.to_owned()]).allow(name)
    }

    #[test]
    fn no_pattern_allows_every_name() {
        assert!(UsernameGrants::default().allow("anyone"));
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name) in [
            ("*", "x"),
            ("svc-*", "svc-"),
            ("svc-*", "SVC-Mail"),
            ("*@a.org", "j@a.org"),
            ("a*b*c", "axxbyyc"),
            ("a*b*b", "abb"),
        ] {
            assert!(granted(pattern, name), "{pattern} should allow {name}");
        }
    }

    #[test]
    fn what_no_pattern_matches_is_refused() {
        for (pattern, name) in
            [("svc-*", "admin"), ("a", "ab"), ("*@a.org", "j@a.org.evil"), ("a*b*b", "ab"), ("ab*ba", "aba")]
        {
            assert!(!granted(pattern, name), "{pattern} should refuse {name}");
        }
    }
}
