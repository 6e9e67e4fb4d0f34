"""The store as everybody outside of this package opens it."""

from typing import TYPE_CHECKING

from ict.store.base import BaseStore

if TYPE_CHECKING:
    from ict.documents.records import Odd


class Store(BaseStore):
    """A folder of runs, scores and studies. Making one writes nothing."""

    def unreadable(self, of_table: "list[Odd] | None" = None) -> "list[Odd]":
        """What lies in the store and cannot be read, each thing once: path, and reason with advice.

        `of_table`: what `read_table` told just now, which is then not looked for again.
        """
        from ict.store.unreadable import (
            everything,  # reads studies and sets: a worker needs neither
        )

        return everything(self, of_table)
