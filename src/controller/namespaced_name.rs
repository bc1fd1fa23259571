//! Names of objects, each as one text that is shared with whoever keeps the same one.

use std::fmt;

use kube::ResourceExt;

use super::pool::{Text, shared};

/// Namespace and name of an object as Kubernetes writes them, `namespace/name`; without a slash where there is no
/// namespace. Only names of Kubernetes objects, which have no slash of their own, can be taken apart again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NamespacedName(Text);

impl NamespacedName {
    /// The object of that name; the namespace is empty where there is none.
    pub(super) fn new(namespace: &str, name: &str) -> Self {
        Self(if namespace.is_empty() { shared(name) } else { shared(&format!("{namespace}/{name}")) })
    }

    /// The name of that object.
    pub(super) fn of(object: &impl kube::Resource) -> Self {
        Self::new(object.meta().namespace.as_deref().unwrap_or_default(), &object.name_any())
    }

    /// Empty where there is none.
    pub(super) fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub(super) fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }
}

impl fmt::Debug for NamespacedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_namespace_or_none() {
        let [with, without] = [("ns", "a"), ("", "a")].map(|(namespace, name)| NamespacedName::new(namespace, name));
        assert_eq!((with.namespace(), with.name()), ("ns", "a"));
        assert_eq!((without.namespace(), without.name()), ("", "a"));
        assert_ne!(with, without);
    }
}
