"""The 44 options of `WSGIDaemonProcess` (DD 4.1, 4.2): what `httpd -t` accepts and how it words what it does not."""

import pytest

from harness import httpd_install as install

#: Whole numbers: option, the smallest that is right, and how a complaint names it.
INTEGERS = [
    ("processes", 1, "process count"),
    ("threads", 0, "thread count"),
    ("maximum-requests", 0, "request count"),
    ("startup-timeout", 0, "startup timeout"),
    ("shutdown-timeout", 0, "shutdown timeout"),
    ("deadlock-timeout", 0, "deadlock timeout"),
    ("inactivity-timeout", 0, "inactivity timeout"),
    ("request-timeout", 0, "request timeout"),
    ("interrupt-timeout", 0, "interrupt timeout"),
    ("graceful-timeout", 0, "graceful timeout"),
    ("eviction-timeout", 0, "eviction timeout"),
    ("restart-interval", 0, "restart interval"),
    ("connect-timeout", 0, "connect timeout"),
    ("socket-timeout", 0, "socket timeout"),
    ("queue-timeout", 0, "queue timeout"),
    ("listen-backlog", 0, "listen backlog"),
    ("response-socket-timeout", 0, "response socket timeout"),
    ("response-flush-delay", 0, "response flush delay"),
    ("cpu-time-limit", 0, "CPU time limit"),
    ("memory-limit", 0, "memory limit"),
    ("virtual-memory-limit", 0, "virtual memory limit"),
    ("stack-size", 1, "stack size"),
]

#: Sizes that are zero or at least so much: option, least, and the complaint about less.
SIZES = [
    ("send-buffer-size", 512, "Send buffer size must be >= 512 bytes, or 0 for system default."),
    ("receive-buffer-size", 512, "Receive buffer size must be >= 512 bytes, or 0 for system default."),
    ("header-buffer-size", 8192, "Header buffer size must be >= 8192 bytes, or 0 for default."),
    ("response-buffer-size", 65536, "Response buffer size must be >= 65536 bytes, or 0 for default."),
]

TEXTS = [
    "user=nobody", "group=nogroup", "supplementary-groups=nogroup", "umask=0022", "chroot=/srv",
    "home=/srv", "lang=de_DE.UTF-8", "locale=C.UTF-8", "display-name=%{GROUP}", "display-name='a b'",
    "python-home=/usr", "python-path=/a:/b", "python-eggs=/tmp", "switch-interval=0.001", "socket-user=nobody",
    "script-user=nobody", "script-group=nogroup", "cpu-priority=-5", "cpu-priority=5", "server-metrics=On",
    "server-metrics=off", "user=#65534", "script-user=#65534", "script-group=#65534",
]  # fmt: skip


def said_of(syntax, option):
    return syntax(f"WSGIDaemonProcess g {option}")


def refusal(thing):
    return f"Invalid {thing} for WSGI daemon process."


def test_there_are_forty_four():
    names = {name for name, *_ in INTEGERS + SIZES} | {text.partition("=")[0] for text in TEXTS}
    assert len(names) == 44, sorted(names)


@pytest.mark.parametrize(("name", "least", "thing"), INTEGERS, ids=[name for name, *_ in INTEGERS])
def test_whole_numbers(syntax, name, least, thing):
    for value in (least, 65533 if name == "threads" else 100_000):
        assert "Syntax OK" in said_of(syntax, f"{name}={value}")
    for value in (least - 1, '""'):
        assert refusal(thing) in said_of(syntax, f"{name}={value}")


def test_threads_have_a_most(syntax):
    assert "Syntax OK" in said_of(syntax, "threads=65533")
    assert refusal("thread count") in said_of(syntax, "threads=65534")


@pytest.mark.differs("row 76")
@pytest.mark.parametrize(("name", "least", "thing"), INTEGERS, ids=[name for name, *_ in INTEGERS])
def test_row_76_a_number_is_all_of_the_value(syntax, name, least, thing):
    for value in ("abc", "5abc", "1.5", "' 1 '", "99999999999999999999"):
        assert refusal(thing) in said_of(syntax, f"{name}={value}"), value


@pytest.mark.parametrize(("name", "least", "message"), SIZES, ids=[name for name, *_ in SIZES])
def test_sizes(syntax, name, least, message):
    for value in (0, least, 10 * least):
        assert "Syntax OK" in said_of(syntax, f"{name}={value}")
    for value in (1, least - 1, -1):
        assert message in said_of(syntax, f"{name}={value}")
    assert refusal(name.replace("-", " ")) in said_of(syntax, f'{name}=""')


