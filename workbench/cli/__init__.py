"""The ``workbench`` command: thin commands over the packages below."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; known errors become one clear message and exit code 1."""
    from workbench.cli.app import app
    from workbench.errors import WorkbenchError

    try:
        app()
    except WorkbenchError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.strerror}: {error.filename}", file=sys.stderr)
        print("  Give a path that exists, or one where you may write.", file=sys.stderr)
        raise SystemExit(1) from None
