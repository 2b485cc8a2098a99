"""Interpreters, their options and what they share (DD 3, 9; rows 59 to 64, 66)."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import httpd_config as config
from harness import httpd_install as install
from inline_client import MIXED, run, target

OPTIONS = "<WSGIInterpreterOptions {}>\n{}\n</WSGIInterpreterOptions>"


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        ("word", "<WSGIInterpreterOptions>: argument 'word' is not of the form key=value"),
        ("name=x", "<WSGIInterpreterOptions>: unknown selector 'name', expected process-group or application-group"),
        ("process-group=a process-group=b", "<WSGIInterpreterOptions>: process-group given more than once"),
        ("application-group=a Application-Group=b", "<WSGIInterpreterOptions>: application-group given more than once"),
    ],
)
def test_the_opening_line(syntax, opening, message):
    assert message in syntax(OPTIONS.format(opening, ""))


def test_the_opening_line_is_closed(syntax):
    text = "<WSGIInterpreterOptions process-group=a\n</WSGIInterpreterOptions>"
    assert "<WSGIInterpreterOptions> directive missing closing '>'" in syntax(text)


def test_it_stands_in_the_main_server_only(syntax):
    text = "<VirtualHost *:9>\n" + OPTIONS.format("", "") + "\n</VirtualHost>"
    assert "cannot occur within <VirtualHost> section" in syntax(text)


@pytest.mark.parametrize(
    "line",
    ["WSGIPerInterpreterGIL Off", "WSGIFreeThreading Off", "WSGISwitchInterval 0.01", "WSGIPythonPath /x",
     "WSGIRestrictStdin On", "WSGIRestrictStdout On", "WSGIRestrictSignal Off",
     "<IfModule wsgi_module>\nWSGIRestrictStdin On\n</IfModule>", "<IfDefine !NO>\nWSGIPythonPath /x\n</IfDefine>"],
)  # fmt: skip
def test_what_may_stand_inside(syntax, line):
    assert "Syntax OK" in syntax(OPTIONS.format("process-group=%{GLOBAL} application-group=%{GLOBAL}", line))
    assert "Syntax OK" in syntax(OPTIONS.format("", line))


@pytest.mark.differs("row 62: it takes effect as if it stood outside")
@pytest.mark.parametrize(
    "line", ["WSGIPythonOptimize 1", "WSGIProcessGroup g", "WSGIPythonHome /usr", "WSGIScriptAlias /x /y", "WSGIDaemonProcess g",
             "WSGIDestroyInterpreter Off"],
)  # fmt: skip
def test_row_62_nothing_else_may(syntax, line):
    said = syntax(OPTIONS.format("process-group=g", line))
    assert "Syntax OK" not in said and "WSGIInterpreterOptions" in said and line.split()[0] in said


def test_a_gil_for_the_free_threading_of_one_interpreter(syntax):
    said = syntax(OPTIONS.format("application-group=a", "WSGIFreeThreading On"))
    assert "WSGI0201: " in said and "Syntax OK" in said


PATHS = """
WSGIPythonPath "${FOLDER}/base"
WSGIDaemonProcess site python-path="${FOLDER}/base" home="${FOLDER}/scripts"
WSGIDaemonProcess other python-path="${FOLDER}/base"
<WSGIInterpreterOptions process-group=site application-group=x>
WSGIPythonPath "${FOLDER}/both"
</WSGIInterpreterOptions>
<WSGIInterpreterOptions>
WSGIPythonPath "${FOLDER}/all"
</WSGIInterpreterOptions>
<WSGIInterpreterOptions application-group=x>
WSGIPythonPath "${FOLDER}/application"
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=site>
WSGIPythonPath "${FOLDER}/process"
</WSGIInterpreterOptions>
WSGIScriptAlias /site-x "${FOLDER}/scripts/path.py" process-group=site application-group=x
WSGIScriptAlias /site "${FOLDER}/scripts/path.py" process-group=site application-group=%{GLOBAL}
WSGIScriptAlias /other-x "${FOLDER}/scripts/path.py" process-group=other application-group=x
WSGIScriptAlias /x "${FOLDER}/scripts/path.py" process-group=%{GLOBAL} application-group=x
"""
SHOW_PATH = """
import json, sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(sys.path).encode()]
"""


def test_row_63_the_most_specific_path_comes_first(httpd):
    server = httpd(PATHS, scripts={"path.py": SHOW_PATH})

    def names(path):
        found = json.loads(server.get(path).text)
        mine = [each for each in found if each.startswith(str(server.folder))]
        assert found[: len(mine)] == mine
        return [each.rpartition("/")[2] for each in mine]

    for name in ("base", "all", "both", "application", "process"):
        assert not (server.folder / name).exists(), "a folder that does not exist is added all the same"
    assert names("/site-x") == ["scripts", "both", "process", "application", "all", "base"]
    assert names("/site") == ["scripts", "process", "all", "base"]
    assert names("/other-x") == names("/x") == ["application", "all", "base"]


RESTRICTED = """
WSGIRestrictStdin On
WSGIDaemonProcess site
<WSGIInterpreterOptions application-group=free>
WSGIRestrictStdin Off
WSGIRestrictSignal Off
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=site application-group=free>
WSGIRestrictStdout On
</WSGIInterpreterOptions>
WSGIScriptAlias /embedded/main "${FOLDER}/scripts/streams.py" process-group=%{GLOBAL} application-group=%{GLOBAL}
WSGIScriptAlias /embedded/free "${FOLDER}/scripts/streams.py" process-group=%{GLOBAL} application-group=free
WSGIScriptAlias /daemon/main "${FOLDER}/scripts/streams.py" process-group=site application-group=%{GLOBAL}
WSGIScriptAlias /daemon/free "${FOLDER}/scripts/streams.py" process-group=site application-group=free
"""
STREAMS = """
import json, signal, sys
def kind(value):
    return type(value).__module__ + "." + type(value).__name__
