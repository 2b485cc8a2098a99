//! What was said: the text of every option somebody gave, and where. Nothing here knows what a text means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::origin::Origin;
use crate::table::{Default, OptionSpec};

/// What one source said: an entry for each option it has.
pub(crate) type Layer = BTreeMap<&'static str, Said>;

/// What was said of one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) origin: Origin,
    /// One item, or those of a list, which may be empty.
    pub(crate) items: Vec<Item>,
}

/// A text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// What was said of all options, after the weaker sources gave way.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    said: Layer,
    /// The file that was read, as it was named.
    pub(crate) file: Option<PathBuf>,
}

impl Said {
    /// One value.
    pub(crate) fn one(text: impl Into<String>, origin: Origin) -> Self {
        Self {
            items: vec![Item {
                text: text.into(),
                origin: origin.clone(),
            }],
            origin,
        }
    }

    /// A list whose items stand at one place.
    pub(crate) fn list<'a>(texts: impl Iterator<Item = &'a str>, origin: Origin) -> Self {
        let items = texts
            .map(|text| Item {
                text: text.to_owned(),
                origin: origin.clone(),
            })
            .collect();
        Self { items, origin }
    }
}

impl Options {
    /// Joins the layers, strongest first: an option is taken whole from the strongest that has it.
    pub(crate) fn combine(layers: impl IntoIterator<Item = Layer>, file: Option<PathBuf>) -> Self {
        let mut said = Layer::new();
        for layer in layers {
            for (name, value) in layer {
                said.entry(name).or_insert(value);
            }
        }
        Self { said, file }
    }

    /// What somebody said, if anybody did.
    pub(crate) fn said(&self, spec: &OptionSpec) -> Option<&Said> {
        self.said.get(spec.name)
    }

    /// What holds: what somebody said, or the default; `None` where neither is there.
    pub(crate) fn effective(&self, spec: &OptionSpec) -> Option<Said> {
        match (self.said(spec), spec.default) {
            (Some(said), _) => Some(said.clone()),
            (None, Default::Unset(_)) => None,
            (None, Default::Text(text)) if spec.many => {
                Some(Said::list(text.split(','), Origin::Default))
            }
            (None, Default::Text(text)) => Some(Said::one(text, Origin::Default)),
        }
    }

    /// Where each option that somebody said comes from.
    pub(crate) fn origins(&self) -> BTreeMap<&'static str, Origin> {
        self.said
            .iter()
            .map(|(name, said)| (*name, said.origin.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn the_strongest_layer_gives_the_whole_list() {
        let variable = Origin::Environment {
            variable: "RICKHOUSE_BIND".into(),
        };
        let strong = Layer::from([("bind", Said::one(":1", Origin::CommandLine))]);
        let weak = Layer::from([
            (
                "bind",
                Said::list([":2", ":3"].into_iter(), variable.clone()),
            ),
            ("workers", Said::one("4", variable.clone())),
        ]);
        let options = Options::combine([strong, weak], None);
        assert_eq!(
            options.effective(&table::BIND),
            Some(Said::one(":1", Origin::CommandLine))
        );
        assert_eq!(
            options.effective(&table::WORKERS),
            Some(Said::one("4", variable))
        );
        assert_eq!(
            options.effective(&table::THREADS),
            Some(Said::one("1", Origin::Default))
        );
        assert_eq!(options.effective(&table::INTERPRETERS), None);
        assert_eq!(
            options
                .effective(&table::FORWARDED_ALLOW_IPS)
                .unwrap()
                .items
                .len(),
            2
        );
    }
}
