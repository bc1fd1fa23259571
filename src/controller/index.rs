//! Several values for each key. Most keys have one, which takes no room of its own.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Values by key, in order; nothing is kept of a key without values.
#[derive(Debug)]
pub(super) struct Index<K, V>(HashMap<K, Values<V>>);

#[derive(Debug)]
enum Values<V> {
    One(V),
    Many(BTreeSet<V>),
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq, V: Ord> Index<K, V> {
    pub(super) fn insert(&mut self, key: K, value: V) {
        let values = match self.0.remove(&key) {
            None => Values::One(value),
            Some(Values::One(other)) if other == value => Values::One(value),
            Some(Values::One(other)) => Values::Many(BTreeSet::from([other, value])),
            Some(Values::Many(mut values)) => {
                values.insert(value);
                Values::Many(values)
            }
        };
        self.0.insert(key, values);
    }

    pub(super) fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, value: &V)
    where
        K: Borrow<Q>,
    {
        let is_empty = match self.0.get_mut(key) {
            None => false,
            Some(Values::One(only)) => only == value,
            Some(Values::Many(values)) => {
                values.remove(value);
                values.is_empty()
            }
        };
        if is_empty {
            self.0.remove(key);
        }
    }

    /// The values of that key.
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> impl Iterator<Item = &V> + use<'_, K, V, Q>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).into_iter().flat_map(Values::iter)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Values<V> {
    fn iter(&self) -> impl Iterator<Item = &V> {
        let (one, many) = match self {
            Self::One(value) => (Some(value), None),
            Self::Many(values) => (None, Some(values)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_holds_what_a_list_of_pairs_holds(
            steps in proptest::collection::vec((any::<bool>(), 0..3_u8, 0..4_u8), 0..60),
        ) {
            let (mut index, mut pairs) = (Index::default(), BTreeSet::new());
            for (inserts, key, value) in steps {
                if inserts {
                    index.insert(key, value);
                    pairs.insert((key, value));
                } else {
                    index.remove(&key, &value);
                    pairs.remove(&(key, value));
                }
                for key in 0..3 {
                    let of_key = pairs.iter().filter(|(of, _)| *of == key).map(|(_, value)| value);
                    prop_assert!(index.get(&key).eq(of_key));
                }
            }
            prop_assert_eq!(index.is_empty(), pairs.is_empty());
        }
    }
}
