"""Measures the chain: ``make bench``, run from the repository's root with its examples.

``builds`` carries networks to boards through the real flow, ``programs`` times what runs on the
host, ``page`` writes both into ``docs/benchmarks.md`` beside the published figures of others.
"""
