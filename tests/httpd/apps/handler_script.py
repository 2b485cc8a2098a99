"""Handles resources of a kind, named by `WSGIHandlerScript`."""

from toolkit import report


def handle_request(environ, start_response):
    told = {
        "handler": environ["mod_wsgi.request_handler"],
        "script": environ["mod_wsgi.handler_script"],
        "callable": environ["mod_wsgi.callable_object"],
        "group": environ["mod_wsgi.process_group"],
        "resource": environ["SCRIPT_FILENAME"],
    }
    return report(start_response, told)
