//! What a realm's password policy means for a password that is to be put back.

/// The part of a realm's password policy that tells whether a password may come back after another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordPolicy {
    history: Option<u32>,
    age: Option<u32>,
}

impl PasswordPolicy {
    /// Reads a policy as the realm has it, such as `length(12) and passwordHistory(5)`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let number = |rule: &str| {
            let mut rules = text.split(" and ").map(str::trim);
            let argument = rules.find_map(|found| found.strip_prefix(rule)?.strip_prefix('(')?.strip_suffix(')'))?;
            argument.trim().parse().ok()
        };
        Self { history: number("passwordHistory"), age: number("passwordAge") }
    }

    /// The rule that keeps a password from being put back after somebody else has changed it, if there is one.
    ///
    /// A history of one password holds none but the present one (seen on 26.7.3).
    #[must_use]
    pub fn keeps_from_putting_back(&self) -> Option<String> {
        let history =
            self.history.filter(|passwords| *passwords > 1).map(|passwords| format!("passwordHistory({passwords})"));
        history.or_else(|| self.age.filter(|days| *days > 0).map(|days| format!("passwordAge({days})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_remembers_keeps_a_password_from_being_put_back() {
        // Each line was tried on 26.7.3: set a password, another one, and the first one again.
        let table = [
            ("", None),
            ("length(12)", None),
            ("passwordHistory(0)", None),
            ("passwordHistory(1) and length(4)", None),
            ("passwordHistory(2)", Some("passwordHistory(2)")),
            ("length(12) and  passwordHistory(5)", Some("passwordHistory(5)")),
            ("passwordAge(0)", None),
            ("passwordAge(1)", Some("passwordAge(1)")),
        ];
        for (policy, rule) in table {
            assert_eq!(PasswordPolicy::parse(policy).keeps_from_putting_back().as_deref(), rule, "{policy}");
        }
    }
}
