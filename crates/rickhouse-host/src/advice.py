"""What to do about an extension module that a sub-interpreter cannot have. Made when an application has failed to load."""

_REFUSALS = (
    "does not support loading in subinterpreters",
    "do not yet support subinterpreters",
    "can only be loaded into one interpreter per process",
    "cannot load module more than once per process",
)


def explain_load_failure(error, own_gil):
    """Advice for an extension module that refused this interpreter: ``(module, import line, advice)``, or ``None``."""
    refusal = error
    seen = set()
    while refusal is not None and id(refusal) not in seen:
        seen.add(id(refusal))
        if isinstance(refusal, ImportError) and any(text in str(refusal) for text in _REFUSALS):
            break
        refusal = refusal.__cause__ or refusal.__context__
    else:
        return None
    if refusal is None:
        return None
    module = getattr(refusal, "name", None) or _module_of(str(refusal))
    where = _user_line(error) or _user_line(refusal)
    if own_gil:
        advice = (
            "serve with --gil shared (or without --interpreters, in the main interpreter, which has no import limits) "
            "and use --workers for parallelism; or replace the module by a pure-Python one"
        )
    else:
        advice = (
            "it can be loaded by one interpreter of a process only: serve without --interpreters, in the main "
            "interpreter, and use --workers for parallelism"
        )
    return module or "an extension module", where or "", advice


def _module_of(text):
    words = text.split()
    return words[words.index("module") + 1] if "module" in words[:-1] else None


def _user_line(error):
    """The last line of the user's own code on the way to the failed import, as ``file:line: source``."""
    import sysconfig
    import traceback

    paths = sysconfig.get_paths()
    foreign = ("<", *(paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")))
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(foreign) or "site-packages" in frame.filename:
            continue
        found = f"{frame.filename}:{frame.lineno}: {frame.line}"
    return found
