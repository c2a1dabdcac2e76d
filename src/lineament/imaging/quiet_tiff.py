"""Quiet TIFF: libtiff keeps to itself what it thinks of a damaged file.

It writes that to standard error, where nobody can tell of which file it speaks; the error that is
raised says it. A service whose log is full stood still in the middle of such a line, and any
stranger could fill the log.
"""

import ctypes
import functools
import importlib

HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")


@functools.cache
def silence_libtiff() -> bool:
    """Take the handlers away that write, once in a process; say whether that could be done.

    Pillow has no call for it. Where its libtiff cannot be reached from outside, it goes on writing.
    """
    try:
        library = ctypes.CDLL(importlib.import_module("PIL._imaging").__file__)  # and what it links
        for name in HANDLERS:
            take = getattr(library, name)
            take.argtypes, take.restype = [ctypes.c_void_p], ctypes.c_void_p
            take(None)
    except (OSError, AttributeError, TypeError):
        return False
    return True
