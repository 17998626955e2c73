"""The owner's Markdown as plain text, for those who read their mail that way."""

from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_parser = MarkdownIt("commonmark", {"html": False}).enable("table")


def plain_text(markdown: str) -> str:
    """Return *markdown* without its marks: headings underlined, links written out."""
    return _blocks(SyntaxTreeNode(_parser.parse(markdown)).children)


def _blocks(nodes: Iterable[SyntaxTreeNode], between: str = "\n\n") -> str:
    return between.join(text for node in nodes if (text := _block(node)))


def _block(node: SyntaxTreeNode) -> str:  # noqa: PLR0911 - one for each kind of block
    match node.type:
        case "heading":
            title = _inline(node.children)
            return f"{title}\n{('=' if node.tag == 'h1' else '-') * len(title)}"
        case "paragraph":
            return _inline(node.children)
        case "bullet_list" | "ordered_list":
            return "\n".join(_item(node, n) for n in range(len(node.children)))
        case "blockquote":
            return _after("> ", "> ", _blocks(node.children))
        case "table":
            rows = [row for part in node.children for row in part.children]
            return "\n".join(
                " | ".join(_inline(cell.children) for cell in row.children) for row in rows
            )
        case "hr":
            return "* * *"
        case _:
            return node.content.rstrip("\n")  # code


def _item(items: SyntaxTreeNode, n: int) -> str:
    ordered = items.type == "ordered_list"
    mark = f"{int(items.attrs.get('start', 1)) + n}. " if ordered else "- "
    return _after(mark, " " * len(mark), _blocks(items.children[n].children, "\n"))


def _after(first: str, others: str, text: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *(f"{others}{line}".rstrip() for line in lines[1:])])


def _inline(nodes: Iterable[SyntaxTreeNode]) -> str:
    return "".join(_span(node) for node in nodes)


def _span(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "link":
            return _link(node)
        case _ if node.children:  # emphasis and the like
            return _inline(node.children)
        case _:
            return node.content


def _link(node: SyntaxTreeNode) -> str:
    words, address = _inline(node.children), str(node.attrs["href"]).removeprefix("mailto:")
    return words if words == address else f"{words} ({address})"
