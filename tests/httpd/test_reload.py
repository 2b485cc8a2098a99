"""Loading and reloading scripts (DD 5.12, 5.13; rows 54 to 58, 90)."""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

COUNTER = """
import os
loads = "{word}"
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{{loads}} {{id(application)}} {{os.getpid()}}".encode()]
"""

HOOK = COUNTER.format(word="hook") + """
def reload_required(resource):
    answer = open(__file__ + ".answer").read()
    if answer == "raise":
        raise RuntimeError("reload_required on purpose")
    return answer == "yes"
"""

FORGETS = """
import os, sys
def application(environ, start_response):
    start_response("200 OK", [])
    sys.modules[__name__].__dict__.pop("__mtime__", None)
    return [f"{id(application)} {os.getpid()}".encode()]
"""

CONFIG = """
WSGIDaemonProcess site processes=2 threads=3
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /embedded/ "${{FOLDER}}/scripts/"
WSGIScriptAlias /daemon/ "${{FOLDER}}/scripts/"
WSGIScriptAlias /frozen/ "${{FOLDER}}/scripts/"
<Location /daemon>
WSGIProcessGroup site
</Location>
<Location /frozen>
WSGIScriptReloading Off
</Location>
"""


@pytest.fixture
def server(httpd):
    scripts = {"counter.py": COUNTER.format(word="one"), "hook.py": HOOK, "forgets.py": FORGETS,
               "hook.py.answer": "no", "broken.py": "import nothing_of_this_name\n", "exits.py": "raise SystemExit(1)\n",
               "syntax.py": "def application(:\n"}  # fmt: skip
    server = httpd(CONFIG.format(), scripts=scripts)
    return server


def instances(server, path, count=1):
    """What the script said, once for each process that had to answer."""
    return {server.get(path).text for _ in range(count)}


@pytest.mark.parametrize("seconds", [-1000, 1000], ids=["older", "newer"])
def test_row_54_any_other_time_reloads_embedded(server, seconds):
    with server.connect() as connection:
        before = [connection.get("/embedded/counter.py").text for _ in range(3)]
        assert len(set(before)) == 1
        script = server.script("counter.py")
        script.write_text(COUNTER.format(word="two"))
        moment = time.time() + seconds
        os.utime(script, (moment, moment))
        after = {connection.get("/embedded/counter.py").text for _ in range(3)}
        assert len(after) == 1 and after.pop().startswith("two ")
    server.log.wait_for(rf"Loading WSGI script '{script}' into main interpreter in embedded mode\.")
    server.log.wait_for(rf"Reloading WSGI script '{script}' into main interpreter in embedded mode\.")


@pytest.mark.parametrize("seconds", [-1000, 1000], ids=["older", "newer"])
def test_row_54_any_other_time_restarts_a_daemon(server, seconds):
    old = server.wait_daemons("site", 2)
    assert instances(server, "/daemon/counter.py", 20)
    script = server.script("counter.py")
    script.write_text(COUNTER.format(word="two"))
    moment = time.time() + seconds
    os.utime(script, (moment, moment))
    assert all(text.startswith("two ") for text in instances(server, "/daemon/counter.py", 20))
    server.log.wait_for(rf"Forcing restart of daemon process 'site' due to modification of script '{script}'\.")
    assert server.wait_daemons("site", 1, besides=tuple(old))


def test_row_90_the_client_does_not_notice(server):
    """Every old process of the group is found and restarted behind one request."""
    instances(server, "/daemon/counter.py", 30)
    server.script("counter.py").write_text(COUNTER.format(word="two"))
    response = server.get("/daemon/counter.py")
    assert response.status == 200 and response.text.startswith("two ")
    server.log.wait_for(r"Reconnecting after WSGI daemon process 'site' restart, attempt #1\.")


MANY = """
WSGIPerInterpreterGIL On
WSGIDaemonProcess site processes=2 threads=12
WSGIApplicationGroup other
WSGIScriptAlias / "${FOLDER}/scripts/counter.py"
WSGIProcessGroup site
"""


def test_row_90_no_client_notices_however_many_threads_wait(httpd):
    """A process rejects a request once, although each of its threads may wait for one. Five rejections are too many."""
    server = httpd(MANY, scripts={"counter.py": COUNTER.format(word="0")})
    with ThreadPoolExecutor(12) as pool:
        for change in range(1, 6):
            assert all(response.status == 200 for response in pool.map(server.get, ["/"] * 36))
            script = server.script("counter.py")
            # Read while it is half written, it would be loaded as that.
            other = script.with_suffix(".next")
            other.write_text(COUNTER.format(word=change))
            os.utime(other, (change, change))
            other.rename(script)
            answers = list(pool.map(server.get, ["/"] * 36))
            assert {(answer.status, answer.text.split()[0]) for answer in answers} == {(200, str(change))}


def test_reloading_off(server):
    first = instances(server, "/frozen/counter.py", 3)
    server.script("counter.py").write_text(COUNTER.format(word="two"))
    assert {text.split()[0] for text in first | instances(server, "/frozen/counter.py", 3)} == {"one"}


