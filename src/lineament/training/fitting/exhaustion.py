"""Exhaustion: telling a lack of memory from other errors."""

from accelerate.utils.memory import should_reduce_batch_size

# oneDNN says no more than this when its working memory cannot be had.
ONEDNN = ("could not create a primitive", "could not execute a primitive", "std::bad_alloc")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory did not suffice, on whatever device.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if isinstance(error, MemoryError) or should_reduce_batch_size(error):
        return True
    return isinstance(error, RuntimeError) and str(error).startswith(ONEDNN)
