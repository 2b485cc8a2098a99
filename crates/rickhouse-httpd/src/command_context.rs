//! `cmd_parms`: where a directive stands and what it may reach.

use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use rickhouse_httpd_sys as sys;

use crate::config;
use crate::pool::Pool;
use crate::record::Module;
use crate::server::Server;
use crate::text::bytes;

/// The place of the directive that is being read.
pub struct CommandContext<'c, M: Module> {
    parms: NonNull<sys::cmd_parms>,
    dir_config: *mut c_void,
    life: PhantomData<(&'c mut sys::cmd_parms, M)>,
}

/// What a directive sets: DD §1.2.
pub enum Target<'t, M: Module> {
    /// It stands in a section or in `.htaccess`.
    Directory(&'t mut M::DirConfig),
    /// It stands at the level of a server.
    Server(&'t mut M::ServerConfig),
}

impl<M: Module> CommandContext<'_, M> {
    /// # Safety
    /// `parms` and `dir_config` are what httpd passes to a directive of module `M`, during whose run this value lives.
    pub(crate) unsafe fn from_raw(parms: *mut sys::cmd_parms, dir_config: *mut c_void) -> Self {
        Self {
            parms: NonNull::new(parms).expect("httpd passes its state to directives"),
            dir_config,
            life: PhantomData,
        }
    }

    /// The name of the directive, as it is registered.
    pub fn name(&self) -> &'static CStr {
        let command = self.parms().cmd;
        // SAFETY: httpd looks commands up in the module's own table, which is static.
        let name = unsafe { (*command).name };
        // SAFETY: `Command` made it of a static C string.
        unsafe { CStr::from_ptr(name) }
    }

    /// `path`: the section's path, or the directory of `.htaccess`; nothing at server level.
    pub fn path(&self) -> Option<&[u8]> {
        // SAFETY: the text lives as long as the section that is being read.
        unsafe { bytes(self.parms().path) }
    }

    /// The server whose configuration is being read.
    pub fn server(&self) -> Server<'_> {
        // SAFETY: httpd's state has a server, which lives as long as the configuration.
        unsafe { Server::from_raw(self.parms().server) }
    }

    /// The file of the configuration and the line of the directive.
    pub fn location(&self) -> (Option<&[u8]>, u32) {
        let directive = self.parms().directive;
        // SAFETY: httpd's tree of directives lives while they are run.
        let Some(directive) = (unsafe { directive.as_ref() }) else {
            return (None, 0);
        };
        // SAFETY: the name lives as long as the tree.
        let file = unsafe { bytes(directive.filename) };
        (file, u32::try_from(directive.line_num).unwrap_or_default())
    }

    /// The pool for what need not outlive the reading of the configuration.
    pub fn temporary(&self) -> Pool<'_> {
        // SAFETY: httpd's state has such a pool.
        unsafe { Pool::from_raw(self.parms().temp_pool) }
    }

    /// The pool of the configuration.
    pub fn pool(&self) -> Pool<'_> {
        // SAFETY: httpd's state has such a pool.
        unsafe { Pool::from_raw(self.parms().pool) }
    }

    /// Fails with httpd's text (`… cannot occur within …`) unless the directive stands in the main server.
    ///
    /// # Errors
    /// httpd's text.
    pub fn check_global(&self) -> Result<(), String> {
        // SAFETY: the state is httpd's, which reads it only.
        let complaint = unsafe { sys::ap_check_cmd_context(self.parms.as_ptr(), sys::GLOBAL_ONLY) };
        // SAFETY: the text is null or lives in the pool of the configuration.
        complaint_of(unsafe { bytes(complaint) })
    }

    /// Whether the directive stands in `.htaccess`, which is read for each request, by several threads at once.
    pub fn is_in_htaccess(&self) -> bool {
        // Only the server's own files have these bits, `.htaccess` never has: see SAFETY.md.
        self.parms().override_ as u32 & (sys::RSRC_CONF | sys::ACCESS_CONF) == 0
    }

    /// What the directive sets. See [`server_config`](Self::server_config) for the error.
    ///
    /// # Errors
    /// When there is nothing to be set.
    pub fn target(&mut self) -> Result<Target<'_, M>, String> {
        if self.path().is_some() {
            self.dir_config().map(Target::Directory)
        } else {
            self.server_config().map(Target::Server)
        }
    }

    /// What directives say for the directory, location or file of this place.
    ///
    /// # Errors
    /// When it could not be made; a record tells of it.
    pub fn dir_config(&mut self) -> Result<&mut M::DirConfig, String> {
        // SAFETY: httpd passes this module's structure for this place. The section is still being read, by this one
        // thread, and `self` is borrowed meanwhile, so that nothing can run another directive.
        unsafe { config::get_mut(self.dir_config) }.ok_or_else(broken)
    }

    /// What directives say for the server of this place.
    ///
    /// # Errors
    /// In `.htaccess`, which is read while other threads read the server's configuration.
    pub fn server_config(&mut self) -> Result<&mut M::ServerConfig, String> {
        if self.is_in_htaccess() {
            return Err(format!(
                "{} not allowed here",
                self.name().to_string_lossy()
            ));
        }
        let vector = self.server().record().module_config;
        // SAFETY: the vector is the server's; the record is registered.
        let slot = unsafe { sys::ap_get_module_config(vector, M::record().as_ptr()) };
        // SAFETY: as for `dir_config`; the server's own files are read by the one thread that there is then.
        unsafe { config::get_mut(slot) }.ok_or_else(broken)
    }

    /// The names of the directives directly inside of this container. `<IfModule>` and its like are gone by now, and
    /// what was in them stands in their place.
    pub fn inside(&self) -> Vec<&[u8]> {
        // SAFETY: httpd's tree of directives lives while they are run.
        let first =
            unsafe { self.parms().directive.as_ref() }.map(|directive| directive.first_child);
        // SAFETY: as above.
        let mut next = first.and_then(|first| unsafe { first.as_ref() });
        let mut names = Vec::new();
        while let Some(directive) = next {
            // SAFETY: the name lives as long as the tree.
            names.extend(unsafe { bytes(directive.directive) });
            // SAFETY: as for the tree.
            next = unsafe { directive.next.as_ref() };
        }
        names
    }

    /// `ap_walk_config`: reads the directives inside of this container. They find `open` by
    /// [`container`](Self::container); it is returned when they have all been read.
    ///
    /// # Errors
    /// The text of the directive that failed; httpd names that one's line.
    pub fn walk<T: Any>(&mut self, open: T) -> Result<T, String> {
        // SAFETY: httpd's tree of directives lives while they are run.
        let inside =
            unsafe { self.parms().directive.as_ref() }.map(|directive| directive.first_child);
        let mut open: Box<dyn Any> = Box::new(open);
        if let Some(inside) = inside.filter(|inside| !inside.is_null()) {
            let _restore = Restore(OPEN.replace(NonNull::new(&raw mut *open)));
            let (parms, context) = (self.parms.as_ptr(), self.parms().context);
            // SAFETY: the directives are this container's, and read with the state of this very call.
            let complaint = unsafe { sys::ap_walk_config(inside, parms, context) };
            // SAFETY: the text is null or lives in the pool of the configuration.
            complaint_of(unsafe { bytes(complaint) })?;
        }
        let open = open.downcast().map_err(|_| broken())?;
        Ok(*open)
    }

    /// What the innermost open container was opened with, if that is a `T`.
    pub fn container<T: Any>(&mut self) -> Option<&mut T> {
        // SAFETY: not null only while `walk` waits for its directives, who run on its thread one after the other; it
        // touches the value again only when they are done, and `self` is borrowed meanwhile.
        unsafe { OPEN.get()?.as_mut() }.downcast_mut()
    }

    /// `ap_server_root_relative`: an absolute path, `path` being relative to `ServerRoot`. Nothing for a path that
    /// cannot be one.
    pub fn server_root_relative(&self, path: &[u8]) -> Option<&[u8]> {
        let path = self.temporary().copy(path).ok()?;
        // SAFETY: pool and text live.
        let found = unsafe { sys::ap_server_root_relative(self.temporary().as_ptr(), path) };
        // SAFETY: the text is null or lives in that pool.
        unsafe { bytes(found) }
    }

    /// `ap_runtime_dir_relative`: the same in the directory of `DefaultRuntimeDir`.
    pub fn runtime_dir_relative(&self, path: &[u8]) -> Option<&[u8]> {
        let path = self.temporary().copy(path).ok()?;
        // SAFETY: pool and text live.
        let found = unsafe { sys::ap_runtime_dir_relative(self.temporary().as_ptr(), path) };
        // SAFETY: the text is null or lives in that pool.
        unsafe { bytes(found) }
    }

    fn parms(&self) -> &sys::cmd_parms {
        // SAFETY: httpd's state lives while the directive runs.
        unsafe { self.parms.as_ref() }
    }
}

