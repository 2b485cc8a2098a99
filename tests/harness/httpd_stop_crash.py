"""A crash of the event MPM itself at a plain stop: told from crashes of the module, counted and limited.

`mod_mpm_event` keeps each worker's socket in `worker_sockets`. A worker hands the connection's pool back
(`ap_queue_info_push_pool`) before it clears its slot. When the child is told to stop in between, the listener destroys the
idle pools (`ap_queue_info_free_idle_pools`), and the main thread reads the socket that lay in one of them:
`child_main` > `signal_threads` > `close_worker_sockets` > `apr_os_sock_get`, SIGSEGV.

Seen with httpd 2.4.71 when SIGTERM followed four requests at once: in 2 of 412 stops with this module, both with that stack;
(two more crashes, in a run that recorded neither stacks nor its number of stops, are counted nowhere here);
in none of 238 with static files and of 171 with mod_wsgi 6.1.1, which is too few to say that their rate differs. With a
delay of 0.2 s after a worker's push and 0.06 s before the main thread closes the sockets, it happened in 1 of 2 stops of an
httpd without a wsgi module, with the same stack and the listener inside of `ap_queue_info_free_idle_pools`.

The log does not tell this from a crash of the module's exit handlers. So it is accepted under event only, after a stop began
only, as SIGSEGV only, and not more than twice in a process that runs tests; worker and prefork stop without any allowance.
"""

from __future__ import annotations

import re
import warnings

from .httpd_log import HttpdLog

_CRASH = re.compile(r"AH00052: child pid \d+ exit signal Segmentation fault \(11\)$")
_LIMIT = 2
_seen = 0


class StopCrash(UserWarning):
    """One crash that was accepted; pytest's summary counts and shows them."""


def excuse(log: HttpdLog, mpm: str, since: int) -> None:
    """Explains such a crash among the records written from `since`, where the stop began."""
    global _seen
    if mpm != "event":
        return
    for record in log.records(_CRASH.pattern, since):
        _seen += 1
        if _seen <= _LIMIT:
            log.allow(re.escape(record.text))
            warnings.warn(f"event MPM crashed at its stop ({_seen} of {_LIMIT} accepted): {record.text}", StopCrash)
