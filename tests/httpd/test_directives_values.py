"""What each directive accepts and how it words what it does not (DD 2), as `httpd -t` shows it."""

import pytest

from harness import httpd_install as install

SCRIPT = "${APPS}/hello.py"
SECTION = "<Directory /srv>\n{}\n</Directory>"


def differs(*values, why):
    return pytest.param(*values, marks=pytest.mark.differs(why))


NO_JUNK = "numbers with anything behind them are refused"

ACCEPTED = [
    f"WSGIScriptAlias /x {SCRIPT}",
    f'WSGIScriptAlias "/with space" "{SCRIPT}"',
    f"WSGIScriptAlias / {SCRIPT} process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}",
    f"WSGIScriptAlias / {SCRIPT} process-group=unknown",
    f"WSGIScriptAlias / {SCRIPT} process-group=%{{ENV:X}} application-group=%{{HOST}}",
    f"WSGIScriptAlias / {SCRIPT} callable-object=app pass-authorization=On",
    f"WSGIScriptAlias / {SCRIPT} pass-authorization=off application-group='a b'",
    f"WSGIDaemonProcess g\nWSGIScriptAlias / {SCRIPT} process-group=g application-group=%{{GLOBAL}}",
    "WSGIScriptAliasMatch ^/(\\w+)$ ${APPS}/$1.py process-group=unknown application-group=%{GLOBAL}",
    f"WSGIScriptAliasMatch ^/x {SCRIPT} process-group=%{{SERVER}} application-group=%{{GLOBAL}}",
    f"WSGIHandlerScript h {SCRIPT} process-group=%{{GLOBAL}} application-group=%{{RESOURCE}} pass-authorization=On",
    f"WSGIImportScript {SCRIPT} process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}",
    f"WSGIDaemonProcess g\nWSGIImportScript {SCRIPT} process-group=g application-group=a",
    f"WSGIDispatchScript {SCRIPT} application-group=%{{GLOBAL}}",
    SECTION.format(f"WSGIAccessScript {SCRIPT} application-group=a"),
    SECTION.format(f"WSGIAuthUserScript {SCRIPT} application-group=%{{GLOBAL}}"),
    SECTION.format(f"WSGIAuthGroupScript {SCRIPT} application-group=a"),
    "WSGIRestrictProcess",
    "WSGIRestrictProcess a %{GLOBAL} b",
    "WSGICallableObject %{ENV:X}",
    "WSGIProcessGroup nowhere",
    "WSGITrustedProxyHeaders",
    "WSGITrustedProxyHeaders X-Forwarded-For x-real-ip X-Unknown",
    "WSGITrustedProxies",
    "WSGITrustedProxies 10.0.0.1 10.1 10.0.0.0/8 10.0.0.0/255.0.0.0 2001:db8::/32 ::1",
    "WSGIPythonHashSeed random",
    "WSGIPythonHashSeed 0",
    "WSGIPythonHashSeed 4294967295",
    "WSGIPythonOptimize 2",
    "WSGIPythonPath /does/not/exist:/neither",
    "WSGIPythonHome /does/not/exist",
    "WSGIPythonWarnings ignore\nWSGIPythonWarnings error::DeprecationWarning",
    "WSGIAcceptMutex Default",
    "WSGIAcceptMutex pthread",
    "WSGISwitchInterval 0.001",
    "WSGISwitchInterval 1e-3",
    "WSGISlowRequests 0",
    "WSGISlowRequests 1.5",
    "WSGITelemetryService unix:/tmp/t.sock interval=0.5",
    "WSGITelemetryOptions captureuseragent",
    "WSGITelemetryOptions None",
    "WSGITelemetryOptions All",
    "WSGITelemetryOptions +CaptureUserAgent",
    "WSGITelemetryOptions -CaptureUserAgent",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(syntax, text):
    assert "Syntax OK" in syntax(text)


ALIAS = "Invalid option to WSGI script alias definition."
PROXY = 'Unable to parse trusted proxy IP address/subnet of "{}".'
TELEMETRY = "WSGITelemetryOptions: "
SEED = 'WSGIPythonHashSeed must be "random" or an integer in range [0; 4294967295]'
INTERVAL = "WSGISwitchInterval must be a positive number of seconds."

REFUSED = [
    ("WSGIScriptAlias", "WSGIScriptAlias requires at least two arguments, "),
    ("WSGIScriptAlias /x", "WSGIScriptAlias requires at least two arguments, "),
    ("WSGIScriptAliasMatch ^/x", "WSGIScriptAliasMatch requires at least two arguments, "),
    (f"WSGIScriptAlias /x {SCRIPT} unknown=1", ALIAS),
    (f"WSGIScriptAlias /x {SCRIPT} word", ALIAS),
    (f"WSGIScriptAlias /x {SCRIPT} process-group =a", ALIAS),
    (f"WSGIScriptAlias /x {SCRIPT} Process-Group=a", ALIAS),
    (f'WSGIScriptAlias /x {SCRIPT} application-group=""', "Invalid name for WSGI application group."),
    (f'WSGIScriptAlias /x {SCRIPT} process-group=""', "Invalid name for WSGI process group."),
    (f'WSGIScriptAlias /x {SCRIPT} callable-object=""', "Invalid name for WSGI callable object."),
    (f"WSGIScriptAlias /x {SCRIPT} pass-authorization=yes", "Invalid value for authorization flag."),
    (f'WSGIScriptAlias /x {SCRIPT} pass-authorization=""', "Invalid value for authorization flag."),
    (f"WSGIScriptAliasMatch ( {SCRIPT}", "Regular expression could not be compiled."),
    (f"WSGIScriptAlias /x {SCRIPT} process-group=g application-group=a", "WSGI process group not yet configured."),
    (f"WSGIScriptAlias /x {SCRIPT} process-group=g application-group=a\nWSGIDaemonProcess g",
     "WSGI process group not yet configured."),
    (f"WSGIScriptAliasMatch ^/x {SCRIPT} process-group=g application-group=a",
     "WSGI process group not yet configured."),
    ("WSGIHandlerScript", "Name for handler script not supplied."),
    ("WSGIHandlerScript h", "Location of handler script not supplied."),
    (f"WSGIHandlerScript h {SCRIPT} callable-object=x", "Invalid option to WSGI handler script definition."),
    (f'WSGIHandlerScript h {SCRIPT} process-group=""', "Invalid name for WSGI process group."),
    (f'WSGIHandlerScript h {SCRIPT} application-group=""', "Invalid name for WSGI application group."),
    (f"WSGIHandlerScript h {SCRIPT} pass-authorization=1", "Invalid value for authorization flag."),
    ("WSGIImportScript", "Location of import script not supplied."),
    (f"WSGIImportScript {SCRIPT} word", "Invalid option to WSGI import script definition."),
    (f"WSGIImportScript {SCRIPT} process-group=%{{GLOBAL}}", "Name of WSGI application group required."),
    (f"WSGIImportScript {SCRIPT} application-group=a", "Name of WSGI process group required."),
    (f"WSGIImportScript {SCRIPT} process-group=g application-group=a", "WSGI process group not yet configured."),
    (f"WSGIImportScript {SCRIPT} process-group=%{{SERVER}} application-group=a",
     "WSGI process group not yet configured."),
    ("WSGIDispatchScript", "Location of dispatch script not supplied."),
    (f"WSGIDispatchScript {SCRIPT} x=1", "Invalid option to WSGI dispatch script definition."),
    (f'WSGIDispatchScript {SCRIPT} application-group=""', "Invalid name for WSGI application group."),
    (SECTION.format("WSGIAccessScript"), "Location of access script not supplied."),
    (SECTION.format(f"WSGIAccessScript {SCRIPT} x=1"), "Invalid option to WSGI access script definition."),
    (SECTION.format(f'WSGIAccessScript {SCRIPT} application-group=""'), "Invalid name for WSGI application group."),
    (SECTION.format("WSGIAuthUserScript"), "Location of auth user script not supplied."),
    (SECTION.format(f"WSGIAuthUserScript {SCRIPT} x=1"), "Invalid option to WSGI auth user script definition."),
    (SECTION.format("WSGIAuthGroupScript"), "Location of auth group script not supplied."),
    (SECTION.format(f"WSGIAuthGroupScript {SCRIPT} x=1"), "Invalid option to WSGI auth group script definition."),
    ("WSGITrustedProxies localhost", PROXY.format("localhost")),
    ("WSGITrustedProxies 10.0.0.1 nonsense", PROXY.format("nonsense")),
    ("WSGITrustedProxies 300.1.1.1", PROXY.format("300.1.1.1") + " The specified IP address is invalid."),
    ("WSGITrustedProxies :", PROXY.format(":") + " The specified IP address is invalid."),
    ("WSGITrustedProxies 10.0.0.0/33", PROXY.format("10.0.0.0/33") + " The specified network mask is invalid."),
    ("WSGITrustedProxies ::1/129", PROXY.format("::1/129") + " The specified network mask is invalid."),
    ("WSGIMapHEADToGET Maybe", "WSGIMapHEADToGET must be one of: Off | On | Auto"),
    ("WSGIPythonHashSeed -1", SEED),
    ("WSGIPythonHashSeed +1", SEED),
    ("WSGIPythonHashSeed 4294967296", SEED),
    ("WSGIPythonHashSeed 12x", SEED),
    ("WSGIAcceptMutex nonsense", "Accept mutex lock mechanism 'nonsense' is invalid. "
     "Valid accept mutex mechanisms for this platform are: default, "),
    ("WSGISwitchInterval 0", INTERVAL),
    ("WSGISwitchInterval -1", INTERVAL),
    ("WSGISwitchInterval 1s", INTERVAL),
    ("WSGISwitchInterval fast", INTERVAL),
    ("WSGITelemetryService udp:a:1", "WSGITelemetryService target must be 'unix:/path' (remote 'udp:host:port' targets "
     "are no longer supported)"),
    ("WSGITelemetryService unix:/tmp/t.sock interval=0.4", "interval must be at least 0.5 seconds"),
    ("WSGITelemetryService unix:/tmp/t.sock every=1", "second argument must be 'interval=N'"),
    ("WSGISlowRequests -1", "WSGISlowRequests threshold must be non-negative"),
    ("WSGITelemetryOptions", TELEMETRY + "at least one flag required"),
    ("WSGITelemetryOptions +", TELEMETRY + "bare '+' / '-' is not a flag"),
    ("WSGITelemetryOptions -", TELEMETRY + "bare '+' / '-' is not a flag"),
    ("WSGITelemetryOptions +CaptureUserAgent All", TELEMETRY + "cannot mix +/- form with absolute names"),
    ("WSGITelemetryOptions +None", TELEMETRY + "'None' may not have a +/- prefix"),
    ("WSGITelemetryOptions -All", TELEMETRY + "'All' may not have a +/- prefix"),
    ("WSGITelemetryOptions Colour", TELEMETRY + "unknown flag 'Colour'"),
    ("WSGITelemetryOptions -Colour", TELEMETRY + "unknown flag 'Colour'"),
    differs("WSGIPythonOptimize 1x", "WSGIPythonOptimize", why=NO_JUNK),
    differs("WSGIPythonOptimize high", "WSGIPythonOptimize", why=NO_JUNK),
    differs("WSGISlowRequests 1s", "WSGISlowRequests", why=NO_JUNK),
    differs("WSGITelemetryService unix:/tmp/t.sock interval=1x", "interval", why=NO_JUNK),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused(syntax, text, message):
    said = syntax(text)
    assert message in said and "Syntax OK" not in said
    assert "Syntax error on line" in said and "httpd.conf" in said, "a mistake is reported with file and line"


BETWEEN_HOSTS = """
<VirtualHost 127.0.0.1:9>
{first}
WSGIDaemonProcess theirs
</VirtualHost>
<VirtualHost 127.0.0.1:9>
{second}
{use} process-group=theirs application-group=a
</VirtualHost>
"""


@pytest.mark.parametrize("use", [f"WSGIScriptAlias /x {SCRIPT}", f"WSGIImportScript {SCRIPT}"])
@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("ServerName a", "ServerName a", "Syntax OK"),
        ("ServerName a", "ServerName b", "WSGI process group not accessible."),
        ("ServerName a", "ServerName A", "WSGI process group not accessible."),
        ("ServerName a", "", "WSGI process group not matchable."),
        ("", "ServerName b", "WSGI process group not matchable."),
    ],
)
def test_a_group_of_another_virtual_host(syntax, use, first, second, message):
    assert message in syntax(BETWEEN_HOSTS.format(first=first, second=second, use=use))


