#!/usr/bin/env python3
"""Makes the database: its tables, a user `demo` with the password `demo`, and a few casks. Safe to run again."""

import datetime
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")

import django  # noqa: E402
from django.core.management import call_command  # noqa: E402

CASKS = [("Oloroso", 500, "2012-03-01"), ("Bourbon", 200, "2015-10-12"), ("Mizunara", 480, "2018-06-30")]


def main():
    django.setup()
    from django.contrib.auth import get_user_model

    from casks.models import Cask

    call_command("migrate", interactive=False, verbosity=0)
    users = get_user_model().objects
    if not users.filter(username="demo").exists():
        # It may use the admin, with a password that everybody knows: never prepare a public site like this.
        users.create_superuser("demo", "demo@example.com", "demo")
    for name, litres, filled in CASKS:
        Cask.objects.get_or_create(name=name, defaults={"litres": litres, "filled": datetime.date.fromisoformat(filled)})


if __name__ == "__main__":
    main()
