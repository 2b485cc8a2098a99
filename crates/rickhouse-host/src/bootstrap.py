"""What rickhouse runs inside every interpreter that hosts an application.

The hot path is Rust; what is here is called once per interpreter, or once in a while. The module is not importable:
each interpreter gets a copy of its own, made from this source. It imports at the top what every interpreter has loaded
anyway; `traceback`, `signal` and `threading` would add a third to the memory of a small one, and are imported when used.
"""

import _thread
import importlib.machinery
import io
import os
import sys


class RequestTimeout(BaseException):
    """Raised inside a request that has run for longer than the request timeout."""

    __module__ = "mod_wsgi"


class FileWrapper:
    """``wsgi.file_wrapper`` (PEP 3333): iterates a file-like object in blocks; a regular file is sent by the kernel."""

    __module__ = "mod_wsgi"

    def __init__(self, filelike, blksize=8192):
        blksize = blksize.__index__()
        if blksize < 0:
            raise ValueError("blksize must not be negative")
        self._filelike = filelike
        self._blksize = blksize
        self._closed = False

    @property
    def filelike(self):
        self._check_open()
        return self._filelike

    @property
    def blksize(self):
        return self._blksize

    def __iter__(self):
        self._check_open()
        return self

    def __next__(self):
        self._check_open()
        block = self._filelike.read(self._blksize)
        if not isinstance(block, bytes):
            raise TypeError(f"file wrapper read() must return bytes, not {type(block).__name__}")
        if block:
            return block
        raise StopIteration

    def close(self):
        if self._closed:
            return
        filelike, self._filelike, self._closed = self._filelike, None, True
        close = getattr(filelike, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                pass

    def _check_open(self):
        if self._closed:
            raise ValueError("I/O operation on closed file")


def file_region(wrapper):
    """The ``(descriptor, offset, size)`` of a regular file that nothing was read of by other means, else ``None``."""
    filelike = wrapper._filelike
    try:
        descriptor = filelike.fileno()
        offset = filelike.tell()
        if not isinstance(offset, int) or not isinstance(descriptor, int):
            return None
        # A subclass can have arithmetic of its own.
        offset = int(offset)
        status = os.fstat(descriptor)
    except Exception:
        return None
    # Nothing is before a file's beginning, and what is counted from there would end beyond its end.
    if not 0 <= offset < 1 << 63:
        return None
    if status.st_mode & 0o170000 != 0o100000:
        return None
    return descriptor, offset, max(status.st_size - offset, 0)


class Log(io.RawIOBase):
    """The byte stream under ``wsgi.errors`` and the standard streams: every complete line is one log record."""

    __module__ = "mod_wsgi"

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name, emit):
        super().__init__()
        self._name = name
        self._emit = emit
        self._pending = b""
        #: It was written to or flushed. Reconfiguring the text stream above flushes, too: while this is false, that one
        #: is as it was made.
        self._used = False
        # For `_emit` and `_pending`. A finalizer may write while its thread is in here.
        self._lock = _thread.RLock()

    @property
    def name(self):
        return self._name

    def readable(self):
        return False

    def writable(self):
        return True

    def seekable(self):
        return False

    def isatty(self):
        return False

    def fileno(self):
        raise OSError("wsgi.errors log object has no file descriptor")

    def write(self, data):
        self._used = True
        self._emitter("write")
        if isinstance(data, str):
            _warn_of_text()
            data = data.encode(self.encoding, self.errors)
        data = bytes(memoryview(data))
        with self._lock:
            emit = self._emitter("write")
            *lines, self._pending = (self._pending + data).split(b"\n")
        # A log can block, and nobody else has to wait for it.
        for line in lines:
            emit(line)
        return len(data)

    def writelines(self, lines):
        self._emitter("writelines")
        try:
            lines = iter(lines)
        except TypeError:
            raise TypeError("writelines() argument must be an iterable of bytes-like objects") from None
        for line in lines:
            self.write(line)

    def flush(self):
        self._used = True
        with self._lock:
            if not self._pending:
                return
            emit = self._emitter("flush")
            line, self._pending = self._pending, b""
        emit(line)

    def _emitter(self, caller):
        emit = self._emit
        if emit is None:
            raise RuntimeError(f"{caller}() called on wsgi.errors after request completed")
        return emit

    def expire(self):
        """Ends the request the stream belongs to."""
        with self._lock:
            emit, self._emit = self._emit, None
            line, self._pending = self._pending, b""
        if line and emit is not None:
            emit(line)

    def close(self):
        # Closing the log is the server's business; an application that closes the stream only flushes it.
        if self._emit is not None:
            self.flush()