def test_warnings_about_this_python(syntax):
    """Accepted everywhere, with a warning where this Python cannot do it."""
    said = syntax("WSGIPerInterpreterGIL On")
    assert ("WSGI0198: " in said) == (install.PYTHON < (3, 12)) and "Syntax OK" in said
    said = syntax("WSGIFreeThreading On")
    assert ("WSGI0200: " in said) == (not install.FREE_THREADED) and "Syntax OK" in said
    for quiet in ("WSGIPerInterpreterGIL Off", "WSGIFreeThreading Off"):
        assert "WSGI0" not in syntax(quiet)


@pytest.mark.differs("row 45")
@pytest.mark.parametrize("address", ["2001:DB8::1", "::FFFF:1.2.3.4", "::ffff:1.2.3.4"])
def test_row_45_every_spelling_of_an_ipv6_address_is_one(syntax, address):
    assert "Syntax OK" in syntax(f"WSGITrustedProxies {address}")


@pytest.mark.differs("row 46")
@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Forwarded-For:", "X.Real.IP"])
def test_row_46_a_trusted_header_has_a_name_a_request_can_have(syntax, name):
    said = syntax(f"WSGITrustedProxyHeaders X-Real-IP {name}")
    assert name in said and "Syntax error on line" in said


def test_row_87_slow_requests_of_zero_is_off_and_not_wrong(syntax):
    assert "Syntax OK" in syntax("WSGISlowRequests 0")
    assert "Syntax OK" in syntax("WSGITelemetryService unix:/tmp/none.sock\nWSGISlowRequests 0.0")
