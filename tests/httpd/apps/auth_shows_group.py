"""Tells in which interpreter it runs, and the keys of its environ."""


def allow_access(environ, host):
    print("access group=%r" % environ["mod_wsgi.application_group"], file=environ["wsgi.errors"])
    print("access keys", *sorted(environ), file=environ["wsgi.errors"])
    return True
