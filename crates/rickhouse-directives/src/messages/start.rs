//! What goes wrong when processes are started (DD §12.1).

use crate::messages::messages;

messages! {
    1 Critical child_python_failed() "Python initialisation failed in Apache child process." => "Python did not start in a child, which serves only what needs no Python.";
    2 Critical child_interpreter_failed() "Python child initialisation failed in Apache child process." => "Python started in a child, its main interpreter could not be set up.";
    3 Alert chroot_failed(folder) "Unable to change root directory to '{folder}'." => "`chroot` of a group is not possible. The daemon waits, ends and is started again.";
    4 Alert setgid_failed(gid) "Unable to set group id to gid={gid}." => "The daemon may not change its group. As 0003.";
    5 Alert setgroups_failed(user, groups) "Unable to set supplementary groups for uname={user} of '{groups}'." => "`supplementary-groups` is not possible. As 0003.";
    6 Alert initgroups_failed(user, gid) "Unable to initialise groups for uname={user} and gid={gid}." => "The user's groups could not be taken. As 0003.";
    7 Alert setuid_failed(uid) "Unable to change to uid={uid}." => "The daemon may not become its user, for example because that has too many processes.";
    8 Alert credentials_unspecified() "Set-up of the daemon process failed and process left in unspecified state; it ends after a delay and is started again." => "Follows 0007. The daemon waits, ends and is started again.";
    9 Alert home_failed(folder) "Unable to change working directory to '{folder}'." => "`home` is not there, or the group's user may not go there. As 0003.";
    10 Alert user_home_failed(folder, uid) "Unable to change working directory to home directory '{folder}' for uid={uid}." => "The home directory of the group's user. As 0003.";
    11 Alert user_home_unknown(uid) "Unable to determine home directory for uid={uid}." => "The system does not know the group's user. As 0003.";
    12 Alert socket_failed(group) "Unable to create unix domain socket for daemon process '{group}'." => "The group is not started; the others are.";
    13 Alert bind_failed(socket) "Unable to bind unix domain socket '{socket}'." => "The folder of `WSGISocketPrefix` is not there, or httpd may not write to it. The group is not started; the others are.";
    14 Alert listen_failed(socket) "Unable to listen on unix domain socket '{socket}'." => "The group is not started; the others are.";
    15 Alert chown_failed(socket, uid) "Unable to change owner of unix domain socket '{socket}' to uid={uid}." => "The group is not started; the others are.";
    24 Alert spawn_failed(group) "Unable to spawn daemon process '{group}'." => "The system allows no further process. It is tried again.";
    25 Alert setup_unspecified() "Set-up of the daemon process failed and process left in unspecified state; it ends after a delay and is started again." => "Follows 0003 to 0006 and 0009 to 0011. The daemon waits, ends and is started again.";
    26 Critical mutex_init_failed(mutex) "Unable to initialise accept mutex '{mutex}' in daemon process." => "Not written: daemons need no lock.";
    27 Alert signal_pipe_failed(group) "Unable to initialise signal pipe in daemon process '{group}'." => "The system allows no further descriptors. As 0003.";
    28 Critical daemon_python_failed(group) "Python initialisation failed in daemon process '{group}'." => "Python did not start. The daemon answers 500.";
    29 Critical daemon_interpreter_failed(group) "Python child initialisation failed in daemon process '{group}'." => "Python started, its main interpreter could not be set up.";
    30 Critical mutex_failed(mutex) "Unable to create accept lock '{mutex}'." => "Not written: daemons need no lock.";
    31 Critical sysvsem_permissions_failed(mutex) "Unable to set permissions on sysvsem accept mutex '{mutex}'." => "Not written: daemons need no lock.";
    32 Critical flock_permissions_failed(mutex) "Unable to set permissions on flock accept mutex '{mutex}'." => "Not written: daemons need no lock.";
    61 Warning dumpable_failed() "Unable to set process dumpable flag." => "A crash of the daemon leaves no core file.";
    62 Warning send_buffer_failed() "Unable to set send buffer size on daemon process socket." => "The system's size is used.";
    63 Warning receive_buffer_failed() "Unable to set receive buffer size on daemon process socket." => "The system's size is used.";
    64 Warning socket_path_too_long(length, limit, path, group) "Length of path for daemon process socket exceeds maximum: {length} bytes, {limit} are allowed, for '{path}' of process group '{group}'." => "httpd does not start. Shorten `WSGISocketPrefix`.";
    65 Warning stale_socket(socket) "Removing stale unix domain socket '{socket}'." => "A socket of an httpd that was killed had the same name.";
    72 Warning socket_close_failed(socket) "Unable to close unix domain socket '{socket}'." => "Not written: closing a socket does not fail.";
    73 Warning socket_unlink_failed(socket) "Unable to unlink unix domain socket '{socket}'." => "When httpd stops or restarts. The file stays.";
    74 Warning processor_unbind_failed() "Unable to unbind processor." => "Not written: AIX only.";
    75 Warning cpu_priority_failed(priority) "Unable to set CPU priority of {priority} for process." => "The daemon keeps httpd's priority.";
    76 Warning cpu_limit_failed(seconds) "Unable to set CPU time limit of {seconds} seconds for process." => "The daemon runs without the limit.";
    77 Warning memory_limit_failed(bytes) "Unable to set memory limit of {bytes} for process." => "The daemon runs without the limit.";
    78 Warning virtual_memory_limit_failed(bytes) "Unable to set virtual memory limit of {bytes} for process." => "The daemon runs without the limit.";
    79 Warning unsupported_locale(locale) "Unsupported locale setting '{locale}'." => "The system has no such locale; the daemon keeps httpd's.";
    206 Alert event_pipe_failed() "Unable to initialise signal event pipe." => "The system allows no further descriptors. As 0003.";
}
