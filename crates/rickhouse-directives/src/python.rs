//! How Python is started (DD §2.6).

use crate::groups::Case;
use crate::rejected::Rejected;
use crate::text::Text;
use crate::value;

/// `WSGIPythonHashSeed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashSeed {
    /// Nothing was said: CPython's own rule.
    #[default]
    Unset,
    /// `random`: another one in every process.
    Random,
    /// The same in every process.
    Fixed(u32),
}

impl HashSeed {
    /// Reads the value.
    ///
    /// # Errors
    /// When it is neither `random` nor a number of 32 bits.
    pub fn parse(value: &[u8]) -> Result<Self, Rejected> {
        const BAD: Rejected = Rejected::fixed(
            "WSGIPythonHashSeed must be \"random\" or an integer in range [0; 4294967295]",
        );
        match value {
            b"" => Ok(Self::Unset),
            b"random" => Ok(Self::Random),
            [b'+', ..] => Err(BAD),
            number => value::number(number).map(Self::Fixed).ok_or(BAD),
        }
    }
}

/// How Python is started, in httpd's children and, where a group says nothing else, in daemons.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonConfig {
    /// `WSGIPythonHome`.
    pub home: Option<Text>,
    /// `WSGIPythonPath` outside of any container: for httpd's children only.
    pub path: Option<Text>,
    /// `WSGIPythonEggs`: for httpd's children only.
    pub eggs: Option<Text>,
    /// `WSGIPythonOptimize`.
    pub optimize: u32,
    /// `WSGIDontWriteBytecode`.
    pub dont_write_bytecode: bool,
    /// `WSGIPythonWarnings`, in order.
    pub warnings: Vec<Text>,
    /// `WSGIPythonHashSeed`.
    pub hash_seed: HashSeed,
    /// `WSGIDestroyInterpreter`.
    pub destroy_interpreter: bool,
    /// `WSGICaseSensitivity`.
    pub case: Case,
}

impl Default for PythonConfig {
    fn default() -> Self {
        Self {
            home: None,
            path: None,
            eggs: None,
            optimize: 0,
            dont_write_bytecode: false,
            warnings: Vec::new(),
            hash_seed: HashSeed::Unset,
            destroy_interpreter: true,
            case: if cfg!(target_os = "macos") {
                Case::Ignored
            } else {
                Case::Sensitive
            },
        }
    }
}

/// The value of `WSGIPythonOptimize`; what is below zero is zero.
///
/// # Errors
/// When it is no number. mod_wsgi takes that for 0.
pub fn optimize(value: &[u8]) -> Result<u32, Rejected> {
    let level = value::number(value).map(|level: i32| level.max(0).unsigned_abs());
    level.ok_or_else(|| "WSGIPythonOptimize must be an integer.".into())
}