/// `ap_getword_conf`: the words of a line, quotes and backslashes taken as httpd takes them.
pub struct Words<'p> {
    pool: Pool<'p>,
    rest: *const c_char,
}

impl<'p> Words<'p> {
    /// The words of `line`; what follows a NUL is not looked at.
    pub fn new(pool: Pool<'p>, line: &[u8]) -> Self {
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let rest = pool
            .copy(line)
            .expect("the line has been cut at the first NUL");
        Self { pool, rest }
    }

    /// What has not been taken yet.
    pub fn rest(&self) -> &'p [u8] {
        // SAFETY: it is inside of the copy in the pool.
        unsafe { bytes(self.rest) }.unwrap_or_default()
    }
}

impl<'p> Iterator for Words<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest().trim_ascii_start().is_empty() {
            return None;
        }
        // SAFETY: the pool lives; `rest` is in a copy that ends with a NUL, and httpd moves it forward inside of it.
        let word = unsafe { sys::ap_getword_conf(self.pool.as_ptr(), &raw mut self.rest) };
        // SAFETY: httpd has made the word in the pool.
        unsafe { bytes(word) }
    }
}

/// `ap_uname2id`: the number of a user, of a name or of `#` and a number. An unknown name ends httpd with a message, as
/// for the directive `User`.
pub fn user_id(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name lives.
    Some(unsafe { sys::ap_uname2id(name.as_ptr()) })
}

/// `ap_gname2id`: the same for groups.
pub fn group_id(name: &[u8]) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name lives.
    Some(unsafe { sys::ap_gname2id(name.as_ptr()) })
}

thread_local! {
    /// What the innermost `walk` on this thread's stack lends. Has no destructor on purpose: see SAFETY.md.
    static OPEN: Cell<Option<NonNull<dyn Any>>> = const { Cell::new(None) };
}

struct Restore(Option<NonNull<dyn Any>>);

impl Drop for Restore {
    fn drop(&mut self) {
        OPEN.set(self.0);
    }
}

fn complaint_of(text: Option<&[u8]>) -> Result<(), String> {
    text.map_or(Ok(()), |text| {
        Err(String::from_utf8_lossy(text).into_owned())
    })
}

fn broken() -> String {
    "Internal error; see the records before this one.".to_owned()
}
