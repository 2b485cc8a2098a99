//! `--reload`: notices that source code has changed, by looking at it.
//!
//! It looks at what was imported, and at every `.py` file below the directories that code is edited in: the file that
//! a broken edit is about to import counts as well. Once a second over a few thousand files costs a development
//! machine nothing, works on every file system, and needs no thread in the supervisor.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rickhouse_config::{Config, Target};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between a change and the look that says that it was the last one: an editor or `git` writes several files.
const QUIET: Duration = Duration::from_millis(200);
/// More files than this are not code under edit.
const MOST_FILES: usize = 20_000;
/// Directories below a root that are deeper than this are not looked into.
const MOST_LEVELS: usize = 16;

/// What is known of each file: time of its last change, and length.
type Snapshot = BTreeMap<PathBuf, (SystemTime, u64)>;

#[derive(Debug)]
pub(super) struct Watcher {
    roots: Vec<PathBuf>,
    extra: Vec<PathBuf>,
    seen: Snapshot,
    /// A file that changed since the last reload, until the files are quiet.
    changed: Option<PathBuf>,
    next_look: Instant,
}

impl Watcher {
    /// Watches the directories that the application comes from, and the extra files of the configuration.
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self::of(roots(config), config.reload_extra_file.clone(), now)
    }

    fn of(roots: Vec<PathBuf>, extra: Vec<PathBuf>, now: Instant) -> Self {
        let seen = snapshot(&roots, &extra);
        Self {
            roots,
            extra,
            seen,
            changed: None,
            next_look: now + INTERVAL,
        }
    }

    /// Watches more files: what an application has imported from elsewhere.
    pub(super) fn add(&mut self, files: &[String]) {
        for file in files.iter().map(PathBuf::from) {
            if !self.seen.contains_key(&file) && self.extra.len() < MOST_FILES {
                add_file(file.clone(), &mut self.seen);
                self.extra.push(file);
            }
        }
    }

    /// When [`Watcher::look`] is due.
    pub(super) fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Looks, if it is time to: a file that has changed, once there are no further changes.
    pub(super) fn look(&mut self, now: Instant) -> Option<PathBuf> {
        if now < self.next_look {
            return None;
        }
        let found = snapshot(&self.roots, &self.extra);
        let news = difference(&self.seen, &found);
        self.seen = found;
        if news.is_some() {
            self.changed = news;
            self.next_look = now + QUIET;
            return None;
        }
        self.next_look = now + INTERVAL;
        self.changed.take()
    }
}

fn roots(config: &Config) -> Vec<PathBuf> {
    let start = config.chdir.clone().or_else(|| env::current_dir().ok());
    let script = match &config.target {
        Target::File { path, .. } => path.parent().map(Path::to_owned),
        Target::Module { .. } => None,
    };
    let inherited = env::var_os("PYTHONPATH").unwrap_or_default();
    let inherited = env::split_paths(&inherited).filter(|path| path.is_absolute());
    let mut roots: Vec<PathBuf> = start
        .into_iter()
        .chain(script)
        .chain(config.pythonpath.iter().cloned())
        .chain(inherited)
        .collect();
    roots.sort();
    // A directory below another one is looked at with it.
    let mut kept: Vec<PathBuf> = Vec::new();
    for root in roots {
        if !kept.iter().any(|above| root.starts_with(above)) {
            kept.push(root);
        }
    }
    kept
}

fn snapshot(roots: &[PathBuf], extra: &[PathBuf]) -> Snapshot {
    let mut found = Snapshot::new();
    for root in roots {
        add_folder(root, &mut found, 0);
    }
    for file in extra {
        add_file(file.clone(), &mut found);
    }
    found
}

fn add_folder(folder: &Path, found: &mut Snapshot, level: usize) {
    // A directory that cannot be read is one that nothing is imported from.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if found.len() >= MOST_FILES {
            return;
        }
        if kind.is_dir() && level < MOST_LEVELS && is_code_folder(&entry) {
            add_folder(&path, found, level + 1);
        } else if !kind.is_dir()
            && path
                .extension()
                .is_some_and(|extension| extension == "py" || extension == "wsgi")
        {
            add_file(path, found);
        }
    }
}

