//! Reads what was said of one option after the other, and collects what is wrong with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mistakes::Mistake;
use crate::options::{Item, Options};
use crate::origin::Origin;
use crate::table::{Kind, OptionSpec};
use crate::values::{
    AllowedProxies, Bind, Complaint, LogFile, parse_duration, parse_octal, parse_size,
    parse_switch, parse_whole,
};

/// Reads options. Where a text is wrong it notes the mistake and gives a placeholder, which nobody will see: a configuration with
/// mistakes is never handed out.
pub(crate) struct Reader<'a> {
    options: &'a Options,
    pub(crate) mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            options,
            mistakes: Vec::new(),
        }
    }

    /// Whether somebody said it.
    pub(crate) fn is_said(&self, spec: &OptionSpec) -> bool {
        self.options.said(spec).is_some()
    }

    /// Notes a mistake that shows only beside another option.
    pub(crate) fn mistake(&mut self, spec: &'static OptionSpec, message: impl Into<String>) {
        let origin = self
            .options
            .said(spec)
            .map_or(Origin::Default, |said| said.origin.clone());
        self.mistakes
            .push(Mistake::of_option(spec.name, origin, message));
    }

    /// The value of an option that holds one; `None` where nobody said one and there is no default, or where it is wrong.
    pub(crate) fn value<T>(
        &mut self,
        spec: &'static OptionSpec,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        // On a command line that gives an option twice, the last one counts.
        let item = self.options.effective(spec)?.items.pop()?;
        self.item(spec, item, &parse)
    }

    /// The values of an option that holds a list.
    pub(crate) fn values<T>(
        &mut self,
        spec: &'static OptionSpec,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Vec<T> {
        let items = self
            .options
            .effective(spec)
            .map_or_else(Vec::new, |said| said.items);
        items
            .into_iter()
            .filter_map(|item| self.item(spec, item, &parse))
            .collect()
    }

    fn item<T>(
        &mut self,
        spec: &'static OptionSpec,
        item: Item,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let read = if item.text.is_empty() && !spec.kind.takes_empty() {
            Err(Complaint::new("the value is empty"))
        } else {
            parse(&item.text)
        };
        read.map_err(|complaint| {
            self.mistakes
                .push(Mistake::complain(spec.name, item.origin, complaint))
        })
        .ok()
    }

    pub(crate) fn whole(&mut self, spec: &'static OptionSpec) -> Option<u64> {
        self.value(spec, |text| {
            in_range(parse_whole(text)?, spec, |number| number.to_string())
        })
    }

    pub(crate) fn count(&mut self, spec: &'static OptionSpec) -> usize {
        self.whole(spec).map_or(0, to_usize)
    }

    pub(crate) fn optional_count(&mut self, spec: &'static OptionSpec) -> Option<usize> {
        self.whole(spec).map(to_usize)
    }

    /// A number of bytes.
    pub(crate) fn size(&mut self, spec: &'static OptionSpec) -> u64 {
        self.value(spec, |text| {
            in_range(parse_size(text)?, spec, |bytes| format!("{bytes} bytes"))
        })
        .unwrap_or_default()
    }

    /// A number of bytes that are held in memory.
    pub(crate) fn memory(&mut self, spec: &'static OptionSpec) -> usize {
        to_usize(self.size(spec))
    }

    pub(crate) fn duration(&mut self, spec: &'static OptionSpec) -> Option<Duration> {
        self.value(spec, |text| {
            let duration = parse_duration(text)?;
            // A year, the longest there is, has fewer microseconds than a u64 holds; what is less than one but more than none is one.
            let micros = duration.as_nanos().div_ceil(1000) as u64;
            in_range(micros, spec, |micros| {
                format!("{:?}", Duration::from_micros(micros))
            })?;
            Ok(duration)
        })
    }

    /// A duration for which zero means never.
    pub(crate) fn duration_or_never(&mut self, spec: &'static OptionSpec) -> Option<Duration> {
        self.duration(spec).filter(|duration| !duration.is_zero())
    }

    /// A duration that has a default.
    pub(crate) fn wait(&mut self, spec: &'static OptionSpec) -> Duration {
        self.duration(spec).unwrap_or_default()
    }

    pub(crate) fn switch(&mut self, spec: &'static OptionSpec) -> bool {
        self.value(spec, parse_switch).unwrap_or_default()
    }

    pub(crate) fn mode(&mut self, spec: &'static OptionSpec) -> Option<u32> {
        self.value(spec, parse_octal)
    }

    pub(crate) fn text(&mut self, spec: &'static OptionSpec) -> Option<String> {
        self.value(spec, |text| plain(text).map(str::to_owned))
    }

    /// A text with a grammar of its own.
    pub(crate) fn checked(
        &mut self,
        spec: &'static OptionSpec,
        check: fn(&str) -> Result<(), Complaint>,
    ) -> Option<String> {
        self.value(spec, |text| check(text).map(|()| text.to_owned()))
    }

    /// One of the words of the table, as `meaning` has it.
    pub(crate) fn choice<T>(
        &mut self,
        spec: &'static OptionSpec,
        meaning: fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.value(spec, |text| {
            meaning(&text.to_ascii_lowercase()).ok_or_else(|| {
                let Kind::Choice(words) = spec.kind else {
                    return Complaint::new(format!("{text:?} is not a choice"));
                };
                Complaint::new(format!("{text:?} is not one of {}", words.join(", ")))
            })
        })
    }

    pub(crate) fn path(&mut self, spec: &'static OptionSpec, base: &Path) -> Option<PathBuf> {
        self.value(spec, |text| plain(text).map(|text| base.join(text)))
    }

    pub(crate) fn paths(&mut self, spec: &'static OptionSpec, base: &Path) -> Vec<PathBuf> {
        self.values(spec, |text| plain(text).map(|text| base.join(text)))
    }

    pub(crate) fn log_file(&mut self, spec: &'static OptionSpec, base: &Path) -> Option<LogFile> {
        self.value(spec, |text| match text {
            "-" => Ok(LogFile::Standard),
            _ => plain(text).map(|text| LogFile::File(base.join(text))),
        })
    }

    pub(crate) fn address(&mut self, spec: &'static OptionSpec) -> Option<Bind> {
        self.value(spec, Bind::parse)
    }

    pub(crate) fn addresses(&mut self, spec: &'static OptionSpec) -> Vec<Bind> {
        self.values(spec, Bind::parse)
    }

    pub(crate) fn networks(&mut self, spec: &'static OptionSpec) -> AllowedProxies {
        let parsed = self.values(spec, |text| {
            let text = text.trim();
            // An empty list, or a comma too many.
            if text.is_empty() {
                Ok(AllowedProxies::NOBODY)
            } else {
                AllowedProxies::parse(text)
            }
        });
        parsed
            .into_iter()
            .fold(AllowedProxies::NOBODY, AllowedProxies::or)
    }
}

/// A text that can be handed to the system, and written on one line of a log.
fn plain(text: &str) -> Result<&str, Complaint> {
    if text.chars().any(char::is_control) {
        return Err(Complaint::new(format!("{text:?} has a control character")));
    }
    Ok(text)
}

fn in_range(value: u64, spec: &OptionSpec, say: impl Fn(u64) -> String) -> Result<u64, Complaint> {
    let (least, most) = spec.range;
    if value < least {
        return Err(Complaint::new(format!(
            "{} is too little, the least is {}",
            say(value),
            say(least)
        )));
    }
    if value > most {
        return Err(Complaint::new(format!(
            "{} is too much, the most is {}",
            say(value),
            say(most)
        )));
    }
    Ok(value)
}

/// The ranges of the table end far below where this could cut.
fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
