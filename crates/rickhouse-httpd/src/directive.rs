//! Directives: `command_rec` and the table of them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::command_context::CommandContext;
use crate::fence::fence;
use crate::pool::Pool;
use crate::record::Module;
use crate::text::bytes;

/// `OR_*`, `RSRC_CONF`, `ACCESS_CONF`: where a directive may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts(u32);

impl Contexts {
    /// `RSRC_CONF`: at server level, virtual hosts included.
    pub const SERVER: Self = Self(sys::RSRC_CONF);
    /// `ACCESS_CONF`: in `<Directory>`, `<Location>`, `<Files>`.
    pub const SECTION: Self = Self(sys::ACCESS_CONF);
    /// `OR_FILEINFO`: everywhere, in `.htaccess` with `AllowOverride FileInfo`.
    pub const FILE_INFO: Self = Self(sys::OR_FILEINFO);
    /// `OR_AUTHCFG`: in sections, and in `.htaccess` with `AllowOverride AuthConfig`.
    pub const AUTH_CONFIG: Self = Self(sys::OR_AUTHCFG);
    /// [`SERVER`](Self::SERVER) and [`SECTION`](Self::SECTION).
    pub const SERVER_AND_SECTION: Self = Self::SERVER.or(Self::SECTION);

    /// Where the one or the other may stand.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a directive answers; the text is what httpd prints after file and line.
pub type Said = Result<(), String>;

/// What sets something by one word, or by a line.
pub type RunOne<M> = fn(&mut CommandContext<'_, M>, &[u8]) -> Said;
/// What sets something by two words.
pub type RunTwo<M> = fn(&mut CommandContext<'_, M>, &[u8], &[u8]) -> Said;
/// What sets something by one or two words.
pub type RunOneOrTwo<M> = fn(&mut CommandContext<'_, M>, &[u8], Option<&[u8]>) -> Said;
/// What sets something that is on or off.
pub type RunFlag<M> = fn(&mut CommandContext<'_, M>, bool) -> Said;

enum Run<M: Module> {
    Raw(RunOne<M>),
    Take1(RunOne<M>),
    Take2(RunTwo<M>),
    Take12(RunOneOrTwo<M>),
    Flag(RunFlag<M>),
}

/// One directive. Arguments are bytes: configuration files have no encoding.
pub struct Command<M: Module> {
    name: &'static CStr,
    run: Run<M>,
    contexts: Contexts,
    help: &'static CStr,
}

impl<M: Module> Command<M> {
    /// `RAW_ARGS`: the rest of the line as it stands. Also containers, whose names begin with `<`.
    pub const fn raw(
        name: &'static CStr,
        contexts: Contexts,
        help: &'static CStr,
        run: RunOne<M>,
    ) -> Self {
        let run = Run::Raw(run);
        Self {
            name,
            run,
            contexts,
            help,
        }
    }

    /// `TAKE1`: one word, quotes taken off.
    pub const fn take1(
        name: &'static CStr,
        contexts: Contexts,
        help: &'static CStr,
        run: RunOne<M>,
    ) -> Self {
        let run = Run::Take1(run);
        Self {
            name,
            run,
            contexts,
            help,
        }
    }

    /// `TAKE2`: two words.
    pub const fn take2(
        name: &'static CStr,
        contexts: Contexts,
        help: &'static CStr,
        run: RunTwo<M>,
    ) -> Self {
        let run = Run::Take2(run);
        Self {
            name,
            run,
            contexts,
            help,
        }
    }

    /// `TAKE12`: one or two words.
    pub const fn take12(
        name: &'static CStr,
        contexts: Contexts,
        help: &'static CStr,
        run: RunOneOrTwo<M>,
    ) -> Self {
        let run = Run::Take12(run);
        Self {
            name,
            run,
            contexts,
            help,
        }
    }

    /// One word, `On` or `Off` without case. Not `FLAG`, whose complaint reads otherwise than mod_wsgi's
    /// `<Directive> must be one of: Off | On`.
    pub const fn flag(
        name: &'static CStr,
        contexts: Contexts,
        help: &'static CStr,
        run: RunFlag<M>,
    ) -> Self {
        let run = Run::Flag(run);
        Self {
            name,
            run,
            contexts,
            help,
        }
    }

    const fn record(&'static self) -> sys::command_rec {
        let (func, args_how) = match self.run {
            Run::Raw(_) => (
                sys::cmd_func {
                    raw_args: Some(one::<M>),
                },
                sys::RAW_ARGS,
            ),
            Run::Take1(_) | Run::Flag(_) => (
                sys::cmd_func {
                    take1: Some(one::<M>),
                },
                sys::TAKE1,
            ),
            Run::Take2(_) => (
                sys::cmd_func {
                    take2: Some(two::<M>),
                },
                sys::TAKE2,
            ),
            Run::Take12(_) => (
                sys::cmd_func {
                    take2: Some(two::<M>),
                },
                sys::TAKE12,
            ),
        };
        sys::command_rec {
            name: self.name.as_ptr(),
            func,
            // httpd hands it to the function as `cmd_parms.info`.
            cmd_data: ptr::from_ref(self).cast_mut().cast(),
            req_override: self.contexts.0 as c_int,
            args_how,
            errmsg: self.help.as_ptr(),
        }
    }

    fn run(
        &self,
        context: &mut CommandContext<'_, M>,
        first: &[u8],
        second: Option<&[u8]>,
    ) -> Said {
        match self.run {
            Run::Raw(run) | Run::Take1(run) => run(context, first),
            Run::Take2(run) => run(context, first, second.unwrap_or_default()),
            Run::Take12(run) => run(context, first, second),
            Run::Flag(run) => run(context, flag(self.name, first)?),
        }
    }
}

fn flag(name: &CStr, word: &[u8]) -> Result<bool, String> {
    if word.eq_ignore_ascii_case(b"on") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"off") {
        Ok(false)
    } else {
        Err(format!(
            "{} must be one of: Off | On",
            name.to_string_lossy()
        ))
    }
}

/// The directives of a module as httpd reads them; made by [`module!`](crate::module).
pub struct Table<const N: usize>([sys::command_rec; N]);

// SAFETY: it is made at compile time and only read.
unsafe impl<const N: usize> Sync for Table<N> {}

impl<const N: usize> Table<N> {
    /// The directives of `M`.
    ///
    /// # Panics
    /// At compile time, when `N` is not one more than there are directives: the last row ends the table.
    pub const fn new<M: Module>() -> Self {
        const END: sys::command_rec = sys::command_rec {
            name: ptr::null(),
            func: sys::cmd_func { no_args: None },
            cmd_data: ptr::null_mut(),
            req_override: 0,
            args_how: sys::RAW_ARGS,
            errmsg: ptr::null(),
        };
        let commands = M::COMMANDS;
        assert!(commands.len() + 1 == N);
        let mut records = [END; N];
        let mut index = 0;
        while index < commands.len() {
            records[index] = commands[index].record();
            index += 1;
        }
        Self(records)
    }

    /// The first row.
    pub const fn as_ptr(&'static self) -> *const sys::command_rec {
        self.0.as_ptr()
    }
}

unsafe extern "C" fn one<M: Module>(
    parms: *mut sys::cmd_parms,
    dir_config: *mut c_void,
    first: *const c_char,
) -> *const c_char {
    // SAFETY: as httpd calls us, with one argument.
    unsafe { two::<M>(parms, dir_config, first, ptr::null()) }
}

unsafe extern "C" fn two<M: Module>(
    parms: *mut sys::cmd_parms,
    dir_config: *mut c_void,
    first: *const c_char,
    second: *const c_char,
) -> *const c_char {
    let said = fence(
        "directive",
        Err("Internal error; see the record before this one.".to_owned()),
        || {
            // SAFETY: httpd passes its state.
            let info = unsafe { (*parms).info };
            // SAFETY: `record` put the address of a static command of M there.
            let command = unsafe { &*info.cast::<Command<M>>() };
            // SAFETY: httpd's arguments live while this function runs and are not changed.
            let first = unsafe { bytes(first) }.unwrap_or_default();
            // SAFETY: as above.
            let second = unsafe { bytes(second) };
            // SAFETY: httpd passes its state and this module's directory configuration for the place of the directive.
            let mut context = unsafe { CommandContext::<M>::from_raw(parms, dir_config) };
            command.run(&mut context, first, second)
        },
    );
    match said {
        Ok(()) => ptr::null(),
        Err(text) => {
            // SAFETY: httpd's state has the pool that messages live in.
            let pool = unsafe { (*parms).pool };
            // SAFETY: as above.
            unsafe { Pool::from_raw(pool) }.message(&text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::flag;

    #[test]
    fn flags_are_on_or_off() {
        for (word, value) in [("On", true), ("oN", true), ("off", false), ("OFF", false)] {
            assert_eq!(flag(c"WSGIX", word.as_bytes()), Ok(value), "{word}");
        }
        for word in ["", "yes", "true", "1", "on "] {
            let text = "WSGIX must be one of: Off | On".to_owned();
            assert_eq!(flag(c"WSGIX", word.as_bytes()), Err(text), "{word:?}");
        }
    }
}
