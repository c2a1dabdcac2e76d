"""Numbers as a person reads them: the digits that the interval supports, and no false 100 %.

The last digit that is shown is worth at least a hundredth of the interval's width, so that nobody
compares models by a digit that another draw of photos would change.
"""

import math

from lineament.measure.intervals import Interval

PERCENT_DIGITS = 1
NUMBER_DIGITS = 3
NO_BREAK = "\u00a0"


def digits(width: float, *, most: int) -> int:
    """Say how many decimals a figure deserves.

    Args:
        width: Width of its interval, in the unit that is shown.
        most: The most decimals to give, however narrow the interval.

    Returns:
        0 to ``most``.

    Example:
        >>> digits(6.4, most=1), digits(30.0, most=1), digits(0.0, most=1)
        (1, 0, 1)
    """
    if width <= 0:
        return most
    return max(0, min(most, math.floor(2 - math.log10(width))))


def percent(fraction: float, *, decimals: int = PERCENT_DIGITS, unit: bool = True) -> str:
    """Write a fraction as percent; one that is not 1 is never shown as 100, nor above 0 as 0.

    Args:
        fraction: 0 to 1.
        decimals: Digits after the point.
        unit: Whether to add the sign, after a no-break space.

    Returns:
        The text.

    Example:
        >>> percent(0.98, unit=False), percent(0.9999, unit=False), percent(0.0001, unit=False)
        ('98.0', '>99.9', '<0.1')
    """
    sign = f"{NO_BREAK}%" if unit else ""
    step = 10.0**-decimals
    text = f"{fraction * 100:.{decimals}f}"
    if fraction < 1 and float(text) >= 100:
        text = f">{100 - step:.{decimals}f}"
    elif fraction > 0 and float(text) == 0:
        text = f"<{step:.{decimals}f}"
    return text + sign


def number(value: float, *, decimals: int = NUMBER_DIGITS) -> str:
    """Write a figure that is no fraction; one above 0 is never shown as 0, and a minus is one.

    Example:
        >>> number(0.0641, decimals=2), number(0.0001, decimals=3), number(0.0), number(-0.25)
        ('0.06', '<0.001', '0.000', '−0.250')
    """
    text = f"{value:.{decimals}f}".replace("-", "−")
    return f"<{10.0**-decimals:.{decimals}f}" if value > 0 and float(text) == 0 else text


def signed(value: float) -> str:
    """Write a figure of either sign with one decimal and a real minus.

    Example:
        >>> signed(2.93), signed(-0.4), signed(-0.01)
        ('2.9', '−0.4', '0.0')
    """
    text = f"{value:.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def counted(n: int, noun: str) -> str:
    """Write a count with its noun, thousands apart.

    Example:
        >>> counted(1, "photo"), counted(12000, "class"), counted(2, "group")
        ('1 photo', '12,000 classes', '2 groups')
    """
    plural = "es" if noun.endswith("s") else "s"
    return f"{n:,} {noun}{'' if n == 1 else plural}"


def interval_texts(interval: Interval, *, is_fraction: bool) -> tuple[str, str, str]:
    """Write a figure and its limits with the digits that its interval supports.

    Args:
        interval: The figure.
        is_fraction: Whether to show it as percent.

    Returns:
        The value with its unit, then the lower and the upper limit without.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> interval_texts(wilson(100, 102), is_fraction=True)
        ('98.0\\xa0%', '93.1', '99.5')
    """
    width = interval.high - interval.low
    if is_fraction:
        decimals = digits(width * 100, most=PERCENT_DIGITS)
        return (
            percent(interval.value, decimals=decimals),
            percent(interval.low, decimals=decimals, unit=False),
            percent(interval.high, decimals=decimals, unit=False),
        )
    decimals = digits(width, most=NUMBER_DIGITS)
    value, low, high = (
        number(each, decimals=decimals) for each in (interval.value, interval.low, interval.high)
    )
    return value, low, high
