use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn installed(folder: &Path) -> Installation {
    let package = folder.join("rickhouse");
    fs::create_dir(&package).unwrap();
    fs::write(package.join(FILE_NAME), "the module").unwrap();
    Installation {
        package,
        prefix: "/srv/env".into(),
        python: "3.13".into(),
    }
}

fn install(here: &Installation, directory: &Path) -> Result<String, String> {
    let command = ModuleCommand::Install {
        directory: Some(directory.to_owned()),
    };
    run(&command, here)
}

#[test]
fn what_is_printed_is_the_place_or_the_lines_that_load_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = installed(folder.path());
    let module = here.package.join(FILE_NAME);
    assert_eq!(
        run(&ModuleCommand::Location, &here).unwrap(),
        format!("{}\n", module.display())
    );
    assert_eq!(
        run(&ModuleCommand::Config, &here).unwrap(),
        format!(
            "LoadModule wsgi_module \"{}\"\nWSGIPythonHome \"/srv/env\"\n",
            module.display()
        )
    );
}

#[test]
fn a_module_that_was_not_built_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let here = installed(folder.path());
    fs::remove_file(here.package.join(FILE_NAME)).unwrap();
    for command in [ModuleCommand::Location, ModuleCommand::Config] {
        let reason = run(&command, &here).unwrap_err();
        assert!(
            reason.contains("this Python 3.13 had no shared libpython"),
            "{reason}"
        );
    }
}

#[test]
fn installing_replaces_the_file_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let here = installed(folder.path());
    let modules = folder.path().join("modules");
    fs::create_dir(&modules).unwrap();
    for before in [None, Some("an older one")] {
        let copy = modules.join(FILE_NAME);
        if let Some(before) = before {
            fs::write(&copy, before).unwrap();
        }
        let lines = install(&here, &modules).unwrap();
        assert_eq!(lines, load_lines(&copy, Path::new("/srv/env")).unwrap());
        assert_eq!(fs::read_to_string(&copy).unwrap(), "the module");
        let mode = fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o444, 0o444);
        assert_eq!(fs::read_dir(&modules).unwrap().count(), 1);
    }
}

#[test]
fn what_cannot_be_written_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let here = installed(folder.path());
    let reason = install(&here, &folder.path().join("nowhere")).unwrap_err();
    assert!(
        reason.contains("nowhere/mod_wsgi.so cannot be written")
            && reason.contains("has to be there already"),
        "{reason}"
    );
    let taken = folder.path().join("taken");
    fs::create_dir_all(taken.join(FILE_NAME)).unwrap();
    let reason = install(&here, &taken).unwrap_err();
    assert!(reason.contains("cannot be written"), "{reason}");
    assert_eq!(
        fs::read_dir(&taken).unwrap().count(),
        1,
        "something is left"
    );
}

#[test]
fn words_are_quoted_as_httpd_reads_them() {
    assert_eq!(quoted(r#"/a b/c"d\e"#), r#""/a b/c\"d\\e""#);
    assert!(text_of(Path::new("/a\nb")).is_err());
}

#[test]
fn what_apxs_says_must_be_a_folder() {
    assert_eq!(
        answer("apxs", "/usr/lib/apache2/modules").unwrap(),
        Path::new("/usr/lib/apache2/modules")
    );
    for said in ["", "modules"] {
        assert!(
            answer("apxs", said)
                .unwrap_err()
                .contains("which is no folder")
        );
    }
}