def application(environ, start_response):
    said = [kind(sys.stdin), kind(sys.stdout), kind(sys.stderr), kind(signal.signal)]
    for name in ("stdin", "stdout"):
        try:
            getattr(sys, name).fileno
            said.append("")
        except OSError as error:
            said.append(str(error))
        except Exception as error:
            said.append("")
    start_response("200 OK", [])
    return [json.dumps(said).encode()]
"""


def test_restricted_streams(httpd):
    server = httpd(RESTRICTED, scripts={"streams.py": STREAMS})
    stdin, stdout = (f"sys.{name} access restricted by mod_wsgi" for name in ("stdin", "stdout"))
    text, restricted, intercept = "_io.TextIOWrapper", "mod_wsgi.Restricted", "mod_wsgi.SignalIntercept"
    for place in ("embedded", "daemon"):
        told = json.loads(server.get(f"/{place}/main").text)
        assert told == [restricted, text, text, intercept, stdin, ""]
    told = json.loads(server.get("/embedded/free").text)
    assert told[:3] == [text, text, text] and told[3] == "builtins.function"
    told = json.loads(server.get("/daemon/free").text)
    assert told[1] == restricted and told[5] == stdout and told[2] == text


def test_row_59_signal_handlers_are_not_registered(site, deployment):
    body = """
        import signal
        handler = lambda *_: None
        before = signal.getsignal(signal.SIGALRM)
        returned = signal.signal(signal.SIGALRM, handler)
        return report(start_response, [returned is handler, signal.getsignal(signal.SIGALRM) is before])
    """
    assert json.loads(run(site, deployment, body).text) == [True, True]
    site.log.wait_for(r"Ignoring Python signal handler registration for signal 14 in WSGI process")


def test_row_66_request_timeout_is_a_class_of_each_interpreter(site):
    body = "import mod_wsgi\nreturn text(start_response, f'{id(mod_wsgi.RequestTimeout)} {mod_wsgi.RequestTimeout.__mro__}')"
    for daemon in (False, True):
        told = [run(site, each, body).text for each in config.deployments() if each.daemon == daemon]
        assert all("BaseException" in text and "<class 'Exception'>" not in text for text in told)
        if daemon:
            assert len({text.split()[0] for text in told}) >= 2


@pytest.mark.oracle_skip(MIXED)
def test_every_application_group_is_an_interpreter_of_its_own(site):
    body = "import sys\nreturn text(start_response, str(id(sys)))"
    for daemon in (False, True):
        places = [each for each in config.deployments() if each.daemon == daemon]
        with site.connect() as connection:
            seen = [[connection.get(target(each, body)).text for each in places] for _ in range(10)]
        assert len({tuple(each) for each in seen}) == 1 or not daemon
        groups = {each.application_group for each in places}
        for each in seen:
            assert len(set(each)) == len(groups)


MODULE = """
import mod_wsgi
return report(start_response, [
    mod_wsgi.process_group, mod_wsgi.application_group, mod_wsgi.maximum_processes, mod_wsgi.threads_per_process,
    list(mod_wsgi.version)])"""


@pytest.mark.oracle_skip(MIXED)
def test_attributes_of_the_python_module(site, deployment):
    told = json.loads(run(site, deployment, MODULE).text)
    assert told[:2] == [deployment.process_group, deployment.application_group]
    assert told[2] in ((1,) if deployment.daemon else (1, 2)) and told[3] == (6 if deployment.daemon else 16)
    assert told[4][0] == 6


SEEDS = 'WSGIPythonHashSeed {}\nWSGIDaemonProcess a\nWSGIDaemonProcess b\nWSGIApplicationGroup %{{GLOBAL}}\n' + "".join(
    f'WSGIScriptAlias /{name} "${{{{FOLDER}}}}/scripts/seed.py" process-group={group}\n'
    for name, group in (("a", "a"), ("b", "b"), ("e", "%{{GLOBAL}}"))
)
SEED = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [str(hash('x')).encode()]\n"


def hashes(httpd, value):
    server = httpd(SEEDS.format(value), scripts={"seed.py": SEED})
    return {server.get(path).text for path in ("/a", "/b", "/e")}


def test_a_fixed_hash_seed(httpd):
    assert len(hashes(httpd, 7)) == 1


@pytest.mark.differs("row 60: it is the seed 0")
def test_row_60_a_random_hash_seed_is_random(httpd):
    assert len(hashes(httpd, "random")) == 3


INTERVALS = """
WSGISwitchInterval 0.002
WSGIDaemonProcess site switch-interval=0.003
WSGIScriptAlias /embedded "${FOLDER}/scripts/interval.py" process-group=%{GLOBAL} application-group=%{GLOBAL}
WSGIScriptAlias /daemon "${FOLDER}/scripts/interval.py" process-group=site application-group=%{GLOBAL}
WSGIScriptAlias /sub "${FOLDER}/scripts/interval.py" process-group=site
<Location /sub>
WSGIApplicationGroup sub
</Location>
"""
INTERVAL = """
import sys
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(sys.getswitchinterval()).encode()]
"""
has_gil = pytest.mark.skipif(install.FREE_THREADED, reason="without a GIL there is nothing to switch")


@has_gil
def test_switch_intervals(httpd):
    server = httpd(INTERVALS, scripts={"interval.py": INTERVAL})
    assert (server.get("/embedded").text, server.get("/daemon").text) == ("0.002", "0.003")
    for words in ("set to 0.002000s in embedded mode.", "set to 0.003000s in daemon process 'site'."):
        assert server.log.search(f"Python GIL switch interval {words}")


@has_gil
def test_the_switch_interval_of_a_container_reaches_daemons(httpd):
    places = {"/main": "%{GLOBAL}", "/sub": "sub", "/own": "own"}
    text = """
