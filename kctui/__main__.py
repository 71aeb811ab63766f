"""`kctui` and `python -m kctui`: the process is hardened before anything else, then the command line takes over."""

import sys


def main() -> None:
    """Run the program."""
    from kctui.core.process import harden

    harden()
    from kctui.cli import edge

    sys.exit(edge.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