_warned_of_text = False


def _warn_of_text():
    global _warned_of_text
    if _warned_of_text:
        return
    _warned_of_text = True
    import warnings

    text = (
        "Writing str to wsgi.errors.buffer / sys.stderr.buffer is deprecated; write a bytes-like object instead."
    )
    warnings.warn(text, DeprecationWarning, stacklevel=3)


def text_log(name, emit):
    log = Log(name, emit)
    return text_stream(log), log


def text_stream(log):
    return io.TextIOWrapper(log, encoding="utf-8", errors="replace", line_buffering=True, write_through=True)


def end_log(stream, log):
    """Ends the request that a log and the text stream above it belong to."""
    try:
        # An application may have made it keep text back.
        io.TextIOWrapper.flush(stream)
    except Exception:
        # It was detached, or the application's own error handler has failed.
        pass
    log.expire()


def lines_of(error):
    """A formatted exception, line by line. How we got into the user's code is left out."""
    import traceback

    began = error.__traceback__
    while began is not None and began.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        began = began.tb_next
    text = "".join(traceback.format_exception(type(error), error, began))
    return text.rstrip("\n")


#: Files of frames between us and the module that is loaded.
_MACHINERY = ("<rickhouse>", "<frozen importlib", importlib.__file__)


def stack_of(ident):
    """Where the thread ``ident`` is, innermost call first; empty when it runs no Python."""
    import traceback

    frame = sys._current_frames().get(ident)
    if frame is None:
        return []
    return stack_lines(traceback.extract_stack(frame))


def stack_lines(summary):
    return [(entry.filename, entry.lineno or 0, entry.name, entry.line or "") for entry in reversed(summary)]


def prepare(paths, switch_interval, sub_interpreter, own_gil, emitter):
    """Makes the interpreter ready for the application: import path, switch interval, and refusals with a reason."""
    for path in reversed(paths):
        if path not in sys.path[:1]:
            sys.path.insert(0, path)
    if switch_interval is not None:
        sys.setswitchinterval(switch_interval)
    refuse_what_crashes(sub_interpreter, own_gil, emitter)
    _intercept_signals(sub_interpreter, emitter.signal)


def refuse_what_crashes(sub_interpreter, own_gil, emitter):
    """Turns what CPython would answer with a crash or a riddle into errors that say why."""
    if own_gil and sys.version_info[:2] == (3, 12):
        # The C accelerator refuses an own-GIL interpreter with AttributeError, which hides the Python version.
        sys.modules.setdefault("_zoneinfo", None)
    if sub_interpreter:
        _refuse_fork()
    if not _gil_enabled():
        _watch_for_gil_switch(emitter.gil_switched_on)


def _gil_enabled():
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _watch_for_gil_switch(log_gil_switch):
    """Free-threaded builds: an extension module that does not declare itself fit switches the GIL on for everybody.

    Which one it was can only be told at the moment it happens.
    """
    said = False

    def noting(original):
        def load(loader, subject):
            nonlocal said
            result = original(loader, subject)
            if not said and _gil_enabled():
                said = True
                log_gil_switch(loader.name)
            return result

        return load

    loader = importlib.machinery.ExtensionFileLoader
    for step in ("create_module", "exec_module"):
        setattr(loader, step, noting(getattr(loader, step)))


def _refuse_fork():
    def fork():
        raise RuntimeError(
            "os.fork() is not possible in a sub-interpreter: the child would crash. Start programs with subprocess, "
            "use the 'spawn' method of multiprocessing, or serve the application in the main interpreter"
        )

    for name in ("fork", "forkpty"):
        if hasattr(os, name):
            setattr(os, name, fork)


def _intercept_signals(sub_interpreter, log_signal):
    """The server owns the process's signals: a handler that an application sets is noted and not installed.

    What is replaced is the function under :func:`signal.signal`, in the built-in module: importing :mod:`signal` itself
    would bring :mod:`enum` into interpreters that have no use for it.
    """
    import _signal

    original = _signal.signal
    names = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGCHLD")
    owned = {int(getattr(_signal, name)) for name in names}

    def signal(signalnum, handler, /):
        if sub_interpreter or int(signalnum) in owned:
            log_signal(int(signalnum), [])
            return _signal.getsignal(signalnum)
        return original(signalnum, handler)

    signal.__doc__ = original.__doc__
    _signal.signal = signal


