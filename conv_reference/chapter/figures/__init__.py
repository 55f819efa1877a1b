"""The figures of the chapter: numbers in, a matplotlib figure out.

Those of a part of the page are in the module of the part's name.
"""
