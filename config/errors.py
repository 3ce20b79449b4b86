"""The error that a configuration raises.

ConfigError     exit 2  one line: which file, variable or --set, which key, what stood there and what is allowed

It is no FacestreamError, because config imports nothing of ours; run_pipeline treats whatever has an
`exit_code` alike.
"""


class ConfigError(Exception):
    """A configuration that cannot be used; the message is one line and says how to repair."""

    exit_code = 2
