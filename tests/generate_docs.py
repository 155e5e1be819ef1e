"""Writes the parts of docs/ that are generated from code and configuration: `make docs`."""

from pathlib import Path

from tests.docs.gates_and_causes import causes_document, gates_document
from tests.docs.keys_document import keys_document
from trainer.run.tags import markdown_table

ROOT = Path(__file__).resolve().parents[1]


def replace_between(path: Path, name: str, content: str) -> None:
    """Replace what stands between `<!-- name:begin ... -->` and `<!-- name:end -->`."""
    text = path.read_text(encoding="utf-8")
    head, rest = text.split(f"<!-- {name}:begin", 1)
    comment, rest = rest.split("-->", 1)
    _, tail = rest.split(f"<!-- {name}:end", 1)
    path.write_text(
        f"{head}<!-- {name}:begin{comment}-->\n{content}\n<!-- {name}:end{tail}", encoding="utf-8"
    )


if __name__ == "__main__":
    replace_between(ROOT / "docs" / "run-directory.md", "tags", markdown_table())
    (ROOT / "docs" / "gates.md").write_text(gates_document(), encoding="utf-8")
    (ROOT / "docs" / "causes.md").write_text(causes_document(), encoding="utf-8")
    (ROOT / "docs" / "keys.md").write_text(keys_document(), encoding="utf-8")
