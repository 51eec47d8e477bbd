import math
from array import array

def shorten(vector, dims):
    """Shortens a query vector as cf-migrate --dims does for a cosine index."""
    kept = array("f", vector[:dims])  # 32-bit floats, as the index holds them
    squares = 0.0
    for number in kept:  # not sum(), which rounds otherwise since Python 3.12
        squares += number * number
    if squares == 0.0 or len(vector) == dims:
        return list(kept)
    norm = math.sqrt(squares)
    return list(array("f", (number / norm for number in kept)))
