"""Secrets that do not reach a log: a string that prints as stars, and the masking of addresses in texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

STARS = "*****"

# The part of an address before its last @: "://user:pa@ss@host/" up to the second @. A password may hold an @.
_USERINFO = re.compile(r"://[^\s/?#]*@")

# Raw / ? or # in a password end the address's authority early: "://user:pa/ss@host". Such an address has a colon
# that no port follows and an @ later on; masking too much of it is better than too little.
_USERINFO_SLASHED = re.compile(r"://(?!\*)[^\s:/?#@\[]*:(?!\d*(?:[/?#\s]|$))[^\s]*@")

# "?password=x", "&api_key=x", "password='x'" of a connection string. `key`, `auth` and the like are too common as
# words, so they count only as a query's parameter.
_PARAMETER = re.compile(
    r"""
    (
        (?: (?<![A-Za-z0-9]) | (?<=[A-Za-z0-9][_-]) )
        (?: password | passwd | passphrase | passwort | pwd | secret | token | api[_-]?key )
      | [?&;] (?: [\w.-]*[_-] )? (?: pass | key | auth | sig | signature | credential | sessionid )
    )
    ( \s?=\s? )
    (?: (') [^']* ' | (") [^"]* " | ['"]? [^\s&'"]+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,2}|)(.*)", re.DOTALL)

# What stands behind a = of a query, or is a part of it without one; up to three digits are a channel, not a secret.
_QUERY_VALUE = re.compile(r"(?<==)(?!\d{1,3}(?:[&;]|$))[^&;]+|(?:(?<=^)|(?<=[&;]))[^&;=]+(?=[&;]|$)")


def mask(text: str) -> str:
    """`text` with user:password in addresses and the values of password-like parameters as stars.

    Idempotent. Rather masks too much than too little: an address's user goes too, since it may be a token.

        mask("rtsp://ann:pa@ss@cam/1?token=x")  ->  "rtsp://*****@cam/1?token=*****"
    """
    text = _PARAMETER.sub(rf"\1\2\3\4{STARS}\3\4", text)
    text = _USERINFO.sub(f"://{STARS}@", text)
    return _USERINFO_SLASHED.sub(f"://{STARS}@", text)


def mask_address(address: str) -> str:
    """An address as people may see it: no user, no password, and of its query only small numbers.

    Only for a text that is an address and nothing more. There a password may hold anything, blanks and quotes too,
    so all before the last @ goes; `mask` cannot know in a sentence where such an address begins and ends.

        mask_address("rtsp://ann:my p@ss@cam/live?channel=1&pw=x")  ->  "rtsp://*****@cam/live?channel=1&pw=*****"

    Idempotent. A path, which has no scheme and no colon before its @, stays.
    """
    scheme, rest = _SCHEME.match(address).groups()  # type: ignore[union-attr] # it matches every text
    before, at, where = rest.rpartition("@")
    if at and (scheme or ":" in before):
        rest = f"{STARS}@{where}"
    if not scheme:
        return rest
    place, question, query = rest.partition("?")
    return f"{scheme}{place}{question}{_QUERY_VALUE.sub(STARS, query)}"


class Secret(str):
    """A string that is stars to everybody but `reveal`.

    The characters of the string itself are the stars, so that whatever treats it as a str (print, format, json,
    +, logging) writes stars; the value is kept beside them. Equal to another Secret of the same value, and to
    nothing else. As a pydantic field type it is made from a str, and dumps as stars.
    """

    __slots__ = ("_value",)

    _value: str

    def __new__(cls, value: str) -> Secret:
        if isinstance(value, Secret):
            return value
        if not value:
            raise ValueError("must not be empty")
        made = super().__new__(cls, STARS)
        made._value = value
        return made

    def reveal(self) -> str:
        """The value itself: only for what opens the connection."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{STARS}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (self._value,))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validates from str (a Secret stays itself) and serialises as stars."""
        from pydantic_core import (
            core_schema,
        )  # here, so that errors are masked also where nothing is installed

        return core_schema.no_info_wrap_validator_function(
            lambda value, check: value if isinstance(value, Secret) else cls(check(value)),
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda _: STARS, return_schema=core_schema.str_schema()
            ),
        )