fn add_file(path: PathBuf, found: &mut Snapshot) {
    if let Ok(facts) = fs::metadata(&path) {
        found.insert(
            path,
            (
                facts.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                facts.len(),
            ),
        );
    }
}

/// Not hidden, not a cache, not somebody else's code.
fn is_code_folder(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let foreign = matches!(
        &*name,
        "__pycache__" | "node_modules" | "site-packages" | "dist-packages"
    );
    !foreign && !name.starts_with('.') && !entry.path().join("pyvenv.cfg").exists()
}

/// A file that is new, changed or gone.
fn difference(before: &Snapshot, after: &Snapshot) -> Option<PathBuf> {
    let changed = after
        .iter()
        .find(|(path, facts)| before.get(*path) != Some(facts));
    changed
        .or_else(|| before.iter().find(|(path, _)| !after.contains_key(*path)))
        .map(|(path, _)| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Project {
        folder: tempfile::TempDir,
        watcher: Watcher,
        now: Instant,
    }

    impl Project {
        fn new(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for file in files {
                write(&folder.path().join(file), "");
            }
            let (now, extra) = (Instant::now(), folder.path().join("settings.ini"));
            let watcher = Watcher::of(vec![folder.path().to_owned()], vec![extra], now);
            Self {
                folder,
                watcher,
                now,
            }
        }

        fn write(&self, file: &str, text: &str) {
            write(&self.folder.path().join(file), text);
        }

        /// Looks when it is due; tells the name of the changed file.
        fn look(&mut self) -> Option<String> {
            self.now = self.now.max(self.watcher.next_look());
            let path = self.watcher.look(self.now)?;
            Some(
                path.strip_prefix(self.folder.path())
                    .expect("below")
                    .display()
                    .to_string(),
            )
        }
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    #[test]
    fn a_change_is_told_once_after_the_files_are_quiet() {
        let mut project = Project::new(&["app.py", "pkg/views.py"]);
        assert_eq!(project.look(), None);
        project.write("app.py", "x = 1");
        assert_eq!(project.look(), None, "not before it is the last one");
        project.write("pkg/views.py", "y = 1");
        assert_eq!(project.look(), None);
        assert_eq!(project.look().as_deref(), Some("pkg/views.py"));
        assert_eq!(project.look(), None);
    }

    #[test]
    fn new_and_removed_files_are_changes() {
        let mut project = Project::new(&["app.py"]);
        project.write("new.py", "");
        assert_eq!(
            (project.look(), project.look().as_deref()),
            (None, Some("new.py"))
        );
        fs::remove_file(project.folder.path().join("app.py")).expect("there");
        assert_eq!(
            (project.look(), project.look().as_deref()),
            (None, Some("app.py"))
        );
    }

    #[test]
    fn what_was_imported_from_elsewhere_counts() {
        let mut project = Project::new(&["env/pyvenv.cfg", "env/lib/x.py"]);
        let imported = project.folder.path().join("env/lib/x.py");
        project.watcher.add(&[imported.display().to_string()]);
        assert_eq!(project.look(), None);
        project.write("env/lib/x.py", "changed");
        assert_eq!(
            (project.look(), project.look().as_deref()),
            (None, Some("env/lib/x.py"))
        );
    }

    #[test]
    fn what_is_not_code_under_edit_is_left_alone() {
        let mut project = Project::new(&["app.py", "env/pyvenv.cfg"]);
        for file in [
            "data.txt",
            ".git/hook.py",
            "node_modules/x.py",
            "env/lib/x.py",
            "__pycache__/app.py",
        ] {
            project.write(file, "changed");
        }
        assert_eq!((project.look(), project.look()), (None, None));
        project.write("settings.ini", "asked for");
        assert_eq!(
            (project.look(), project.look().as_deref()),
            (None, Some("settings.ini"))
        );
    }
}