WSGISwitchInterval 0.002
WSGIDaemonProcess site
<WSGIInterpreterOptions process-group=site>
WSGISwitchInterval 0.004
</WSGIInterpreterOptions>
<WSGIInterpreterOptions application-group=own>
WSGIPerInterpreterGIL On
WSGISwitchInterval 0.005
</WSGIInterpreterOptions>
""" + "".join(
        f'WSGIScriptAlias {path} "${{FOLDER}}/scripts/interval.py" process-group=site application-group={group}\n'
        for path, group in places.items()
    )
    server = httpd(text, scripts={"interval.py": INTERVAL})
    own = "0.005" if sys.version_info >= (3, 12) else "0.004"
    if sys.version_info < (3, 12):
        server.log.allow("WSGI")
    assert [server.get(path).text for path in (*places, "/main")] == ["0.004", "0.004", own, "0.004"]
    assert not server.log.search("Python GIL switch interval set to .* in daemon process"), "no option of the group"


@has_gil
@pytest.mark.differs("row 61: the top-level value replaces it")
def test_row_61_a_group_keeps_its_switch_interval(httpd):
    server = httpd(INTERVALS, scripts={"interval.py": INTERVAL})
    assert (server.get("/daemon").text, server.get("/sub").text, server.get("/daemon").text) == ("0.003",) * 3


@pytest.mark.differs("row 64: the second thread that enters an interpreter crashes the process")
@pytest.mark.oracle_skip("crashes")
def test_row_64_tracing_with_two_threads_in_an_interpreter(httpd):
    server = httpd(config.site(), level="trace1")
    for each in config.deployments():
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _, each=each: server.get(f"/{each}/hello.py").status, range(40))
        assert set(answers) == {200}


def test_own_gil_is_said_and_true(httpd):
    if not install.OWN_GIL:
        return
    server = httpd(config.site())
    for each in config.deployments():
        server.get(f"/{each}/hello.py")
    for place in ("embedded mode", "daemon process 'site'"):
        server.log.wait_for(rf"Creating sub-interpreter 'own' in {place} with own GIL\.")
        server.log.wait_for(rf"Creating sub-interpreter 'shared' in {place}\.")


EXIT = """
import atexit, mod_wsgi
atexit.register(print, "atexit of", repr(mod_wsgi.application_group), "of", repr(mod_wsgi.process_group))
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]
"""
EXITS = "WSGIDestroyInterpreter {}\nWSGIDaemonProcess site\n" + "".join(
    f'WSGIScriptAlias /{n} "${{{{FOLDER}}}}/scripts/exit.py" process-group={process} application-group={application}\n'
    for n, (process, application) in enumerate(
        [("site", "%{{GLOBAL}}"), ("site", "sub"), ("%{{GLOBAL}}", "%{{GLOBAL}}"), ("%{{GLOBAL}}", "sub")]
    )
)


@pytest.mark.parametrize("destroy", ["On", "Off"])
def test_exit_functions(httpd, destroy):
    server = httpd(EXITS.format(destroy), scripts={"exit.py": EXIT})
    for n in range(4):
        assert server.get(f"/{n}").status == 200
    server.stop()
    server.log.allow("atexit of")
    for process in ("site", ""):
        for application in ("", "sub"):
            found = server.log.search(f"atexit of {application!r} of {process!r}")
            assert bool(found) == (destroy == "On")
