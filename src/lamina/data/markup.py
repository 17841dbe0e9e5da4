"""XML files as trees of elements: without document types, and so without entities.

Files of annotations come from anywhere. A document type may define entities that expand to
gigabytes, or that read other files; a file with one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from lamina.errors import FileFormatError

MOST_BYTES = 8 << 20
MOST_DEPTH = 100


@dataclass
class Element:
    """An element: its name, the text in it, and the elements in it."""

    name: str
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Return the elements of this name directly in this one."""
        return (each for each in self.inner if each.name == name)

    def find(self, name: str) -> Element | None:
        """Return the first of them; None without any."""
        return next(self.all(name), None)

    def value(self, name: str) -> str | None:
        """Return the text of the first of them, without spaces around it; None without any."""
        found = self.find(name)
        return None if found is None else found.text.strip()


def parsed(content: bytes, path: str) -> Element:
    """Return the outermost element of an XML file.

    Args:
        content: the bytes of the file.
        path: its name in errors.

    Raises:
        FileFormatError: if it is not well-formed, has a document type, is too large, or too deep.
    """
    if len(content) > MOST_BYTES:
        raise FileFormatError(f"{path}: {len(content):,} bytes (expected at most {MOST_BYTES:,})")
    top = Element("")
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MOST_DEPTH:
            raise FileFormatError(f"{path}: more than {MOST_DEPTH} elements in each other")
        element = Element(name)
        open_elements[-1].inner.append(element)
        open_elements.append(element)

    def end(name: str) -> None:
        open_elements.pop()

    def text(words: str) -> None:
        open_elements[-1].text += words

    def refuse(*_: object) -> None:
        raise FileFormatError(
            f"{path}: has a document type, which may define entities (expected none)",
            hint="remove the line that begins with <!DOCTYPE",
        )

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise FileFormatError(f"{path}: not an XML file that can be read: {error}") from error
    except (ValueError, LookupError) as error:  # an unknown encoding
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path}: not an XML file that can be read: {error}") from error
    return top.inner[0]
