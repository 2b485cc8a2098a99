//! `mod_wsgi.LogHandler`: Python's `logging` in the server's log (directives-and-daemon §11.4).

use crate::process::Process;

/// Runs `body` in a request of the interpreter `site`, in a script `logs.wsgi` whose third line it begins at, and returns
/// what was reported meanwhile, without what is said of the script itself.
fn logged(process: &mut Process, body: &str) -> Vec<String> {
    let body: Vec<String> = body.lines().map(|line| format!("    {line}\n")).collect();
    let source = format!(
        "import logging, logging.config, mod_wsgi, sys, threading\n\
         def application(environ, start_response):\n{}    \
             start_response('200 OK', [])\n    return [b'']\n",
        body.concat()
    );
    let script = process.script("logs.wsgi", &source);
    process.log.take();
    process.text("site", &script);
    let log = process.log.take().into_iter();
    log.filter(|line| !line.contains("WSGI script") && !line.contains("sub-interpreter"))
        .collect()
}

pub(crate) fn records_of_logging_keep_their_level_and_place() {
    let mut process = Process::start(|_| ());
    let log = logged(
        &mut process,
        r"logger = logging.Logger('one')
logger.addHandler(mod_wsgi.LogHandler())
for level in (60, 50, 49, 40, 30, 20, 19, 10, 5): logger.log(level, 'level %d', level)
logger.error('one\n\ntwo\n')
logger.error('')
logger.error('caf\u00e9 \udcff')
thread = threading.Thread(target=logger.error, args=('from a thread',))
thread.start(); thread.join()
logger.handle(logging.makeLogRecord({'levelno': 40, 'msg': 'made', 'pathname': None}))
logger.handle(logging.makeLogRecord({'levelno': 40, 'msg': 'cut', 'pathname': 'a\0b', 'lineno': 2}))",
    );
    // `threading` runs the thread's target, so the place is of that library.
    let (thread, log): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.contains("thread"));
    assert_eq!(thread.len(), 1);
    assert!(
        thread[0].starts_with("error from a thread @threading.py:"),
        "{thread:?}"
    );
    assert_eq!(
        log,
        [
            "crit [script S] level 60 @logs.wsgi:5",
            "crit [script S] level 50 @logs.wsgi:5",
            "error [script S] level 49 @logs.wsgi:5",
            "error [script S] level 40 @logs.wsgi:5",
            "warn [script S] level 30 @logs.wsgi:5",
            "info [script S] level 20 @logs.wsgi:5",
            "debug [script S] level 19 @logs.wsgi:5",
            "debug [script S] level 10 @logs.wsgi:5",
            "debug [script S] level 5 @logs.wsgi:5",
            "error [script S] one @logs.wsgi:6",
            "error [script S]  @logs.wsgi:6",
            "error [script S] two @logs.wsgi:6",
            "error [script S] caf\u{e9} ? @logs.wsgi:8",
            "error [script S] made",
            "error [script S] cut",
        ]
    );
}

/// The process of these tests writes debug records about requests, and none about itself.
pub(crate) fn what_the_server_would_not_write_is_not_formatted() {
    let mut process = Process::start(|_| ());
    let log = logged(
        &mut process,
        r"class Loud:
    def __str__(self): print('formatted', file=sys.stderr); return 'text'
logger = logging.Logger('one')
logger.addHandler(mod_wsgi.LogHandler())
thread = threading.Thread(target=logger.debug, args=(Loud(),))
thread.start(); thread.join()
logger.debug(Loud())",
    );
    assert_eq!(
        log,
        [
            "error [script S] formatted",
            "debug [script S] text @logs.wsgi:9"
        ]
    );
}

pub(crate) fn what_cannot_be_formatted_is_left_to_the_handler() {
    let mut process = Process::start(|_| ());
    let log = logged(
        &mut process,
        r"class Own(mod_wsgi.LogHandler):
    def handleError(self, record): print(sys.exc_info()[0].__name__, record.msg)
logger = logging.Logger('one')
logger.addHandler(Own())
logger.error('%d', 'no number')
logger.handlers[0].emit(logging.makeLogRecord({'levelno': 'high', 'msg': 'no level'}))
mod_wsgi.LogHandler().emit(logging.makeLogRecord({'levelno': 40, 'msg': '%d', 'args': ('text',)}))",
    );
    assert_eq!(log[0], "error [script S] TypeError %d");
    assert_eq!(log[1], "error [script S] TypeError no level");
    assert_eq!(log[2], "error [script S] --- Logging error ---");
}

pub(crate) fn handlers_come_from_a_configuration_and_have_subclasses() {
    let mut process = Process::start(|_| ());
    let log = logged(
        &mut process,
        r"logging.config.dictConfig({
    'version': 1,
    'formatters': {'short': {'format': '%(name)s/%(message)s'}},
    'handlers': {'log': {'class': 'mod_wsgi.LogHandler', 'formatter': 'short', 'level': 'WARNING'}},
    'root': {'handlers': ['log'], 'level': 'DEBUG'},
})
logging.getLogger('shop').warning('sold')
logging.getLogger('shop').info('looked at')
class Upper(mod_wsgi.LogHandler):
    def format(self, record): return super().format(record).upper()
logger = logging.Logger('one')
logger.addHandler(Upper())
logger.critical('text')
logger.critical([mod_wsgi.LogHandler is mod_wsgi.LogHandler, repr(mod_wsgi.LogHandler)])",
    );
    assert_eq!(
        log,
        [
            "warn [script S] shop/sold @logs.wsgi:9",
            "crit [script S] TEXT @logs.wsgi:15",
            "crit [script S] [TRUE, \"<CLASS 'MOD_WSGI.LOGHANDLER'>\"] @logs.wsgi:16",
        ]
    );
}

pub(crate) fn logging_is_imported_for_those_who_ask() {
    let mut process = Process::start(|_| ());
    for (expression, value) in [
        ("'logging' in sys.modules", "False"),
        ("'LogHandler' in dir(__import__('mod_wsgi'))", "True"),
        ("hasattr(__import__('mod_wsgi'), 'missing')", "False"),
        ("'logging' in sys.modules", "False"),
        (
            "__import__('mod_wsgi').LogHandler.__mro__[1]",
            "<class 'logging.Handler'>",
        ),
    ] {
        assert_eq!(process.evaluate("site", expression), value, "{expression}");
    }
}
