//! Options that say what is served.

use super::{Default, Kind, OptionSpec, section};

section! { "Application";
    TARGET: OptionSpec {
        name: "target",
        kind: Kind::Target,
        default: Default::Unset("serve does not start without one"),
        help: "The application: pkg.module:attribute, pkg.module:factory(), or path/to/file.py",
        details: "A module is imported by its name; a path to a .py or .wsgi file is run as a module (mysite.wsgi is the module, unless there is a file of that name). Without an attribute, \
                  `application` is looked for, then `app`. A name followed by () is called without arguments and must return the \
                  application.",
        ..OptionSpec::BASE
    };
    CHDIR: OptionSpec {
        name: "chdir",
        kind: Kind::Directory,
        default: Default::Unset("the directory the command is started in"),
        help: "Change to this directory before loading the application",
        details: "A target that is a path, and the directories of --pythonpath, are relative to it. All other paths are relative to \
                  the directory the command is started in.",
        ..OptionSpec::BASE
    };
    PYTHONPATH: OptionSpec {
        name: "pythonpath",
        kind: Kind::Directory,
        many: true,
        default: Default::Unset("nothing is added"),
        help: "Put this directory in front of sys.path",
        details: "The directories stand there in the order in which they were given.",
        ..OptionSpec::BASE
    };
    ROOT_PATH: OptionSpec {
        name: "root-path",
        kind: Kind::RootPath,
        default: Default::Text(""),
        help: "Path the application is mounted at (SCRIPT_NAME)",
        details: "A request whose path starts with it has it moved from PATH_INFO to SCRIPT_NAME.",
        ..OptionSpec::BASE
    };
}
