//! Options said in a TOML file.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::unknown;
use crate::mistakes::Mistake;
use crate::options::{Item, Layer, Said};
use crate::origin::Origin;
use crate::table::{self, Kind, OptionSpec};

/// The file of another program in which our table may stand.
pub(crate) const PYPROJECT: &str = "pyproject.toml";

/// What the file says; `None` for a `pyproject.toml` without our table. A file that is not TOML says nothing but its mistakes:
/// whatever could be made of the rest of it would only hide them.
pub(crate) fn read(path: &Path, text: &str, mistakes: &mut Vec<Mistake>) -> Option<Layer> {
    let file = File { path, text };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        mistakes.extend(errors.iter().map(|error| {
            let place = file.place(error.span().unwrap_or_default());
            Mistake::elsewhere(
                place,
                format!("not TOML: {}", error.message().replace('\n', "; ")),
            )
        }));
        return Some(Layer::new());
    }
    let document = document.get_ref();
    if path.file_name().is_none_or(|name| name != PYPROJECT) {
        return Some(file.options(document, mistakes));
    }
    let ours = document
        .get("tool")
        .and_then(|tool| tool.get_ref().get("rickhouse"))?;
    match ours.get_ref() {
        DeValue::Table(ours) => Some(file.options(ours, mistakes)),
        _ => {
            mistakes.push(Mistake::elsewhere(
                file.place(ours.span()),
                "tool.rickhouse is not a table",
            ));
            Some(Layer::new())
        }
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn options(&self, table: &DeTable<'_>, mistakes: &mut Vec<Mistake>) -> Layer {
        let mut layer = Layer::new();
        for (key, value) in table {
            let place = self.place(key.span());
            let Some(spec) = table::find(key.get_ref()) else {
                mistakes.push(Mistake::elsewhere(
                    place,
                    unknown(key.get_ref(), |meant| meant.name.to_owned()),
                ));
                continue;
            };
            if !spec.in_file() {
                mistakes.push(Mistake::of_option(
                    spec.name,
                    place,
                    "a file cannot name another file",
                ));
                continue;
            }
            match self.said(spec, place, value) {
                Ok(said) => {
                    layer.insert(spec.name, said);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        layer
    }

    fn said(
        &self,
        spec: &'static OptionSpec,
        place: Origin,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Said, Mistake> {
        match value.get_ref() {
            DeValue::Array(array) if spec.many => {
                let items = array
                    .iter()
                    .map(|item| self.item(spec, item))
                    .collect::<Result<_, _>>()?;
                Ok(Said {
                    origin: place,
                    items,
                })
            }
            _ => Ok(Said {
                origin: place,
                items: vec![self.item(spec, value)?],
            }),
        }
    }

    fn item(
        &self,
        spec: &'static OptionSpec,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Item, Mistake> {
        let origin = self.place(value.span());
        match text_of(spec.kind, value.get_ref()) {
            Some(text) => Ok(Item { text, origin }),
            None => {
                let (wanted, found) = (wanted(spec), value.get_ref().type_str());
                Err(Mistake::of_option(
                    spec.name,
                    origin,
                    format!("expected {wanted}, found {found}"),
                ))
            }
        }
    }

    fn place(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Origin::File {
            path: PathBuf::from(self.path),
            line: before.matches('\n').count() + 1,
        }
    }
}

/// The text that says the same as a value, if the value's type fits the option.
fn text_of(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Whole | Kind::Duration | Kind::Size, DeValue::Integer(number)) => {
            // What does not fit is out of every range; the text as it is says so.
            let exact = i128::from_str_radix(number.as_str(), number.radix());
            Some(exact.map_or_else(|_| number.to_string(), |exact| exact.to_string()))
        }
        (Kind::Duration, DeValue::Float(number)) => Some(number.as_str().to_owned()),
        (Kind::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Kind::Whole | Kind::Switch, _) => None,
        (_, DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

fn wanted(spec: &OptionSpec) -> &'static str {
    match spec.kind {
        Kind::Whole => "a whole number",
        Kind::Switch => "true or false",
        Kind::Duration => "a duration (\"30s\", or a number of seconds)",
        Kind::Size => "a size (\"64KiB\", or a number of bytes)",
        Kind::Mode => "an octal mode in quotes (\"022\")",
        _ if spec.many => "a list of strings",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> (Option<Layer>, Vec<String>) {
        let mut mistakes = Vec::new();
        let layer = read(Path::new(name), text, &mut mistakes);
        (layer, mistakes.iter().map(ToString::to_string).collect())
    }

    fn mistakes(text: &str) -> Vec<String> {
        read_text("rickhouse.toml", text).1
    }

    #[test]
    fn every_type_and_its_line() {
        let (layer, mistakes) = read_text(
            "conf/site.toml",
            "# site\nworkers = 0x10\ntimeout = 2.5\nkeep-alive = 5\nlimit-request-body = \"1GiB\"\nreload = true\nbind = [\n  \":1\",\n  \":2\",\n]\npythonpath = \"lib\"\n",
        );
        assert_eq!(mistakes, [""; 0]);
        let layer = layer.unwrap();
        let at = |line| Origin::File {
            path: "conf/site.toml".into(),
            line,
        };
        assert_eq!(layer["workers"], Said::one("16", at(2)));
        assert_eq!(layer["timeout"], Said::one("2.5", at(3)));
        assert_eq!(layer["keep-alive"], Said::one("5", at(4)));
        assert_eq!(layer["limit-request-body"], Said::one("1GiB", at(5)));
        assert_eq!(layer["reload"], Said::one("true", at(6)));
        assert_eq!(layer["bind"].origin, at(7));
        assert_eq!(
            layer["bind"].items[1],
            Item {
                text: ":2".into(),
                origin: at(9)
            }
        );
        assert_eq!(layer["pythonpath"], Said::one("lib", at(11)));
    }

    #[test]
    fn unknown_keys_and_wrong_types() {
        let check = |text: &str, expected: &str| assert_eq!(mistakes(text), [expected]);
        check(
            "\n\n\nworker = 1",
            "rickhouse.toml:4: unknown option \"worker\"; did you mean \"workers\"?",
        );
        check(
            "max_requests = 1",
            "rickhouse.toml:1: unknown option \"max_requests\"; did you mean \"max-requests\"?",
        );
        check(
            "config = \"x\"",
            "rickhouse.toml:1: config: a file cannot name another file",
        );
        check(
            "workers = \"4\"",
            "rickhouse.toml:1: workers: expected a whole number, found string",
        );
        check(
            "workers = 1.5",
            "rickhouse.toml:1: workers: expected a whole number, found float",
        );
        check(
            "reload = 1",
            "rickhouse.toml:1: reload: expected true or false, found integer",
        );
        check(
            "umask = 22",
            "rickhouse.toml:1: umask: expected an octal mode in quotes (\"022\"), found integer",
        );
        check(
            "user = [\"a\"]",
            "rickhouse.toml:1: user: expected a string, found array",
        );
        check(
            "bind = [\":1\",\n 2]",
            "rickhouse.toml:2: bind: expected a list of strings, found integer",
        );
        check(
            "[xyzzy]\na = 1",
            "rickhouse.toml:1: unknown option \"xyzzy\"",
        );
    }

    #[test]
    fn what_is_not_toml() {
        let found = mistakes("workers = 1\nthreads = \n");
        assert!(
            !found.is_empty() && found[0].starts_with("rickhouse.toml:2: not TOML: "),
            "{found:?}"
        );
        assert!(!mistakes("workers = 1\nworkers = 2\n").is_empty());
    }

    #[test]
    fn pyproject_has_a_table_of_ours() {
        let check = |text: &str| read_text("dir/pyproject.toml", text);
        let (layer, found) = check("[project]\nname = \"x\"\n\n[tool.rickhouse]\nworkers = 2\n");
        assert!(found.is_empty());
        assert_eq!(
            layer.unwrap()["workers"].origin,
            Origin::File {
                path: "dir/pyproject.toml".into(),
                line: 5
            }
        );
        assert_eq!(check("[project]\nname = \"x\"\n"), (None, Vec::new()));
        assert_eq!(
            check("[tool.ruff]\nline-length = 100\n"),
            (None, Vec::new())
        );
        assert_eq!(
            check("[tool]\nrickhouse = 3\n").1,
            ["dir/pyproject.toml:2: tool.rickhouse is not a table"]
        );
        assert_eq!(check("tool = 3\n"), (None, Vec::new()));
    }
}
