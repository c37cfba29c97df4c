"""``python -m fuzzharness``: the command line by the name of the package. Decides nothing."""

from fuzzharness.cli import main

if __name__ == "__main__":
    main()
