"""Templates whose fixed parts are written down once: addresses of static files and views, pictures, what is included.

Django's cached loader keeps templates as trees of nodes, and asks every node each time: for the address of a style
sheet, of a view, for a picture by its name. Nodes whose text is the same each time become one here, with that text.
"""

from __future__ import annotations

from itertools import groupby
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from django.template import Node, NodeList, Template
from django.template.base import FilterExpression, Lexer, TextNode, VariableNode
from django.template.defaulttags import (
    CommentNode,
    CycleNode,
    IfChangedNode,
    IfNode,
    LoadNode,
    TemplateTagNode,
    URLNode,
)
from django.template.exceptions import TemplateDoesNotExist
from django.template.library import SimpleNode
from django.template.loader_tags import BlockNode, ExtendsNode, IncludeNode
from django.template.loaders import cached
from django.template.loaders.base import Loader as BaseLoader
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch, get_script_prefix
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from lib.rendering.addresses import reverse_quickly
from lib.rendering.variables import QuickParser, QuickVariableNode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.template import Context, Engine

    Tag = TypeVar("Tag", bound=Callable[..., Any])

_lock = RLock()
_pure: set[Any] = set()


def pure(tag: Tag) -> Tag:
    """Decorate a simple tag that returns the same for the same arguments, as long as the process lives."""
    _pure.add(tag)
    return tag


class Quick(Template):
    """Read a template with variables that are found quickly; it is folded once it is known by its name."""

    folded = False

    def compile_nodelist(self) -> NodeList:
        engine = self.engine
        parser = QuickParser(
            Lexer(self.source).tokenize(), engine.template_libraries, engine.template_builtins, self.origin
        )
        try:
            nodes = parser.parse()
        except Exception:
            return super().compile_nodelist()
        self.extra_data = parser.extra_data
        return nodes

    def fold(self) -> None:
        with _lock:
            if not self.folded:
                self.folded = True  # first: it may include itself
                self.nodelist = Folded(fold(self.nodelist, self.engine))


class Reader(BaseLoader):
    """Make such templates of what is found."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        found = super().get_template(template_name, skip)
        return Quick(found.source, found.origin, found.name, found.engine)


class Loader(cached.Loader, Reader):
    """Keep each template as Django does, folded."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template = super().get_template(template_name, skip)
        if isinstance(template, Quick) and not template.folded:
            template.fold()
        return template


class Folded(NodeList):
    """Hold a template's nodes, and find its blocks once: a page asks its base for them each time."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__(nodes)
        self.found: dict[Any, list[Node]] = {}

    def get_nodes_by_type(self, nodetype: Any) -> list[Any]:
        if nodetype not in self.found:
            self.found[nodetype] = super().get_nodes_by_type(nodetype)
        return self.found[nodetype]


class Fixed(Node):
    """Stand for nodes whose text is the same each time, below one address of the site."""

    child_nodelists = ()

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = list(nodes)
        self.by_prefix = any(map(_goes_by_prefix, nodes))
        self.texts: dict[str, SafeString] = {}

    def render_annotated(self, context: Context) -> SafeString:
        return self.render(context)

    def render(self, context: Context) -> SafeString:
        prefix = get_script_prefix() if self.by_prefix else ""
        if (text := self.texts.get(prefix)) is None:
            text = self.texts[prefix] = SafeString("".join(str(node.render_annotated(context)) for node in self.nodes))
        return text


def _goes_by_prefix(node: Node) -> bool:
    if isinstance(node, Included):
        return any(map(_goes_by_prefix, node.found.nodelist))
    return node.by_prefix if isinstance(node, Fixed) else isinstance(node, URLNode)


class Included(IncludeNode):
    """Include a template that was found already."""

    def __init__(self, node: IncludeNode, template: Template) -> None:
        super().__init__(node.template, extra_context=node.extra_context, isolated_context=node.isolated_context)
        self.found = template

    def render(self, context: Context) -> SafeString:
        values = {name: value.resolve(context) for name, value in self.extra_context.items()}
        with context.push(**values):
            return self.found.nodelist.render(context)


class Address(URLNode):
    """Write the address of a view whose name is known."""

    def __init__(self, node: URLNode) -> None:
        super().__init__(node.view_name, node.args, node.kwargs, node.asvar)
        self.view: str = node.view_name.var

    def render(self, context: Context) -> str:
        try:
            url = reverse_quickly(self.view, **{name: value.resolve(context) for name, value in self.kwargs.items()})
        except NoReverseMatch:
            if self.asvar is None:
                raise
            url = ""
        if self.asvar is None:
            return conditional_escape(url) if context.autoescape else url
        context[self.asvar] = url
        return ""


def fold(nodes: Sequence[Node], engine: Engine) -> NodeList:
    """Return the nodes, with all below them, as fewer."""
    seen = [_fold_node(node, engine) for node in nodes]
    folded = NodeList()
    for fixed, run in groupby(seen, key=_is_fixed):
        together = list(run)
        folded += [Fixed(together)] if fixed and any(type(node) is not TextNode for node in together) else together
    return folded


def _fold_node(node: Node, engine: Engine) -> Node:
    if type(node) is VariableNode:
        return _mark(QuickVariableNode(node.filter_expression), node)
    if isinstance(node, IfNode):
        node.conditions_nodelists = [(condition, fold(each, engine)) for condition, each in node.conditions_nodelists]
        return node
    for name in node.child_nodelists:
        if isinstance(found := node.__dict__.get(name), NodeList):
            setattr(node, name, fold(found, engine))
    if type(node) is IncludeNode:
        return _find_included(node, engine)
    if type(node) is URLNode and _is_constant(node.view_name) and not node.args and (node.kwargs or node.asvar):
        return _mark(Address(node), node)
    return node


def _mark(quick: Node, node: Node) -> Node:
    """Return it with where it stands, of which errors tell."""
    quick.origin, quick.token = node.origin, node.token
    return quick


SCOPED: Any = (BlockNode, ExtendsNode, CycleNode, IfChangedNode)
"""What keeps something for itself while its template is rendered."""


def _find_included(node: IncludeNode, engine: Engine) -> Node:
    """Return what includes the same quicker, where it is known what it includes."""
    name = node.template.var
    if not _is_constant(node.template) or name.startswith("."):
        return node
    try:
        template = engine.get_template(name)
    except TemplateDoesNotExist:
        return node
    plain = not node.isolated_context and not template.nodelist.get_nodes_by_type(SCOPED)
    return _mark(Included(node, template), node) if plain else node


def _is_fixed(node: Node) -> bool:
    if isinstance(node, Included):
        return isinstance(node.found.nodelist, Folded) and all(map(_is_fixed, node.found.nodelist))
    if isinstance(node, StaticNode):
        return node.varname is None and _is_constant(node.path)
    if type(node) is URLNode:
        return node.asvar is None and _is_constant(node.view_name) and not node.args and not node.kwargs
    if isinstance(node, SimpleNode):
        return (
            node.func in _pure
            and not node.takes_context
            and node.target_var is None
            and all(map(_is_constant, [*node.args, *node.kwargs.values()]))
        )
    return type(node) in {TextNode, Fixed, CommentNode, LoadNode, TemplateTagNode}


def _is_constant(expression: FilterExpression) -> bool:
    return isinstance(expression.var, str) and not expression.filters
