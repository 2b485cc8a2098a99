"""What the tests need to run the real `rickhouse` command and to look at what it leaves behind."""
