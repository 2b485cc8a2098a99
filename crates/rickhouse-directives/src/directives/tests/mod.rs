mod scripts;
mod settings;

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
        let place = if in_directory {
            Place::Directory(&mut self.directory)
        } else {
            Place::Server(&mut self.server)
        };
        let mut scope = Scope {
            global: &mut self.global,
            place,
            container,
            server: &self.identity,
            surroundings: &self.world,
            notices: &mut self.notices,
        };
        let mut words = crate::words::Words::new(rest.as_bytes());
        let (first, second) = match directive.arguments {
            Arguments::Raw => (Text::from(rest), None),
            Arguments::One => (words.word().unwrap_or_default(), None),
            Arguments::OneOrTwo => (words.word().unwrap_or_default(), words.word()),
        };
        Ok(directive.apply(&mut scope, &first, second.as_deref())?)
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
