"""`python -m flows` is the `gonogo` command."""

from flows.cli import main

main()