@pytest.mark.differs("row 76")
@pytest.mark.parametrize(("name", "least", "message"), SIZES, ids=[name for name, *_ in SIZES])
def test_row_76_a_size_is_all_of_the_value(syntax, name, least, message):
    for value in (f"{least}k", "big"):
        assert "Syntax error" in said_of(syntax, f"{name}={value}"), value


#: What may not be empty, besides numbers and sizes, and how a complaint names it.
NEVER_EMPTY = {
    "user": "user", "group": "group", "umask": "umask", "chroot": "chroot directory", "home": "home directory",
    "switch-interval": "switch interval", "socket-user": "socket user", "script-user": "script user",
    "script-group": "script group", "cpu-priority": "CPU priority", "server-metrics": "server metrics flag",
}  # fmt: skip
#: What may: then it is as if it was not given.
EMPTY = (
    "supplementary-groups", "lang", "locale", "display-name", "python-home", "python-path", "python-eggs",
)  # fmt: skip


def test_every_text_may_be_empty_or_not():
    assert {text.partition("=")[0] for text in TEXTS} == NEVER_EMPTY.keys() | set(EMPTY)


@pytest.mark.parametrize("name", NEVER_EMPTY)
def test_not_empty(syntax, name):
    if name == "chroot" and install.ordinary_user() is None:
        assert "Cannot chroot WSGI daemon process when not root." in said_of(syntax, 'chroot=""')
    else:
        assert refusal(NEVER_EMPTY[name]) in said_of(syntax, f'{name}=""')


@pytest.mark.parametrize("name", EMPTY)
def test_empty(syntax, name):
    assert "Syntax OK" in said_of(syntax, f'{name}=""')


@pytest.mark.parametrize("text", TEXTS)
def test_texts(syntax, text):
    assert "Syntax OK" in said_of(syntax, text)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("umask=8", refusal("umask")),
        ("umask=-1", refusal("umask")),
        ("umask=777777777777777777777777", refusal("umask")),
        ('umask=""', refusal("umask")),
        ("switch-interval=0", refusal("switch interval")),
        ("switch-interval=-1", refusal("switch interval")),
        ("switch-interval=1s", refusal("switch interval")),
        ('switch-interval=""', refusal("switch interval")),
        ("server-metrics=yes", refusal("server metrics flag")),
        ("home=relative", "Invalid home directory"),
        ("unknown=1", "Invalid option to WSGI daemon process definition."),
        ("word", "Invalid option to WSGI daemon process definition."),
        ("Threads=2", "Invalid option to WSGI daemon process definition."),
        ("threads =2", "Invalid option to WSGI daemon process definition."),
        ("script-user=nobody script-group=nogroup", "Only one of script-user and script-group allowed."),
        ("group=no-such-group-here", "bad group name no-such-group-here"),
        ("script-user=no-such-user-here", "bad user name no-such-user-here"),
        ("socket-user=no-such-user-here", "bad user name no-such-user-here"),
    ],
)
def test_refused(syntax, option, message):
    said = said_of(syntax, option)
    assert message in said and "Syntax OK" not in said


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("user=root", "WSGI process blocked from running as root."),
        ("user=#0", "WSGI process blocked from running as root."),
        ("user=#54321", "Couldn't determine user name from uid."),
        ("user=no-such-user-here", "bad user name no-such-user-here"),
        ("chroot=relative", "Invalid chroot directory"),
        ("socket-user=#54321", "Couldn't determine user name from socket user."),
    ],
)
def test_refused_when_root_asks(syntax, option, message):
    said = said_of(syntax, option)
    assert message in said and "Syntax OK" not in said


def test_chroot_is_for_root_only(syntax):
    if install.ordinary_user() is None:
        assert "Cannot chroot WSGI daemon process when not root." in said_of(syntax, "chroot=/srv")
    else:
        assert "Syntax OK" in said_of(syntax, "chroot=/srv")


def test_a_group_has_a_name(syntax):
    assert "Name of WSGI daemon process not supplied." in syntax("WSGIDaemonProcess")


def test_a_name_is_given_once(syntax):
    message = "Name duplicates previous WSGI daemon definition."
    assert message in syntax("WSGIDaemonProcess g\nWSGIDaemonProcess g threads=2")
    vhost = "<VirtualHost 127.0.0.1:9>\nServerName {}\nWSGIDaemonProcess {}\n</VirtualHost>\n"
    assert message in syntax(vhost.format("a", "g") + vhost.format("b", "g"))
    assert "Syntax OK" in syntax(vhost.format("a", "g") + vhost.format("b", "G"))
