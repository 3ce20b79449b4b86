"""What is given of a new camera: an address that nobody else sees, polygons, watchlists that may not be there yet."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.commands.context import Context
from pipeline.errors import BadInputError, FacestreamError

MAX_ADDRESS = 10_000
"""characters that are read of standard input; the file takes fewer, and says so"""


def address_from_input() -> str:
    """An address from standard input: typed without being shown, or the first line of a pipe.

    Raises BadInputError where there is none.
    """
    if sys.stdin.isatty():
        import getpass

        given = getpass.getpass("address (not shown): ")
    else:
        given = sys.stdin.readline(MAX_ADDRESS)
    if not (address := given.strip()):
        raise BadInputError("URL -: standard input holds no address; write it there, on a line of its own")
    if any("\ud800" <= character <= "\udfff" for character in address):
        raise BadInputError("URL -: standard input is not UTF-8")
    return address


def check_can_work(address: str) -> None:
    """Refuse an address from which nothing can ever come. Raises SourceError, without the password.

    A recording may be added before it is there, and its path is the monitor's, not that of who adds it.
    """
    from pipeline.capture.live.address import SCHEME, parse_address

    if SCHEME.match(address) or address.startswith("/dev/"):
        parse_address(address)


def polygons(option: str, given: Sequence[str] | None) -> list[list[list[float]]] | None:
    """Polygons "x,y x,y x,y"; None where none is given.

    Raises BadInputError. Whether the points make sense is seen with the camera's other keys.
    """
    try:
        found = [
            [[float(part) for part in point.split(",")] for point in each.split()] for each in given or ()
        ]
    except ValueError as error:
        raise BadInputError(
            f'{option}: expected points x,y from 0 to 1, as "0.1,0.2 0.9,0.2 0.5,1"'
        ) from error
    return found or None


def warn_of_unknown(context: Context, names: Sequence[str]) -> None:
    """Say which watchlists there are not; they may come later, and until then nobody is on them."""
    if not names:
        return
    from pipeline.assemble.gallery import open_store
    from pipeline.gallery.storage.watchlists import Watchlists

    try:
        with open_store(context.config, context.data) as store:
            known = {one.watchlist.name for one in Watchlists(store.database).all()}
    except FacestreamError as error:
        context.say(f"warning: watchlists could not be looked up: {error}")
        return
    for name in names:
        if name not in known:
            context.say(
                f"warning: there is no watchlist {name!r}; until there is, this camera names nobody by it"
            )
