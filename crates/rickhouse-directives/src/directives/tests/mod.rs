mod scripts;
mod settings;

use proptest::prelude::*;

use super::*;
use crate::testing::World;
use crate::text::Text;

/// A configuration as its directives are read, one after the other.
#[derive(Default)]
struct Configuration {
    global: GlobalConfig,
    server: ServerConfig,
    directory: DirConfig,
    identity: ServerIdentity,
    world: World,
    notices: Vec<Notice>,
}

impl Configuration {
    /// One line; `in_directory` is whether it stands in a section.
    fn line(
        &mut self,
        line: &str,
        in_directory: bool,
        container: Option<usize>,
    ) -> Result<(), String> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let directive = Directive::named(name).unwrap_or_else(|| panic!("{name} is a directive"));
        let mut scope = self.scope(in_directory, container);
        let mut words = crate::words::Words::new(rest.as_bytes());
        let (first, second) = match directive.arguments {
            Arguments::Raw => (Text::from(rest), None),
            Arguments::One => (words.word().unwrap_or_default(), None),
            Arguments::OneOrTwo => (words.word().unwrap_or_default(), words.word()),
        };
        Ok(directive.apply(&mut scope, &first, second.as_deref())?)
    }

    fn scope(&mut self, in_directory: bool, container: Option<usize>) -> Scope<'_> {
        let place = if in_directory {
            Place::Directory(&mut self.directory)
        } else {
            Place::Server(&mut self.server)
        };
        Scope {
            global: &mut self.global,
            place,
            container,
            server: &self.identity,
            surroundings: &self.world,
            notices: &mut self.notices,
        }
    }

    fn accept(&mut self, line: &str) {
        self.line(line, false, None)
            .unwrap_or_else(|text| panic!("{line}: {text}"));
    }
}

fn rejected(line: &str) -> String {
    rejected_in(&mut Configuration::default(), line)
}

fn rejected_in(configuration: &mut Configuration, line: &str) -> String {
    let result = configuration.line(line, false, None);
    result.expect_err(line)
}

#[test]
fn every_directive_has_one_row() {
    let mut names: Vec<&str> = DIRECTIVES.iter().map(|directive| directive.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 49);
    for gone in [
        "WSGILazyInitialization",
        "WSGINewRelicConfigFile",
        "WSGINewRelicEnvironment",
    ] {
        assert!(Directive::named(gone).is_none());
    }
}

proptest! {
    #[test]
    fn any_line(row in 0..COUNT, line: Vec<u8>, second: Option<Vec<u8>>, in_directory: bool, in_container: bool) {
        let mut configuration = Configuration::default();
        configuration.accept("<WSGIInterpreterOptions >");
        let container = in_container.then_some(0);
        let mut scope = configuration.scope(in_directory, container);
        let _ = DIRECTIVES[row].apply(&mut scope, &line, second.as_deref());
    }

    #[test]
    fn any_option(row in 0..COUNT, words in proptest::collection::vec("(process-group|application-group|[a-z]{0,3})=?[%{}A-Z\"']{0,4}", 0..5)) {
        let mut configuration = Configuration::default();
        let mut scope = configuration.scope(false, None);
        let line = words.join(" ") + ">";
        let _ = DIRECTIVES[row].apply(&mut scope, line.as_bytes(), None);
    }
}
