"""``conv-reference``, as its script begins it; and ``python -m conv_reference``, without one."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # What lies in the working directory, a random.py, is not Python's own.
    sys.path.append(sys.path.pop(0))


def main() -> int:
    """Run the command: of an interrupt while it is imported, or ends, there is no traceback."""
    try:
        from conv_reference.cli import main as carried_out  # noqa: PLC0415 (see above)

        status = carried_out()
    except KeyboardInterrupt:
        sys.stderr.write("conv-reference: interrupted\n")
        status = 130
    # All is written. An interrupt from here on ends what is left, and has nothing to say.
    import signal  # noqa: PLC0415 (see above)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
