"""`Protocol` for what a guardian loads: typing itself would be half a MiB in each guardian."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol as Protocol  # noqa: PLC0414  # for others to import
else:
    Protocol = object
