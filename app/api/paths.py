"""How ids stand in paths."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class IdConvertor(Convertor[str]):
    """Any id: a slash in it, written %2F or as it is, is a part of it."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """The id in a path."""
        return value

    def to_string(self, value: str) -> str:
        """The id as it is."""
        return value


register_url_convertor("id", IdConvertor())
