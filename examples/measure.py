"""Measures files. Serve it with: whipper exec examples/measure.py

Every public function of this module is a method of the pool; nothing needs to be installed or imported for that.
"""

import gzip
import hashlib
from pathlib import Path


def measure(path):
    """Return the digest, lines, words and compressibility of the file at path."""
    content = Path(path).read_bytes()
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    return {
        "path": str(path),
        "bytes": len(content),
        "lines": content.count(b"\n"),
        "words": len(content.split()),
        "sha256": hashlib.sha256(content).hexdigest(),
        "gzipRatio": round(len(packed) / max(len(content), 1), 3),
    }
