"""How an interpreter becomes one of httpd's: what applications and operators of mod_wsgi expect to find in it.

The module is run once in each interpreter, next to the bootstrap module, whose classes it uses.
"""

import importlib.machinery
import operator
import os
import sys
import types

import _rickhouse as bootstrap


class Log(bootstrap.Log):
    """A standard stream. On a thread that serves a request, what is written belongs to that request's log."""

    __module__ = "mod_wsgi"

    def __init__(self, name, emitter):
        super().__init__(name, emitter.process_line)
        self._current = emitter.current_log

    def write(self, data):
        log = self._current()
        return super().write(data) if log is None else log.write(data)

    def writelines(self, lines):
        log = self._current()
        return super().writelines(lines) if log is None else log.writelines(lines)

    def flush(self):
        log = self._current()
        return super().flush() if log is None else log.flush()


class Restricted:
    """A standard stream that applications must not touch."""

    __module__ = "mod_wsgi"
    __slots__ = ("_name",)

    def __init__(self, name):
        object.__setattr__(self, "_name", name)

    def __getattribute__(self, attribute):
        name = object.__getattribute__(self, "_name")
        raise OSError(f"{name} access restricted by mod_wsgi")


class SignalIntercept:
    """Stands in for :func:`signal.signal`: the server manages the signals of its processes."""

    __module__ = "mod_wsgi"

    def __init__(self, original, emitter):
        self._original = original
        self._emitter = emitter
        self._pid = os.getpid()

    def __call__(self, signalnum, handler, /):
        if os.getpid() != self._pid:
            # Forked by the application: that process is its own.
            return self._original(signalnum, handler)
        signalnum = operator.index(signalnum)
        self._emitter.signal(signalnum, _calls())
        return handler


def _calls():
    """The calls that led to the caller of our caller, innermost first."""
    import traceback

    return bootstrap.stack_lines(traceback.extract_stack(sys._getframe(2)))


def make_log_handler(emitter):
    """``mod_wsgi.LogHandler``: records of :mod:`logging` as records of the server's log (directives-and-daemon §11.4)."""
    import logging

    class LogHandler(logging.Handler):
        """Writes records to the server's error log, with their level and place in the source."""

        __module__ = "mod_wsgi"
        __qualname__ = "LogHandler"

        def emit(self, record):
            try:
                # Formatting can be expensive: not for what the server's LogLevel leaves out.
                if not emitter.would_log(record.levelno):
                    return
                file, lineno = _place(record)
                for line in _lines(self.format(record)):
                    emitter.log(record.levelno, line, file, lineno)
            except RecursionError:
                # handleError() would recurse as well; the standard library's handlers let it go, too.
                raise
            except Exception:
                self.handleError(record)

    return LogHandler


def _place(record):
    """Where the record was made; logging leaves it to the application what the attributes are."""
    file, lineno = getattr(record, "pathname", None), getattr(record, "lineno", None)
    if isinstance(file, str) and isinstance(lineno, int):
        return file.encode("utf-8", "replace"), lineno
    return None, 0


def _lines(text):
    """A line is a record. A newline ends a line, so that none follows the last one."""
    lines = text.encode("utf-8", "replace").split(b"\n")
    if not lines[-1]:
        del lines[-1]
    return lines


def set_up(given, voice, emitter):
    """Does everything in the order of directives-and-daemon §9.3. An exception that leaves this is the end of it."""
    _make_module(given, voice, emitter)
    _replace_streams(given, voice, emitter)
    sys.argv = ["mod_wsgi"]
    if given["restrict_signal"]:
        _intercept_signals(voice, emitter)
    _correct_environment(given)
    for layer in given["path_layers"]:
        _add_to_path(layer, voice)
    if given["home"] is not None:
        sys.path.insert(0, given["home"])
    _fill_module(given)
    _make_apache_module(given, voice)


def import_main_modules():
    """Makes the calling thread the main thread of ``threading``, and exit handlers known before anything can fail."""
    import atexit  # noqa: F401
    import threading  # noqa: F401


