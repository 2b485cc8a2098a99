//! Where httpd's headers are, if they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the `apxs` to ask.
const APXS: &str = "RICKHOUSE_APXS";

/// What a compiler needs in order to find and read the headers of httpd and APR.
pub(crate) struct Headers {
    folders: Vec<PathBuf>,
    defines: Vec<String>,
}

impl Headers {
    /// Asks `$RICKHOUSE_APXS`, `apxs` or `apxs2`, then looks where Debian and Red Hat put the headers.
    ///
    /// # Panics
    /// When `RICKHOUSE_APXS` is set and does not answer: whoever names a server wants that one.
    pub(crate) fn find() -> Option<Self> {
        println!("cargo::rerun-if-env-changed={APXS}");
        if let Some(named) = std::env::var_os(APXS) {
            let named = PathBuf::from(named);
            let asked = Self::ask(&named);
            return Some(
                asked.unwrap_or_else(|| panic!("{APXS}={} does not answer", named.display())),
            );
        }
        let asked = ["apxs", "apxs2"]
            .iter()
            .find_map(|name| Self::ask(Path::new(name)));
        asked.or_else(Self::usual)
    }

    /// The arguments for a C compiler.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let folders = self
            .folders
            .iter()
            .map(|folder| format!("-I{}", folder.display()));
        folders.chain(self.defines.iter().cloned()).collect()
    }

    fn ask(apxs: &Path) -> Option<Self> {
        let httpd = query(apxs, "INCLUDEDIR")?;
        let mut found = Self {
            folders: vec![httpd.trim().into()],
            defines: Vec::new(),
        };
        found.take(&query(apxs, "EXTRA_CPPFLAGS")?);
        // APR-util's program knows no flags of its own: it ends with its usage if asked for them.
        let configs: [(_, &[_]); 2] = [
            ("APR_CONFIG", &["--includes", "--cppflags"]),
            ("APU_CONFIG", &["--includes"]),
        ];
        for (config, questions) in configs {
            let config = query(apxs, config)?;
            found.take(&output(Command::new(config.trim()).args(questions))?);
        }
        found.has_httpd().then_some(found)
    }

    fn usual() -> Option<Self> {
        let pairs = [
            ("/usr/include/apache2", "/usr/include/apr-1.0"),
            ("/usr/include/httpd", "/usr/include/apr-1"),
        ];
        let found = pairs.iter().map(|(httpd, apr)| Self {
            folders: vec![httpd.into(), apr.into()],
            defines: ["-DLINUX", "-D_REENTRANT", "-D_GNU_SOURCE"]
                .map(str::to_owned)
                .into(),
        });
        found.into_iter().find(Self::has_httpd)
    }

    fn has_httpd(&self) -> bool {
        self.folders
            .first()
            .is_some_and(|folder| folder.join("httpd.h").is_file())
    }

    /// Takes include folders and definitions out of compiler flags, once each.
    fn take(&mut self, flags: &str) {
        for flag in flags.split_whitespace() {
            if let Some(folder) = flag.strip_prefix("-I") {
                if !self.folders.iter().any(|known| known == Path::new(folder)) {
                    self.folders.push(folder.into());
                }
            } else if flag.starts_with("-D") && !self.defines.iter().any(|known| known == flag) {
                self.defines.push(flag.to_owned());
            }
        }
    }
}

fn query(apxs: &Path, variable: &str) -> Option<String> {
    output(Command::new(apxs).args(["-q", variable]))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