#: Extension modules of the standard library that must not be imported for their own sake.
_NOT_PREIMPORTED = ("_tkinter", "_curses", "_curses_panel", "readline", "nis", "ossaudiodev", "xxlimited", "xxsubtype")


def import_extension_modules():
    """Imports the standard library's extension modules into this interpreter, the main one.

    What they keep in static variables then lives in the main interpreter's heap. Without this, own-GIL interpreters
    of CPython 3.12 and 3.13 free each other's memory.
    """
    names = set(sys.builtin_module_names)
    folder = next((path for path in sys.path if path.endswith("lib-dynload")), None)
    if folder is not None:
        names.update(entry.name.split(".")[0] for entry in os.scandir(folder))
    for name in sorted(names):
        if name.startswith(("_test", "_xx", "xx")) or name in _NOT_PREIMPORTED:
            continue
        try:
            importlib.import_module(name)
        except Exception:
            pass


def compile_script(path):
    """The code object of a script file, which may have any name; no byte code is kept."""
    with open(path, "rb") as file:
        source = file.read()
    return compile(source, path, "exec", dont_inherit=True)


class LoadError(Exception):
    """The application could not be loaded; the text says why in the user's terms."""


def load(kind, name, attribute, call):
    """Imports the application and returns the WSGI callable."""
    module = _import_module(name) if kind == "module" else _load_file(name)
    if attribute:
        target, described = module, name
        for part in attribute.split("."):
            if not hasattr(target, part):
                raise LoadError(f"{described} has no attribute {part!r}")
            target, described = getattr(target, part), f"{described}{':' if target is module else '.'}{part}"
    else:
        attribute = next((known for known in ("application", "app") if hasattr(module, known)), None)
        if attribute is None:
            raise LoadError(f"{name} has neither 'application' nor 'app'; name the callable as {name}:NAME")
        target, described = getattr(module, attribute), f"{name}:{attribute}"
    if call:
        target = target()
        described += "()"
    if not callable(target):
        raise LoadError(f"{described} is not callable: {type(target).__name__}")
    return target


def _import_module(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the target itself, or a package above it; what its own code misses has a traceback worth showing.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        installed = (sys.prefix, sys.base_prefix)
        places = [path for path in sys.path if os.path.isdir(path) and not path.startswith(installed)]
        raise LoadError(
            f"there is no module named {error.name!r} in {', '.join(places)} nor among the packages of {sys.prefix}; "
            "--chdir and --pythonpath say where else to look"
        ) from None


def _load_file(path):
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise LoadError(f"there is no file {path}")
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = os.path.splitext(os.path.basename(path))[0]
    name = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in name)
    if name in sys.modules or not name.isidentifier():
        name = f"_wsgi_{name}"
    spec = spec_from_loader(name, SourceFileLoader(name, path))
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def loaded_files():
    """The source files of the modules this interpreter has imported."""
    files = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith((".py", ".wsgi")):
            files.append(file)
    return files


def run_exit_handlers():
    """What CPython does when an interpreter ends, as far as applications can see it."""
    import atexit

    failures = []
    for step in (_join_threads, atexit._run_exitfuncs, _flush_standard_streams):
        try:
            step()
        except BaseException as error:
            failures.append(lines_of(error))
    return "\n".join(failures)


def _join_threads():
    threading = sys.modules.get("threading")
    if threading is None:
        return
    # Up to 3.12 the thread that imported the module counts as the main one, and any other that shuts down waits for it to
    # end. Here it is a thread of the server, which does not.
    first = threading._main_thread
    lock = getattr(first, "_tstate_lock", None)
    if lock is not None and first.ident != threading.get_ident():
        with threading._shutdown_locks_lock:
            threading._shutdown_locks.discard(lock)
    threading._shutdown()


def _flush_standard_streams():
    for stream in (sys.stdout, sys.stderr):
        try:
            open_stream = stream is not None and not getattr(stream, "closed", False)
        except OSError:
            # It is a restricted one, which refuses to be looked at.
            continue
        if open_stream:
            stream.flush()
