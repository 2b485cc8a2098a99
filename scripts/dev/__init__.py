"""What the scripts of this folder share. Standard library of Python 3.9 and later only: they run before anything is installed."""
