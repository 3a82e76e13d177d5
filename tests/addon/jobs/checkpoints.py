"""A checkpoint for who does not read its tensors."""

import json
import struct


def write_checkpoint(folder, content="c" * 64):
    """Only the header, which is all that the add-on reads."""
    header = json.dumps({"__metadata__": {"checkpoint": json.dumps({"content": content})}}).encode()
    folder.checkpoint.write_bytes(struct.pack("<Q", len(header)) + header)
