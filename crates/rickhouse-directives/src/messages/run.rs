//! What goes wrong while daemons run and stop (DD §12.2).

use crate::messages::messages;

messages! {
    16 Critical thread_wait_failed(thread) "Wait on thread {thread} wakeup condition variable failed." => "Not written: threads wait for connections only.";
    17 Critical accept_mutex_failed(socket) "Unable to acquire accept mutex '{socket}'." => "Not written: daemons need no lock.";
    18 Critical accept_failed(socket) "Unable to poll daemon socket for '{socket}'." => "The daemon cannot take connections any more; it stops and is replaced.";
    19 Critical accept_mutex_release_failed(socket) "Unable to release accept mutex '{socket}'." => "Not written: daemons need no lock.";
    20 Alert thread_condition_failed(thread) "Unable to create worker thread {thread} condition variable." => "Not written: see 0016.";
    21 Alert thread_mutex_failed(thread) "Unable to create worker thread {thread} mutex." => "Not written: see 0016.";
    22 Alert thread_failed(thread) "Unable to create worker thread {thread} in daemon process." => "The system allows no further thread. The daemon waits, ends and is started again.";
    23 Alert signal_pipe_read_failed() "Read failed on signal pipe." => "The daemon stops and is replaced.";
    33 Alert origin_missing() "Request origin could not be validated; missing magic token." => "Somebody who is not httpd has connected to the daemon. The connection is dropped.";
    34 Alert origin_mismatch() "Request origin could not be validated; magic token mismatch." => "As 0033, or a child of another httpd on the same socket.";
    67 Warning frames_unavailable(interpreter) "Unable to obtain current frames for active threads of {interpreter}." => "There is no dump of stacks.";
    68 Error monitor_failed() "Unable to create monitor thread." => "Not written: the thread that waits for the end keeps the time.";
    69 Error deadlock_thread_failed() "Unable to create deadlock-detection thread." => "Not written: the thread that waits for the end looks for deadlocks, too.";
    70 Warning reaper_failed() "Unable to create reaper thread." => "Nothing ends a shutdown that takes too long.";
    71 Warning join_failed(thread) "Unable to join with worker thread {thread}." => "The shutdown goes on without it.";
    80 Error request_read_failed() "Unable to read incoming WSGI request from Apache child." => "The request is malformed or cut. The connection is dropped.";
    81 Error script_outside_chroot(script, folder) "WSGI script '{script}' is not located within chroot directory '{folder}'." => "The connection is dropped.";
    82 Warning handler_script_stat_failed(script) "Unable to stat target handler script '{script}'." => "Not written: 0105 tells of a script that is not there.";
    83 Warning script_stat_failed(script) "Unable to stat target WSGI script '{script}'." => "Not written: 0105 tells of a script that is not there.";
    84 Error queue_timeout(group) "Queue timeout expired for WSGI daemon process '{group}'." => "The request was received longer ago than `queue-timeout`. 504.";
    207 Error dispatcher_failed() "Unable to create signal dispatcher thread." => "SIGHUP and SIGUSR2 do not reach the application.";
    208 Alert event_pipe_read_failed() "Read failed on signal event pipe." => "SIGHUP and SIGUSR2 do not reach the application any more.";
    209 Error signal_event_failed(interpreter) "Unable to publish 'process_signal' event for {interpreter}." => "Not written.";
}
