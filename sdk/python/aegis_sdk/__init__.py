"""A client of `aegis serve`: sealed events, decisions and approvals. Standard library only."""

from .canon import canonical_json, canonicalize, hash_object, hash_object_hex
from .client import AegisClient, AegisHTTPError
from .envelope import Builder, Envelope, EventType

__all__ = [
    "AegisClient",
    "AegisHTTPError",
    "Builder",
    "Envelope",
    "EventType",
    "canonical_json",
    "canonicalize",
    "hash_object",
    "hash_object_hex",
]

__version__ = "0.1.0"
