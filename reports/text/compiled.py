"""Keeps compiled templates where Python keeps compiled modules: compiling them takes longer than filling them in."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from gates.files import write_atomically

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


class CompiledTemplates(BytecodeCache):
    """Code beside the templates, or below `sys.pycache_prefix`; written only where Python would write its own."""

    def __init__(self, kind: str) -> None:
        """Keep the templates of one environment, which `kind` names."""
        self._kind = kind

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the code of exactly this template, Python, Jinja2 and this folder's ways to escape, if it is there."""
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
            stamp, content = _stamp(bucket), self._file(bucket).read_bytes()
            if content.startswith(stamp):
                bucket.code = marshal.loads(content[len(stamp) :])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code, if that can be done."""
        if sys.dont_write_bytecode or bucket.code is None:
            return
        with contextlib.suppress(OSError):
            file = self._file(bucket)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, _stamp(bucket) + marshal.dumps(bucket.code))

    def _file(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(TEMPLATES / f"{self._kind}-{bucket.key}.py")))


def _stamp(bucket: Bucket) -> bytes:
    escaping = [file.stat().st_mtime_ns for file in sorted(Path(__file__).parent.glob("*.py"))]
    said = f"{jinja2.__version__} {bucket.checksum} {escaping}"
    return MAGIC_NUMBER + hashlib.sha256(said.encode()).digest()