@pytest.mark.parametrize("place", ["embedded", "daemon"])
def test_reload_required(server, place):
    path, answer = f"/{place}/hook.py", server.script("hook.py.answer")
    with server.connect() as connection:
        before = {connection.get(path).text for _ in range(4)}
        answer.write_text("yes")
        again = connection.get(path).text
        answer.write_text("no")
        assert again not in before or place == "daemon"


@pytest.mark.parametrize("place", ["embedded", "daemon"])
def test_row_55_reload_required_that_raises(server, place):
    path = f"/{place}/hook.py"
    server.script("hook.py.answer").write_text("raise")
    server.log.expect_exception("RuntimeError: reload_required on purpose")
    with server.connect() as connection:
        # Each of the two daemon processes loads the script once; whoever comes third is asked.
        texts = [connection.get(path).text for _ in range(3)]
    assert texts[0].startswith("hook ") and server.log.count("Reloading|Forcing restart") == 0


def test_row_56_a_module_without_its_time_reloads_embedded(server):
    with server.connect() as connection:
        texts = [connection.get("/embedded/forgets.py").text for _ in range(3)]
    assert len({text.split()[1] for text in texts}) == 1
    server.log.wait_for("Reloading WSGI script", count=2)


def test_row_56_a_module_without_its_time_restarts_a_daemon(server):
    pids = {server.get("/daemon/forgets.py").text.split()[1] for _ in range(4)}
    assert len(pids) >= 2
    server.log.wait_for("Forcing restart of daemon process 'site'", count=1)


@pytest.mark.parametrize("place", ["embedded", "daemon"])
def test_row_58_a_failed_import_is_tried_again(server, place):
    server.log.expect_exception("ModuleNotFoundError: No module named 'nothing_of_this_name'")
    server.log.expect_code(109, "Unable to execute Python script file")
    assert [server.get(f"/{place}/broken.py").status for _ in range(3)] == [500] * 3
    server.log.wait_for("WSGI0109: ", count=3)
    server.script("broken.py").write_text(COUNTER.format(word="mended"))
    assert server.get(f"/{place}/broken.py").text.startswith("mended ")


@pytest.mark.parametrize(
    ("name", "code", "header", "last"),
    [("exits.py", 107, 175, "SystemExit: 1"), ("syntax.py", 105, 174, "SyntaxError: .*")],
)
@pytest.mark.parametrize("place", ["embedded", "daemon"])
def test_a_script_that_does_not_load(server, place, name, code, header, last):
    server.log.expect_code(code)
    server.log.expect_exception(last, code=header)
    server.log.allow(r"  File .*syntax\.py|def application|\] +\^")
    assert server.get(f"/{place}/{name}").status == 500
    assert server.get(f"/{place}/counter.py").status == 200


def test_what_a_module_is_called(httpd):
    script = """
        def application(environ, start_response):
            import sys
            start_response("200 OK", [])
            module = sys.modules[__name__]
            return [f"{__name__} {__file__} {module.__mtime__} {type(module.__mtime__).__name__}".encode()]
    """
    server = httpd('WSGIScriptAlias / "${FOLDER}/scripts/names.py"', scripts={"names.py": script})
    path = server.script("names.py")
    digest = hashlib.md5(str(path).encode()).hexdigest()
    stamp = path.stat().st_mtime_ns // 1000
    assert server.get("/").text == f"_mod_wsgi_{digest} {path} {stamp} int"


IMPORTS = """
WSGIDaemonProcess site
WSGIDaemonProcess other
WSGIImportScript "${FOLDER}/scripts/announces.py" process-group=site application-group=imported
WSGIImportScript "${FOLDER}/scripts/announces.py" process-group=%{GLOBAL} application-group=%{GLOBAL}
WSGIImportScript "${FOLDER}/scripts/fails.py" process-group=other application-group=%{GLOBAL}
WSGIScriptAlias /a "${FOLDER}/scripts/announces.py" process-group=other application-group=preloaded
WSGIScriptAliasMatch ^/b "${FOLDER}/scripts/announces.py" process-group=other application-group=by-match
WSGIScriptAlias /c "${FOLDER}/scripts/announces.py" process-group=other application-group=%{SERVER}
"""
ANNOUNCES = """
import mod_wsgi
print("imported into %r of %r" % (mod_wsgi.application_group, mod_wsgi.process_group))
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]
"""


def test_import_scripts_run_before_the_first_request(httpd):
    server = httpd(IMPORTS, scripts={"announces.py": ANNOUNCES, "fails.py": "1 / 0\n"})
    for application, process in (("imported", "site"), ("", ""), ("preloaded", "other"), ("by-match", "other")):
        server.log.expect(f"imported into {application!r} of {process!r}")
        server.log.wait_for(f"imported into {application!r} of {process!r}")
    server.log.expect_code(110, "Unable to execute Python script file")
    server.log.expect_exception("ZeroDivisionError: .*division.*")
    assert server.get("/a").status == 200
    assert not server.log.search("imported into 'localhost")
    server.log.expect("imported into 'localhost")
    assert server.get("/c").status == 200
    header = server.log.records("WSGI0174: ")[0].text
    assert header.endswith("for main interpreter of daemon process 'other'.")
