"""Minutes of parallel load on the Django example over interpreters with a GIL each: no crash, no
wrong answer, no leaked descriptor."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import command
from harness.browser import Browser
from harness.wait import until
from test_django import EXAMPLE, log_in, prepare

SECONDS = float(os.environ.get("RICKHOUSE_SOAK_SECONDS", "0"))
CLIENTS = 6

MODES = [mode for mode in command.gil_modes() if mode in (command.OWN, command.OFF)]


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_django_under_parallel_load(serve, tmp_path, mode):
    server = serve(
        "demo.wsgi:application", "--threads", "2", "--pythonpath", str(EXAMPLE),
        cwd=EXAMPLE, mode=mode, env=prepare(tmp_path),
    )  # fmt: skip
    server.log.allow("Not Found")
    workers, pid = server.workers(), server.pid
    end = time.monotonic() + SECONDS
    requests = [0] * CLIENTS

    def client(number):
        browser = Browser(server.addresses[0])
        log_in(browser)
        turn = 0
        while time.monotonic() < end:
            turn += 1
            page = browser.get("/")
            assert page.status == 200 and "Oloroso" in page.text
            assert browser.get("/casks.csv").text.startswith("name,litres,filled")
            assert browser.get("/admin/").status == 200
            assert browser.get("/nothing/").status == 404
            if turn % 10 == 1:
                add_a_cask(browser, f"Cask {number}-{turn}", os.urandom(20_000))
            requests[number] += 4
        browser.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client, number) for number in range(CLIENTS)]:
            done.result()
    assert all(count > 0 for count in requests), requests
    assert server.workers() == workers and server.pid == pid, "a worker was replaced"
    until(lambda: server.descriptors() < 200, "descriptors to be closed")


def add_a_cask(browser, name, content):
    token = browser.csrf_token("/casks/new/")
    fields = {"csrfmiddlewaretoken": token, "name": name, "litres": "9", "filled": "2001-01-01"}
    page = browser.upload("/casks/new/", fields, ("label", "label.bin", content))
    assert page.status == 200 and name in page.text
    path = re.search(r'href="(/casks/\d+/label/)"', page.text)[1]
    assert browser.get(path).body == content
