"""The commands, a module for each, and what they have in common: their arguments and settings.

Each says what it is for (``HELP``, ``DESCRIPTION``, ``EPILOG``), declares its options and carries
itself out.
"""

STATUSES = """\
exit status:
  0    nothing is wrong; to answer arguments that describe no convolution (permissive) fails only
       with --strict
  1    something is wrong, or nothing could be checked; with a baseline: something that held broke
  2    it could not be carried out, or the engine itself failed: one line says why
  130  interrupted, or asked to end (SIGTERM, SIGHUP); 141 the reader of the output is gone
"""
