"""The 49 directives: one form each that is right, and the contexts that admit them."""

from __future__ import annotations

from dataclasses import dataclass

#: Main server only; main and virtual hosts; these and sections; sections only.
GLOBAL, SERVER, ANYWHERE, SECTION = "global", "server", "anywhere", "section"


@dataclass(frozen=True)
class Directive:
    name: str
    arguments: str
    context: str
    #: `AllowOverride` class that admits it in `.htaccess`.
    override: str | None = None
    #: Text that has to come first.
    needs: str = ""

    @property
    def line(self) -> str:
        if self.name.startswith("<"):
            return f"{self.name} {self.arguments}>\n</{self.name[1:]}>"
        return f"{self.name} {self.arguments}"

    def __str__(self) -> str:
        return self.name.strip("<")


_GROUP = "WSGIDaemonProcess earlier\n"
_IMPORTED = "${APPS}/hello.py process-group=%{GLOBAL} application-group=%{GLOBAL}"

DIRECTIVES = [
    Directive("WSGIScriptAlias", "/x ${APPS}/hello.py", SERVER),
    Directive("WSGIScriptAliasMatch", "^/x ${APPS}/hello.py", SERVER),
    Directive("WSGIDaemonProcess", "g", SERVER),
    Directive("WSGISocketPrefix", "run/other", GLOBAL),
    Directive("WSGISocketRotation", "Off", GLOBAL),
    Directive("WSGIAcceptMutex", "default", GLOBAL),
    Directive("WSGIVerboseDebugging", "On", GLOBAL),
    Directive("WSGIDontWriteBytecode", "On", GLOBAL),
    Directive("WSGIPythonWarnings", "ignore", GLOBAL),
    Directive("WSGIPythonOptimize", "1", GLOBAL),
    Directive("WSGIPythonHome", "/usr", GLOBAL),
    Directive("WSGIPythonPath", "${APPS}", GLOBAL),
    Directive("WSGIPythonEggs", "${FOLDER}", GLOBAL),
    Directive("WSGIPythonHashSeed", "7", GLOBAL),
    Directive("WSGISwitchInterval", "0.01", GLOBAL),
    Directive("WSGIDestroyInterpreter", "Off", GLOBAL),
    Directive("WSGIPerInterpreterGIL", "Off", GLOBAL),
    Directive("WSGIFreeThreading", "Off", GLOBAL),
    Directive("<WSGIInterpreterOptions", "process-group=g", GLOBAL),
    Directive("WSGIRestrictEmbedded", "On", GLOBAL),
    Directive("WSGIRestrictStdin", "On", GLOBAL),
    Directive("WSGIRestrictStdout", "On", GLOBAL),
    Directive("WSGIRestrictSignal", "Off", GLOBAL),
    Directive("WSGICaseSensitivity", "Off", GLOBAL),
    Directive("WSGIRestrictProcess", "a %{GLOBAL}", ANYWHERE),
    Directive("WSGIProcessGroup", "g", ANYWHERE),
    Directive("WSGIApplicationGroup", "%{SERVER}", ANYWHERE),
    Directive("WSGICallableObject", "app", ANYWHERE, "FileInfo"),
    Directive("WSGIImportScript", _IMPORTED, SERVER),
    Directive("WSGIDispatchScript", "${APPS}/hello.py", ANYWHERE),
    Directive("WSGIPassApacheRequest", "On", ANYWHERE),
    Directive("WSGIPassAuthorization", "On", ANYWHERE, "FileInfo"),
    Directive("WSGIScriptReloading", "Off", ANYWHERE, "FileInfo"),
    Directive("WSGIErrorOverride", "On", ANYWHERE, "FileInfo"),
    Directive("WSGIChunkedRequest", "On", ANYWHERE, "FileInfo"),
    Directive("WSGIMapHEADToGET", "Auto", ANYWHERE, "FileInfo"),
    Directive("WSGIIgnoreActivity", "On", ANYWHERE, "FileInfo"),
    Directive("WSGITrustedProxyHeaders", "X-Forwarded-For", ANYWHERE, "FileInfo"),
    Directive("WSGITrustedProxies", "10.0.0.0/8", ANYWHERE, "FileInfo"),
    Directive("WSGIEnableSendfile", "On", ANYWHERE, "FileInfo"),
    Directive("WSGIAccessScript", "${APPS}/hello.py", SECTION, "AuthConfig"),
    Directive("WSGIAuthUserScript", "${APPS}/hello.py", SECTION, "AuthConfig"),
    Directive("WSGIAuthGroupScript", "${APPS}/hello.py", SECTION, "AuthConfig"),
    Directive("WSGIGroupAuthoritative", "Off", SECTION, "AuthConfig"),
    Directive("WSGIHandlerScript", "name ${APPS}/hello.py", ANYWHERE),
    Directive("WSGIServerMetrics", "On", GLOBAL),
    Directive("WSGITelemetryService", "unix:/tmp/none.sock", GLOBAL),
    Directive("WSGISlowRequests", "1.5", GLOBAL),
    Directive("WSGITelemetryOptions", "+CaptureUserAgent", GLOBAL),
]

FLAGS = [each for each in DIRECTIVES if each.arguments in ("On", "Off", "Auto")]