def _make_module(given, voice, emitter):
    name = "mod_wsgi"
    path = None
    try:
        package = __import__(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            voice.exception(error, bootstrap.lines_of(error))
    except BaseException as error:
        voice.exception(error, bootstrap.lines_of(error))
    else:
        path = getattr(package, "__path__", None)
        voice.say("package", "")
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    if path is not None:
        module.__path__ = path
    _promise_log_handler(module, emitter)
    sys.modules[name] = module


def _promise_log_handler(module, emitter):
    """Leaves :mod:`logging` to the interpreters that use it: the class is made when it is first asked for."""

    def find(name):
        if name == "LogHandler":
            # Of two threads that ask at a time, both get the same class.
            return vars(module).setdefault(name, make_log_handler(emitter))
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)

    module.__getattr__ = find
    module.__dir__ = lambda: sorted({*vars(module), "LogHandler"})


def _replace_streams(given, voice, emitter):
    _replace("stderr", lambda name: _stream(name, emitter), voice)
    if not given["replace_streams"]:
        return
    if given["restrict_stdout"]:
        _replace("stdout", lambda name: Restricted("sys.stdout"), voice)
    else:
        _replace("stdout", lambda name: _stream(name, emitter), voice)
    if given["restrict_stdin"]:
        _replace("stdin", lambda name: Restricted("sys.stdin"), voice)


def _replace(name, make, voice):
    try:
        setattr(sys, name, make(f"<{name}>"))
    except Exception as error:
        voice.say("stream", name)
        voice.exception(error, bootstrap.lines_of(error))


def _stream(name, emitter):
    return bootstrap.text_stream(Log(name, emitter))


def _intercept_signals(voice, emitter):
    try:
        import signal

        signal.signal = SignalIntercept(signal.signal, emitter)
    except Exception as error:
        voice.say("signal", "")
        voice.exception(error, bootstrap.lines_of(error))


def _correct_environment(given):
    user = given["user"]
    if user is not None:
        for name in ("USER", "USERNAME", "LOGNAME"):
            if name in os.environ:
                os.environ[name] = user[0]
        os.environ["HOME"] = user[1]
    if given["python_eggs"] is not None:
        os.environ["PYTHON_EGG_CACHE"] = given["python_eggs"]


def _add_to_path(folders, voice):
    """Adds folders as ``site`` does, so that their ``.pth`` files count, and moves what appeared to the front."""
    if not folders:
        return
    try:
        import site
    except Exception as error:
        voice.say("site", "")
        voice.exception(error, bootstrap.lines_of(error))
        return
    if not hasattr(site, "addsitedir"):
        voice.say("addsitedir", "")
        return
    if not hasattr(sys, "path"):
        voice.say("path", "")
        return
    before = list(sys.path)
    for folder in folders:
        voice.say("adding", folder)
        try:
            site.addsitedir(folder)
        except Exception as error:
            voice.say("folder", folder)
            voice.exception(error, bootstrap.lines_of(error))
            break
    appeared = [entry for entry in sys.path if entry not in before]
    sys.path[:] = appeared + [entry for entry in sys.path if entry in before]


def _fill_module(given):
    module = sys.modules["mod_wsgi"]
    module.FileWrapper = bootstrap.FileWrapper
    module.RequestTimeout = bootstrap.RequestTimeout
    for name, value in given["module"].items():
        setattr(module, name, value)


def _make_apache_module(given, voice):
    module = None
    if given["import_apache"]:
        module = _import_apache(voice)
    if module is None:
        module = sys.modules["apache"] = types.ModuleType("apache")
    for name, value in given["apache"].items():
        setattr(module, name, value)


def _import_apache(voice):
    try:
        import apache
    except ModuleNotFoundError as error:
        if error.name != "apache":
            voice.exception(error, bootstrap.lines_of(error))
    except BaseException as error:
        voice.exception(error, bootstrap.lines_of(error))
    else:
        voice.say("apache", "")
        return apache
    return None


def exit_on_sigterm():
    """For service scripts, which run on the main thread: the way to end one is ``SystemExit``."""
    import signal

    def leave(signalnum, frame):
        raise SystemExit

    signal.signal(signal.SIGTERM, leave)
