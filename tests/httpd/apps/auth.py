"""Access, users and groups, by names that say what happens."""

import hashlib


def allow_access(environ, host):
    print("access from", host, "with PROXY" if "HTTP_PROXY" in environ else "", file=environ["wsgi.errors"])
    answers = {"yes": True, "no": False, "pass": None, "number": 1, "text": "yes"}
    word = environ.get("HTTP_X_ACCESS", "yes")
    if word == "raise":
        raise ValueError("access on purpose")
    return answers[word]


def check_password(environ, user, password):
    if user == "raise":
        raise ValueError("password on purpose")
    answers = {"nobody": None, "number": 1, "zero": 0, "empty": "", "renamed": "somebody \u00e9", "bytes": b"x",
               "surrogate": "\ud800", "nul": "ada\0"}  # fmt: skip
    if user in answers:
        return answers[user]
    return password == "secret"


def get_realm_hash(environ, user, realm):
    if user == "nobody":
        return None
    if user == "empty":
        return ""
    if user == "number":
        return 1
    if user == "nul":
        return "abc\0"
    digest = hashlib.md5(f"{user}:{realm}:secret".encode()).hexdigest()
    return digest.encode() if user == "bytes" else digest


def groups_for_user(environ, user):
    answers = {
        "member": ["Staff"], "tuple": ("other", b"staff"), "other": ["other"], "lonely": [], "digit": 1, "item": [1],
        "wide": ["\u20ac"],
    }  # fmt: skip
    if user == "broken":
        raise ValueError("groups on purpose")
    return answers.get(user, [])


def application(environ, start_response):
    from toolkit import report

    return report(start_response, {name: str(value) for name, value in environ.items()})
