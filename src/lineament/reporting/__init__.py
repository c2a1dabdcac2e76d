"""Show a report to a person: figures and one self-contained page, from ``report.json`` alone."""
