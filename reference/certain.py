"""What is certain of a condition before it runs: options that this profile, or this command of a family, has not.

``GETSET`` means ``SET`` with ``GET``: its ``NX`` is always false, so ``nx-exists`` is none of its rules. A rule that
cannot fire is left out, or coverage would wait for it for ever. What must not live here: any value of a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redlark.spec import syntax as s

if TYPE_CHECKING:
    from redlark.reference.scope import Scope


def certain(node: s.Expression, scope: Scope) -> bool | None:
    """Whether a condition is always true or always false here; None where a request decides."""
    if isinstance(node, s.Word):
        if node.word in scope.words or node.word == "OK":
            return None
        return node.word == "TRUE"
    if isinstance(node, s.Given):
        return node.negated if _missing(node.item, scope) else None
    if isinstance(node, s.Not):
        operand = certain(node.operand, scope)
        return None if operand is None else not operand
    if isinstance(node, s.VersionConditional):
        return certain(node.yes if scope.text.profile.holds(node.guard) else node.no, scope)
    if isinstance(node, s.Boolean):
        decisive = node.operator == "or"
        sides = (certain(node.left, scope), certain(node.right, scope))
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    return None


def missing(node: s.Expression, scope: Scope) -> bool:
    """Whether an argument of a fragment is an option or a name that is always absent here."""
    return certain(node, scope) is False or _missing(node, scope)


def _missing(node: s.Expression, scope: Scope) -> bool:
    return isinstance(node, s.Name) and node.name in scope.elsewhere and node.name not in scope.names


def literal_of(node: s.Expression) -> Any:
    """What a text, a whole number or a list of such is in itself; None where it has to be computed."""
    if isinstance(node, s.Text):
        return node.value.encode()
    if isinstance(node, s.Int):
        return node.value
    if isinstance(node, s.Array):
        items = tuple(literal_of(item) for item in node.items)
        return None if None in items else items
    return None
