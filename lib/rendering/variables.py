"""Variables of templates, looked up as Django does and found sooner.

Django tries each name as a key, catches what that raises, and tries it as an attribute; where there is nothing of the
name it builds a message that nobody reads. Here what can't have keys is not asked for one. Whatever is rare, such as a
method with arguments or a class, is left to Django.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from django.template.base import FilterExpression, Parser, Variable, VariableDoesNotExist, VariableNode
from django.template.base import render_value_in_context as write_value
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django.template import Context

MISSING = object()
Plain: Any = Variable  # of which the stubs leave out what is looked up


class QuickVariable(Plain):  # type: ignore[misc]
    """Look a name up in the context, and what follows it in what is found."""

    __slots__ = ()

    def resolve(self, context: Any) -> Any:
        return self.literal if self.lookups is None else self._resolve_lookup(context)

    def _resolve_lookup(self, context: Any) -> Any:
        current = _find(context, self.lookups[0])
        try:
            for name in self.lookups[1:]:
                if current is MISSING or callable(current):
                    break
                current = _look_into(current, name)
        except Exception:
            current = MISSING
        if current is MISSING or callable(current):
            return super()._resolve_lookup(context)
        return current


def _find(context: Context, name: str) -> Any:
    for values in reversed(context.dicts):
        if name in values:
            return values[name]
    raise VariableDoesNotExist("Nothing is called %r here", (name,))


def _look_into(current: Any, name: str) -> Any:
    kind = type(current)
    if kind is dict:
        return current.get(name, MISSING)
    if (hasattr(kind, "__getitem__") and not isinstance(current, (tuple, list, str))) or name.isdigit():
        return MISSING
    return getattr(current, name, MISSING)


class QuickExpression(FilterExpression):
    """Read an expression whose variables are looked up quickly."""

    __slots__ = ()

    def __init__(self, token: str, parser: Parser) -> None:
        super().__init__(token, parser)
        if type(self.var) is Variable and self.var.lookups and not self.var.translate:
            self.var = QuickVariable(self.var.var)
        for _, arguments in self.filters:
            arguments[:] = [(found, QuickVariable(each.var) if found else each) for found, each in arguments]

    def resolve(self, context: Any, ignore_failures: bool = False) -> Any:
        if self.filters or not self.is_var:
            return super().resolve(context, ignore_failures)
        try:
            return self.var.resolve(context)
        except VariableDoesNotExist:
            return None if ignore_failures else super().resolve(context)


class QuickParser(Parser):
    """Read templates with such expressions."""

    def compile_filter(self, token: str) -> QuickExpression:
        return QuickExpression(token, self)


class QuickVariableNode(VariableNode):
    """Write a value; most are texts."""

    def render(self, context: Context) -> str:
        value: Any = self.filter_expression.resolve(context)
        kind = type(value)
        if kind is SafeString:
            safe: SafeString = value
            return safe
        if kind is str and context.autoescape:
            return escape(value)
        return write_value(value, context)
