//! One directive of each kind.

use rickhouse_httpd::command_context::Words;
use rickhouse_httpd::regex::Regex;
use rickhouse_httpd::{Command, CommandContext, Contexts, Target, mpm};

use crate::Probe;

/// What stands in one `<ProbeOptions>`.
#[derive(Default, Clone, Debug)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) inside: Vec<String>,
}

type Context<'c> = CommandContext<'c, Probe>;
type Said = Result<(), String>;

pub(crate) const COMMANDS: &[Command<Probe>] = &[
    Command::take1(c"ProbeText", Contexts::FILE_INFO, c"a text", text),
    Command::take1(
        c"ProbeAuth",
        Contexts::AUTH_CONFIG,
        c"a text, in sections",
        auth,
    ),
    Command::take1(
        c"ProbeGlobal",
        Contexts::SERVER,
        c"a path, for the whole server",
        global,
    ),
    Command::take1(
        c"ProbeDaemons",
        Contexts::SERVER,
        c"how many daemons to start",
        daemons,
    ),
    Command::take2(c"ProbeTwo", Contexts::SERVER_AND_SECTION, c"two words", two),
    Command::take12(
        c"ProbeOneOrTwo",
        Contexts::SERVER_AND_SECTION,
        c"one or two words",
        one_or_two,
    ),
    Command::flag(
        c"ProbeFlag",
        Contexts::SERVER.or(Contexts::FILE_INFO),
        c"On or Off",
        flag,
    ),
    Command::flag(c"ProbePanic", Contexts::SERVER, c"On panics", panic),
    Command::raw(
        c"ProbeWords",
        Contexts::SERVER,
        c"any number of words",
        words,
    ),
    Command::raw(
        c"ProbeMatch",
        Contexts::SERVER,
        c"an expression",
        expression,
    ),
    Command::raw(c"<ProbeOptions", Contexts::SERVER, c"a container", options),
    Command::take1(
        c"ProbeInside",
        Contexts::SERVER,
        c"a word in <ProbeOptions>",
        inside,
    ),
    Command::take1(
        c"ProbeServerOnly",
        Contexts::FILE_INFO,
        c"sets the server wherever it stands",
        server_only,
    ),
    Command::take1(
        c"ProbeUser",
        Contexts::SERVER,
        c"a user of the system",
        user,
    ),
];

fn text(context: &mut Context<'_>, text: &[u8]) -> Said {
    let (Target::Directory(config) | Target::Server(config)) = context.target()?;
    config.text = Some(text.to_vec());
    Ok(())
}

fn auth(context: &mut Context<'_>, text: &[u8]) -> Said {
    context.dir_config()?.text = Some(text.to_vec());
    Ok(())
}

fn global(context: &mut Context<'_>, path: &[u8]) -> Said {
    context.check_global()?;
    let shown = |path: Option<&[u8]>| path.map(|path| String::from_utf8_lossy(path).into_owned());
    let (root, runtime) = (
        shown(context.server_root_relative(path)),
        shown(context.runtime_dir_relative(path)),
    );
    let (file, line) = context.location();
    let file = shown(file);
    context.server_config()?;
    if path == b"show" {
        return Err(format!(
            "root {root:?} runtime {runtime:?} at {file:?}:{line}"
        ));
    }
    Ok(())
}

fn daemons(context: &mut Context<'_>, number: &[u8]) -> Said {
    context.check_global()?;
    let number = std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse().ok());
    context.server_config()?.daemons = number.ok_or("ProbeDaemons takes a number")?;
    Ok(())
}

fn two(_: &mut Context<'_>, first: &[u8], second: &[u8]) -> Said {
    check(first, b"one")?;
    check(second, b"two")
}

fn one_or_two(_: &mut Context<'_>, first: &[u8], second: Option<&[u8]>) -> Said {
    check(first, b"one")?;
    second.map_or(Ok(()), |second| check(second, b"two"))
}

fn check(found: &[u8], wanted: &[u8]) -> Said {
    if found == wanted {
        Ok(())
    } else {
        Err(format!(
            "{:?} is not wanted",
            String::from_utf8_lossy(found)
        ))
    }
}

fn flag(context: &mut Context<'_>, on: bool) -> Said {
    let (Target::Directory(config) | Target::Server(config)) = context.target()?;
    config.text = Some(if on {
        b"flag is on".to_vec()
    } else {
        b"flag is off".to_vec()
    });
    Ok(())
}

fn panic(_: &mut Context<'_>, on: bool) -> Said {
    assert!(!on, "asked to panic in a directive");
    Ok(())
}

fn words(context: &mut Context<'_>, line: &[u8]) -> Said {
    let words: Vec<_> = Words::new(context.temporary(), line)
        .map(String::from_utf8_lossy)
        .collect();
    if words.first().is_some_and(|first| first == "show") {
        Err(format!("{words:?}"))
    } else {
        Ok(())
    }
}

fn expression(context: &mut Context<'_>, line: &[u8]) -> Said {
    let mut words = Words::new(context.temporary(), line);
    let (Some(pattern), Some(subject), Some(template)) = (words.next(), words.next(), words.next())
    else {
        return Err("ProbeMatch takes an expression, a subject and a template".to_owned());
    };
    let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
    let captures = regex.find(subject).ok_or("no match")?;
    let range = captures.range(1);
    let text = captures
        .substitute(context.temporary(), template)
        .unwrap_or_default();
    Err(format!("{} at {range:?}", String::from_utf8_lossy(&text)))
}

fn options(context: &mut Context<'_>, line: &[u8]) -> Said {
    context.check_global()?;
    let name = line
        .strip_suffix(b">")
        .ok_or("<ProbeOptions> directive missing closing '>'")?;
    let name = String::from_utf8_lossy(name).into_owned();
    let options = context.walk(Options {
        name,
        inside: Vec::new(),
    })?;
    context.server_config()?.options.push(options);
    Ok(())
}

fn inside(context: &mut Context<'_>, word: &[u8]) -> Said {
    let name = context.name().to_string_lossy();
    let word = String::from_utf8_lossy(word).into_owned();
    let open = context
        .container::<Options>()
        .ok_or_else(|| format!("{name} stands outside of <ProbeOptions>"))?;
    open.inside.push(word);
    Ok(())
}

fn server_only(context: &mut Context<'_>, text: &[u8]) -> Said {
    context.server_config()?.text = Some(text.to_vec());
    Ok(())
}

fn user(_: &mut Context<'_>, name: &[u8]) -> Said {
    use rickhouse_httpd::command_context::{group_id, user_id};
    Err(format!(
        "{:?} {:?} {:?} {:?}",
        user_id(name),
        group_id(b"#12"),
        mpm::identity(),
        mpm::wants_core_dumps()
    ))
}
