"""Wording: numbers inside the sentences of a finding."""

from lineament.measure.intervals import Interval

ROUGH = 0.1  # of a width of ten points or more, decimals are noise


def percent(fraction: float, *, decimals: int = 1) -> str:
    """Write a fraction; what is not exactly all or none is never rounded to it.

    Example:
        >>> percent(0.934), percent(0.9999), percent(0.0001), percent(1.0), percent(0.5, decimals=0)
        ('93.4 %', '>99.9 %', '<0.1 %', '100 %', '50 %')
    """
    if fraction in (0, 1):
        return f"{fraction:.0%}".replace("%", " %")
    text = f"{fraction * 100:.{decimals}f}"
    step = 10.0**-decimals
    if float(text) >= 100:
        text = f">{100 - step:.{decimals}f}"
    elif float(text) <= 0:
        text = f"<{step:.{decimals}f}"
    return f"{text} %"


def asked(fraction: float) -> str:
    """Write a fraction that a person chose, with the digits that it was given.

    Example:
        >>> asked(0.99), asked(0.995)
        ('99 %', '99.5 %')
    """
    return f"{round(fraction * 100, 6):g} %"


def spread(interval: Interval) -> str:
    """Write a fraction with its limits, in the digits that the interval supports.

    Example:
        >>> from lineament.measure.intervals import wilson
        >>> spread(wilson(930, 1000)), spread(wilson(9, 10))
        ('93.0 % (91.2 to 94.4)', '90 % (60 to 98)')
    """
    decimals = 0 if interval.high - interval.low >= ROUGH else 1
    low, high = (
        percent(each, decimals=decimals).removesuffix(" %")
        for each in (interval.low, interval.high)
    )
    return f"{percent(interval.value, decimals=decimals)} ({low} to {high})"


def photos(n: int, *, kind: str = "") -> str:
    """Write a number of photos.

    Example:
        >>> photos(1), photos(12000, kind="validation")
        ('1 photo', '12,000 validation photos')
    """
    return f"{n:,} {kind}{' ' if kind else ''}photo{'' if n == 1 else 's'}"
