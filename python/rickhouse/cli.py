"""The way from Python into the engine, which takes the process over and never returns.

The engine gets one list: how to start this interpreter again, ``--``, and the command as the shell gave it.
"""

import sys

#: Short options of ``python`` that take a value, either attached or as the next argument.
_WITH_VALUE = "WX"
#: What ends the options: ``-c`` and ``-m`` take the rest of the command line for the program.
_PROGRAM = "cm"


def interpreter_command(executable, orig_argv):
    """How to start the same interpreter again: its path and its own options, without the program it runs.

    ``orig_argv`` is ``sys.orig_argv``: what the kernel gave, before CPython took its options off.
    """
    command = [executable]
    arguments = iter(orig_argv[1:])
    for argument in arguments:
        if not argument.startswith("-") or argument in ("-", "--"):
            break
        if argument.startswith("--"):
            command.append(argument)
            if argument == "--check-hash-based-pycs":
                command.append(next(arguments))
            continue
        # A cluster such as -IBm: the flags before the one that names the program are options.
        for position, flag in enumerate(argument[1:], 1):
            if flag in _PROGRAM:
                if position > 1:
                    command.append(argument[:position])
                return command
            if flag in _WITH_VALUE:
                command.append(argument)
                if position == len(argument) - 1:
                    command.append(next(arguments))
                break
        else:
            command.append(argument)
    return command


def main():
    """The command ``rickhouse``."""
    from rickhouse import _engine

    _engine.main([*interpreter_command(sys.executable, sys.orig_argv), "--", "rickhouse", *sys.argv[1:]])


def worker():
    """A worker process, started by the supervisor with ``python -c``."""
    from rickhouse import _engine

    arguments = sys.argv[1:]
    # The application finds the arguments of a program without any; they were never meant for it.
    sys.argv[:] = ["rickhouse"]
    # With -c, Python searches the current directory first; the application's path is the engine's to set.
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    _engine.main([sys.executable, "--", "rickhouse", *arguments])
