"""``python -m rickhouse``."""

from rickhouse.cli import main

main()
